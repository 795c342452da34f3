import Inspection
import Plans
import Testing

@Suite struct StageTotalsTests {
    @Test func `the last stage has the tape's sizes`() throws {
        for model in [try InspectedModels.small, try InspectedModels.full] {
            for function in model.inspection.functions {
                let totals = try #require(function.stages.last?.totals)
                #expect(totals.instructions == function.instructions && totals.barriers == function.barriers)
                #expect(totals.arenaBytesPerRow == function.arenaBytesPerRow)
                #expect(totals.unplannedBytesPerRow == function.unplannedBytesPerRow)
            }
        }
    }

    @Test func `weights and matrix products agree with what the tape costs`() throws {
        let model = try InspectedModels.full
        for (function, scheduled) in zip(model.inspection.functions, model.schedule.functions) {
            let cost = TapeCost(
                of: scheduled, in: model.schedule, rows: 1, recurrences: function.recurrences, context: 99)
            let totals = try #require(function.stages.last?.totals)
            #expect(totals.weightBytes == cost.weightBytes)
            let flops = Double(totals.flopsPerRow + 100 * totals.flopsPerPosition)
            let products = cost.operations.values.reduce(0, +)
            // The cost of the tape does not include elementwise work.
            #expect(flops >= products && flops < products * 1.001, "\(function.label)")
        }
    }

    @Test func `passes never make a function cost more in the end`() throws {
        for function in try InspectedModels.full.inspection.functions {
            let first = try #require(function.stages.first?.totals)
            let last = try #require(function.stages.last?.totals)
            #expect(last.weightBytes < first.weightBytes && last.valueBytesPerRow < first.valueBytesPerRow)
            #expect(try #require(last.instructions) < #require(first.instructions) || function.unrolled != nil)
        }
    }

    @Test func `an operation reads its source tensor's bytes in the plan's format`() throws {
        let model = try InspectedModels.full
        let half = try #require(
            model.inspection.weights.first { $0.source.hasSuffix("[:, 0:5280]") && $0.bytes != nil })
        #expect(half.source == "@transformer.adapter.weight[5280,10560][:, 0:5280]" && half.format == .int8)
        #expect(half.rows == 5280 && half.columns == 5280)
        let whole = try #require(model.inspection.weights.first { $0.name == "transformer.adapter.weight" })
        #expect(whole.source == "@transformer.adapter.weight")
        #expect(whole.bytes == nil && whole.format == nil, "the plan has only its halves")

        let function = try model.function("step")
        let number = model.inspection.weights.firstIndex(of: half)
        let product = try #require(
            function.stages.last?.inOrder.map { function.operations[$0] }.first { $0.weights.first == number })
        let cost = function.costs[product.cost]
        #expect(cost.weightBytes == half.bytes && cost.flopsPerRow == 2 * 5280 * 5280)
        #expect(cost.readBytesPerRow == 5280 + 4 && cost.writtenBytesPerRow == 4 * 5280)
    }
}
