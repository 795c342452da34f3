import IR
import RandomGraphs
import Testing

@Suite struct RandomProgramTests {
    @Test func everySeedGivesAVerifiedProgramThatRuns() throws {
        for seed in 0..<UInt64(200) {
            let program = try RandomProgram(seed: seed)
            try verify(program.module)
            for tensor in try program.outputs(of: program.module) where tensor.element != .i32 {
                let isFinite = tensor.floats.allSatisfy { $0.isFinite }
                #expect(isFinite, "seed \(seed)")
            }
        }
    }

    @Test func theSameSeedGivesTheSameProgram() throws {
        let (first, second) = (try RandomProgram(seed: 5), try RandomProgram(seed: 5))
        #expect(first.module == second.module)
        #expect(first.calls == second.calls)
        #expect(first.weights == second.weights)
    }

    @Test func seedsReachEveryOpcodeThatArchitecturesAreWrittenIn() throws {
        let fused: Set<Opcode> = [
            .projectRopeWrite, .linearSiluGate, .addNorm, .addNormNorm, .addKeepNorm, .normAdd, .normAddKeepNorm,
            .normRopeWrite,
            .linearArgmax,
        ]
        var seen: Set<Opcode> = []
        for seed in 0..<UInt64(60) {
            for function in try RandomProgram(seed: seed).module.functions {
                function.forEachOperation { operation, _ in seen.insert(operation.opcode) }
            }
        }
        #expect(seen == Set(Opcode.allCases).subtracting(fused))
    }

    /// A rewrite without a change of meaning, written here without a pass. The weights are cut into two halves, so sums
    /// are computed in another order.
    @Test func aRewriteThatOnlyReordersSumsIsNoDifference() throws {
        var rewritten = 0
        for seed in 0..<UInt64(100) {
            let program = try RandomProgram(seed: seed)
            var module = program.module
            var names = FreshNames(for: module.functions[0])
            var derived: [Weight] = []
            module.functions[0].rewriteOperations { operations in
                let definitions = Dictionary(
                    uniqueKeysWithValues: operations.flatMap { operation in
                        operation.results.map { ($0.name, operation) }
                    })
                return operations.flatMap { operation -> [Operation] in
                    guard operation.opcode == .linear, let whole = program.module.weight(operation.symbols[0]),
                        let joined = definitions[operation.operands[0].name], joined.opcode == .concat,
                        let extents = whole.type.fixedExtents, whole.pieces.allSatisfy({ $0.columns == nil })
                    else { return [operation] }
                    rewritten += 1
                    var parts: [Operation] = []
                    var from = 0
                    for half in joined.operands {
                        let columns = from..<from + half.type.width
                        from = columns.upperBound
                        let pieces = whole.pieces.map {
                            WeightPiece($0.tensor, shape: $0.shape, columns: columns, pairing: $0.pairing)
                        }
                        let name = "\(whole.name).columns.\(derived.count)"
                        derived.append(
                            Weight(name, .fixed(.f32, extents[0], half.type.width), source: .pieces(pieces)))
                        let part = Value(names.next(), operation.results[0].type)
                        parts.append(Operation(.linear, [half], symbols: [name], results: [part]))
                    }
                    return parts + [Operation(.add, parts.flatMap(\.results), results: operation.results)]
                }
            }
            module.weights += derived
            #expect(try program.difference(from: module) == nil)
        }
        #expect(rewritten > 20)
    }

    @Test func aRewriteThatChangesAConstantIsADifference() throws {
        var noticed = 0
        for seed in 0..<UInt64(30) {
            let program = try RandomProgram(seed: seed)
            var module = program.module
            module.functions[0].operations[0].attributes["scale"] = .float(0.5)
            if try program.difference(from: module) != nil { noticed += 1 }
        }
        // In some graphs, no returned value depends on the embedding.
        #expect(noticed > 10)
    }
}
