import Foundation
import Inspection
import RepositoryFiles
import Testing

/// The JSON form, compared with `docs/inspect.schema.json`, which describes it.
@Suite struct SchemaTests {
    private static func schema() throws -> SchemaValidator {
        try SchemaValidator(
            Data(contentsOf: Repository.root.appending(path: "docs/inspect.schema.json")))
    }

    /// An inspection with every optional key of the plan's object.
    private static func predicted() throws -> Inspection {
        var inspection = try InspectedModels.small.inspection
        inspection.prediction = InspectedPrediction(
            rows: 2, context: 10, threads: 3, readGbS: 12.5, peaks: [.init(product: "bf16", tflops: 0.5)],
            instructionUs: 0.01, barrierUs: 0.5)
        inspection.cacheMemory = [.init(format: "int8", isDefault: false, budget: 4, bytesPerPosition: 123)]
        for index in inspection.functions.indices { inspection.functions[index].predictedMs = 1.5 + Double(index) }
        return inspection
    }

    @Test func `the JSON form is what the schema says, key for key`() throws {
        for inspection in [try InspectedModels.small.inspection, try Self.predicted()] {
            #expect(try Self.schema().faults(in: Data(inspection.json().utf8)) == [])
        }
    }

    @Test func `the schema notices what is wrong`() throws {
        let json = try Self.predicted().json()
        let schema = try Self.schema()
        for (right, wrong) in [
            ("\"schema\":2", "\"schema\":1"), ("\"barrier\":true", "\"barrier\":1"), ("\"moved\":[]", "\"moved\":[-1]"),
            ("\"bytes\":0", "\"bytes\":0.5"), ("\"place\":\"arena\"", "\"place\":\"heap\""),
            ("\"plan\":", "\"plane\":"), ("\"has_weights\":false", "\"has_weights\":0"),
            ("\"predicted_ms\":1.5", "\"predicted_ms\":\"1.5\""), ("\"tflops\":0.5", "\"tflops\":true"),
            ("\"source\":\"@lm_head.weight\"", "\"source\":3"), ("\"injects_input\":true", "\"injects_input\":1"),
            ("\"bytes_per_position\":123", "\"bytes_per_position\":-1"),
        ] {
            let range = try #require(json.firstRange(of: right), "\(right)")
            let damaged = json.replacingCharacters(in: range, with: wrong)
            #expect(try !schema.faults(in: Data(damaged.utf8)).isEmpty, "\(wrong)")
        }
    }

    @Test func `the JSON form reads back as the same inspection`() throws {
        let inspection = try Self.predicted()
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        #expect(try decoder.decode(Inspection.self, from: Data(inspection.json().utf8)) == inspection)
    }

    @Test func `numbers name things that are there`() throws {
        let inspection = try InspectedModels.full.inspection
        for function in inspection.functions {
            #expect(function.values.allSatisfy { inspection.types.indices.contains($0.type) })
            let values = function.values.indices
            for operation in function.operations {
                #expect((operation.operands + operation.results).allSatisfy(values.contains))
                #expect(operation.weights.allSatisfy(inspection.weights.indices.contains))
                #expect(operation.cache.map(inspection.caches.indices.contains) ?? true)
                #expect(function.costs.indices.contains(operation.cost))
            }
            for stage in function.stages {
                #expect(inspection.stages.indices.contains(stage.stage))
                #expect(stage.inOrder.allSatisfy(function.operations.indices.contains))
                #expect(Set(stage.inOrder).count == stage.inOrder.count)
                for repetition in stage.repetitions {
                    #expect(repetition.start + repetition.period * repetition.count <= stage.operations.count)
                }
            }
        }
    }

    @Test func `what stays the same is stored once, so that the largest model stays small`() throws {
        let inspection = try InspectedModels.full.inspection
        let function = try InspectedModels.full.function("decode.r32")
        let spelledOut = function.stages.map { $0.inOrder.count }.reduce(0, +)
        #expect(function.operations.count < spelledOut / 2)
        #expect(try inspection.json().utf8.count < 6 << 20)
    }
}
