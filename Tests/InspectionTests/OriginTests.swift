import Inspection
import Testing

/// The mapping of operations from the first stage to the last.
@Suite struct OriginTests {
    @Test func `every operation of the source is on the tape, or was dropped by a pass with a name`() throws {
        for model in [try InspectedModels.small, try InspectedModels.full] {
            for function in model.inspection.functions {
                let onTape = Set(function.tape.compactMap(\.operation))
                let sources = try #require(function.stages.first).inOrder
                #expect(function.fates.map(\.operation) == sources)
                for fate in function.fates {
                    if fate.into.isEmpty {
                        let stage = try #require(fate.droppedBy)
                        #expect(function.stages.contains { $0.stage == stage && $0.removed.count > 0 })
                    } else {
                        #expect(fate.droppedBy == nil)
                        #expect(onTape.isSuperset(of: fate.into), "\(function.label), operation \(fate.operation)")
                    }
                }
            }
        }
    }

    @Test func `every operation of the last stage is one instruction or more`() throws {
        for function in try InspectedModels.full.inspection.functions {
            let last = try #require(function.stages.last)
            let counts = Dictionary(grouping: function.tape.filter { $0.opcode != "copy" }) { $0.operation }
                .mapValues(\.count)
            for operation in last.inOrder { #expect(counts[operation] == 1) }
            #expect(counts.count == last.inOrder.count)
        }
    }

    @Test func `fused operations name the tape's operation that computes them`() throws {
        let function = try InspectedModels.small.function("step")
        let source = try #require(function.stages.first)
        func fates(_ opcode: String) -> [[String]] {
            function.fates.filter { function.operations[$0.operation].opcode == opcode }
                .map { $0.into.map { function.operations[$0].opcode } }
        }
        #expect(source.loops.count == 1)
        #expect(fates("rope").allSatisfy { $0 == ["project_rope_write"] } && !fates("rope").isEmpty)
        #expect(fates("cache_write").allSatisfy { $0 == ["project_rope_write"] } && !fates("cache_write").isEmpty)
        #expect(fates("silu").allSatisfy { $0 == ["linear_silu_gate"] } && !fates("silu").isEmpty)
        #expect(fates("argmax") == [["linear_argmax"]])
        // The expected operations are the concatenation's two readers after split-adapter, and those with which their
        // sum was fused.
        #expect(fates("concat") == [["add_keep_norm", "linear", "linear"]])
        #expect(fates("repeat") == [["repeat"]])
    }

    @Test func `an unrolled operation became one for each recurrence`() throws {
        let model = try InspectedModels.full
        let function = try model.function("decode.r32")
        let body = try #require(function.stages.first?.loops.first).operations
        let products = function.fates.filter {
            body.contains($0.operation) && function.operations[$0.operation].opcode == "rope"
        }
        #expect(products.count == 2 * 4)
        for fate in products { #expect(fate.into.count == 32) }
    }

    @Test func `what a pass removed and added is the difference of the stages`() throws {
        for function in try InspectedModels.full.inspection.functions {
            for (before, after) in zip(function.stages, function.stages.dropFirst()) {
                let (old, new) = (Set(before.inOrder), Set(after.inOrder))
                #expect(Set(after.removed) == old.subtracting(new) && Set(after.added) == new.subtracting(old))
                for transition in after.became {
                    #expect(after.removed.contains(transition.operation))
                    #expect(!transition.into.isEmpty && new.isSuperset(of: transition.into))
                }
            }
        }
    }

    @Test func `the recurrences of an unrolled function are found as one repetition`() throws {
        let function = try InspectedModels.full.function("decode.r32")
        let unrolled = try #require(function.stages.first { $0.totals.operations > 1000 })
        let body = try #require(function.stages[function.stages.count > 2 ? 2 : 0].loops.first).operations.count
        #expect(unrolled.repetitions.map(\.count) == [32])
        #expect(unrolled.repetitions.map(\.period) == [body])
        let last = try #require(function.stages.last?.repetitions.first)
        #expect(last.count >= 31)
    }
}
