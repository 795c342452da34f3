import IR
import Testing

/// The contents of caches, and the entry that each reader uses. The functions here write the state of each recurrence
/// as keys and values of a single column pair. A query of zeros weighs all positions equally, so that attention is the
/// plain mean.
@Suite struct CacheTests {
    static let text = """
        cache @core : f32[1,2] recurrent
        cache @once : f32[1,2]

        func @loop(%x: f32[rows,2], %zero: f32[rows,2], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> f32[rows,2] {
          %r, %y = repeat recurrences (%s = %x, %last = %x) : f32[rows,2], f32[rows,2] {
            cache_write %s, %s, %slot, %position, %depth, @core {recurrence = induction}
            %a = wavefront_attention %zero, %slot, %position, %depth, @core {heads = 1, recurrence = induction} : f32[rows,2]
            %n = add %s, %s : f32[rows,2]
            yield %n, %a
          }
          return %y
        }

        func @unrolled(%x: f32[rows,2], %zero: f32[rows,2], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> f32[rows,2] {
          cache_write %x, %x, %slot, %position, %depth, @core {recurrence = 0}
          %x1 = add %x, %x : f32[rows,2]
          cache_write %x1, %x1, %slot, %position, %depth, @core {recurrence = 1}
          %a = wavefront_attention %zero, %slot, %position, %depth, @core {heads = 1, recurrence = 1} : f32[rows,2]
          return %a
        }

        func @read(%zero: f32[rows,2], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> (f32[rows,2], f32[rows,2], f32[rows,2], f32[rows,2]) {
          %a = wavefront_attention %zero, %slot, %position, %depth, @core {heads = 1, recurrence = 0} : f32[rows,2]
          %b = wavefront_attention %zero, %slot, %position, %depth, @core {heads = 1, recurrence = 1} : f32[rows,2]
          %c = wavefront_attention %zero, %slot, %position, %depth, @core {heads = 1, recurrence = 2} : f32[rows,2]
          %d = wavefront_attention %zero, %slot, %position, %depth, @core {heads = 1, recurrence = 99} : f32[rows,2]
          return %a, %b, %c, %d
        }

        func @attend(%k: f32[rows,2], %v: f32[rows,2], %q: f32[rows,2], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> f32[rows,2] {
          cache_write %k, %v, %slot, %position, %depth, @once {recurrence = 0}
          %a = wavefront_attention %q, %slot, %position, %depth, @once {heads = 1, recurrence = 0} : f32[rows,2]
          return %a
        }

        func @zigzag(%x: f32[rows,2], %slot: i32[rows], %position: i32[rows], %depth: i32[rows]) -> f32[rows,2] {
          %r = repeat 3 (%s = %x) : f32[rows,2] {
            cache_write %s, %s, %slot, %position, %depth, @core {recurrence = induction}
            yield %s
          }
          return %r
        }
        """

    static func interpreter() throws -> Interpreter { try Interpreter(module: Module(parsing: text), weights: [:]) }

    static func column(_ values: [Int32]) -> Tensor { Tensor(values, shape: [values.count]) }
    static func pairs(_ values: [Float]) -> Tensor { Tensor(values.flatMap { [$0, $0] }, shape: [values.count, 2]) }

    /// The first column of each result.
    static func firsts(_ tensors: [Tensor]) -> [[Float]] {
        tensors.map { tensor in stride(from: 0, to: tensor.floats.count, by: 2).map { tensor.floats[$0] } }
    }

    /// Calls `function` with a state for each row of sequence 0.
    static func call(
        _ function: String, _ states: [Float], at positions: [Int32], depths: [Int32]? = nil, recurrences: Int = 0,
        advance: Int? = nil, _ caches: inout CacheState
    ) throws -> [Float] {
        let zeros = pairs([Float](repeating: 0, count: states.count))
        let zeroDepths = [Int32](repeating: 0, count: positions.count)
        let rows = [column(positions.map { _ in 0 }), column(positions), column(depths ?? zeroDepths)]
        let arguments = function == "zigzag" ? [pairs(states)] + rows : [pairs(states), zeros] + rows
        return firsts(
            try interpreter().run(
                function, arguments: arguments, recurrences: recurrences, advance: advance, caches: &caches))[0]
    }

    /// The values that readers at recurrences 0, 1, 2 and 99 find at position 0.
    static func entries(_ caches: CacheState) throws -> [Float] {
        var caches = caches
        let arguments = [pairs([0]), column([0]), column([0]), column([0])]
        return firsts(try interpreter().run("read", arguments: arguments, caches: &caches)).flatMap { $0 }
    }

    @Test func `with a budget for all, a reader finds its own recurrence, or the last`() throws {
        var caches = CacheState(budget: 8)
        _ = try Self.call("loop", [1], at: [0], recurrences: 3, &caches)
        #expect(try Self.entries(caches) == [1, 2, 4, 4])
    }

    @Test func `with a budget of one, every reader finds the last recurrence`() throws {
        var caches = CacheState(budget: 1)
        _ = try Self.call("loop", [1], at: [0], recurrences: 3, &caches)
        #expect(try Self.entries(caches) == [4, 4, 4, 4])
    }

    @Test func `with a smaller budget, recurrences that share an entry overwrite each other`() throws {
        // Recurrences 0 … 4 write 1, 2, 4, 8, 16 to entries 0, 1, 0, 1, 0.
        var caches = CacheState(budget: 2)
        _ = try Self.call("loop", [1], at: [0], recurrences: 5, &caches)
        #expect(try Self.entries(caches) == [16, 8, 16, 16])
    }

    @Test func `a position that is written again counts the new call's recurrences`() throws {
        var caches = CacheState(budget: 8)
        _ = try Self.call("loop", [1], at: [0], recurrences: 3, &caches)
        _ = try Self.call("loop", [10], at: [0], recurrences: 2, &caches)
        #expect(try Self.entries(caches) == [10, 20, 20, 20])
    }

    @Test func `rows of one call read each other at their common recurrence`() throws {
        // At the last of 3 recurrences, the rows hold 4 and 40, and the second row reads the mean of both.
        for budget in [1, 2, 8] {
            var caches = CacheState(budget: budget)
            #expect(try Self.call("loop", [1, 10], at: [0, 1], recurrences: 3, &caches) == [4, 22])
        }
    }

    @Test func `a deeper call reads shallow positions at their last recurrence`() throws {
        var caches = CacheState(budget: 8)
        _ = try Self.call("loop", [1], at: [0], recurrences: 2, &caches)
        // Position 0 stays at 2; position 1 reaches 10 · 2³ at recurrence 3.
        #expect(try Self.call("loop", [10], at: [1], recurrences: 4, &caches) == [41])
    }

    @Test func `a row goes on at its own depth, and reads older rows at its own recurrence`() throws {
        var caches = CacheState(budget: 8)
        _ = try Self.call("loop", [1], at: [0], recurrences: 2, &caches)
        // Position 0 goes on at recurrences 2 and 3 with 4 and 8. Position 1 starts: its recurrence 1 reads 2 and 20.
        #expect(try Self.call("loop", [4, 10], at: [0, 1], depths: [2, 0], recurrences: 2, &caches) == [8, 11])
        #expect(try Self.entries(caches) == [1, 2, 4, 8])
    }

    @Test func `a younger position may not be deeper than an older one of the call`() throws {
        var caches = CacheState(budget: 8)
        let error = #expect(throws: InterpreterError.self) {
            try Self.call("loop", [1, 1], at: [1, 0], depths: [3, 2], recurrences: 1, &caches)
        }
        #expect(error?.description.contains("position 1 of slot 0 has depth 3, and position 0 has 2") == true)
    }

    @Test func `static recurrences count as the depth that they reach, unless the caller says otherwise`() throws {
        var caches = CacheState(budget: 8)
        _ = try Self.call("unrolled", [1], at: [0], &caches)
        #expect(try Self.entries(caches) == [1, 2, 2, 2])
        _ = try Self.call("unrolled", [1], at: [0], advance: 1, &caches)
        #expect(try Self.entries(caches) == [1, 1, 1, 1])
        _ = try Self.call("zigzag", [7], at: [0], recurrences: 1, &caches)
        #expect(try Self.entries(caches) == [7, 7, 7, 7])
    }

    @Test func `attention weighs values by the softmax of scaled scores`() throws {
        // Scores of row 1 are q·k / √2: with √2·ln 3 on one key only, the weights are 1/4 and 3/4.
        let scaled = Float(2).squareRoot() * 1.098_612_3
        var caches = CacheState()
        let results = try Self.interpreter().run(
            "attend",
            arguments: [
                Tensor([0, 0, scaled, 0], shape: [2, 2]), Tensor([4, 8, 16, 0] as [Float], shape: [2, 2]),
                Tensor([1, 5, 1, 7] as [Float], shape: [2, 2]), Self.column([2, 2]), Self.column([0, 1]),
                Self.column([0, 0]),
            ], caches: &caches)
        let expected: [Float] = [4, 8, 13, 2]
        let near = zip(results[0].floats, expected).allSatisfy { abs($0 - $1) < 1e-5 }
        #expect(near, "\(results[0].floats)")
    }

    @Test func `sequences do not see each other, and rows may come in any order`() throws {
        var caches = CacheState()
        let results = try Self.interpreter().run(
            "attend",
            arguments: [
                Self.pairs([0, 0, 0]), Self.pairs([6, 100, 2]), Self.pairs([0, 0, 0]), Self.column([0, 5, 0]),
                Self.column([1, 0, 0]), Self.column([0, 0, 0]),
            ], caches: &caches)
        #expect(Self.firsts(results) == [[4, 100, 2]])
    }

    @Test func `a position that was never written is an error`() throws {
        var caches = CacheState()
        let error = #expect(throws: InterpreterError.self) {
            try Self.call("loop", [1], at: [2], recurrences: 1, &caches)
        }
        #expect(
            error?.description.hasSuffix("row 0 reads position 0 of slot 0 at recurrence 0, which has not been written")
                == true)
    }

    @Test func `negative positions and rows for the same place are errors`() throws {
        var caches = CacheState()
        var error = #expect(throws: InterpreterError.self) {
            try Self.call("loop", [1], at: [-1], recurrences: 1, &caches)
        }
        #expect(error?.description.contains("row 0 has slot 0 and position -1, expected at least 0 of both") == true)
        error = #expect(throws: InterpreterError.self) {
            try Self.call("loop", [1, 2], at: [0, 0], recurrences: 1, &caches)
        }
        #expect(error?.description.contains("two rows of the call are position 0 of slot 0") == true)
    }

    @Test func `a call that fails leaves the caches as they were`() throws {
        var caches = CacheState(budget: 8)
        _ = try Self.call("loop", [1], at: [0], recurrences: 3, &caches)
        #expect(throws: InterpreterError.self) {
            try Self.call("loop", [9, 9], at: [0, 7], recurrences: 3, &caches)
        }
        #expect(try Self.entries(caches) == [1, 2, 4, 4])
    }
}
