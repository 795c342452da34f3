import IR
import Testing

@Suite struct FunctionBuilderTests {
    static let module = Module(
        weights: [Weight("w", .fixed(.f32, 6, 4)), Weight("v", .fixed(.f32, 4)), Weight("a", .fixed(.f32, 4, 8))])

    @Test func `a built function prints as it would be written`() throws {
        var b = FunctionBuilder(name: "f", module: Self.module)
        let x = b.parameter("x", .rows(.f32, 4))
        let s = b.repeat(count: .recurrences, carrying: [x], named: ["s"]) { b, carried in
            [b.linear(b.concat(carried[0], x), "a", named: "x")]
        }[0]
        let y = b.norm(s, "v", eps: 1e-6, as: .bf16)
        b.return(b.argmax(b.linear(s, "w")), y)
        #expect(
            try b.finish().description == """
                func @f(%x: f32[rows,4]) -> (i32[rows], bf16[rows,4]) {
                  %s = repeat recurrences (%s.in = %x) : f32[rows,4] {
                    %0 = concat %s.in, %x : f32[rows,8]
                    %x.1 = linear %0, @a : f32[rows,4]
                    yield %x.1
                  }
                  %1 = norm %s, @v {eps = 1e-06} : bf16[rows,4]
                  %2 = linear %s, @w : f32[rows,6]
                  %3 = argmax %2 : i32[rows]
                  return %3, %1
                }
                """)
    }

    @Test func `the first mistake is kept for the end`() {
        var b = FunctionBuilder(name: "f", module: Self.module)
        let x = b.parameter("x", .rows(.f32, 4))
        let bad = b.add(x, b.linear(x, "w"))
        b.return(b.norm(bad, "nothing", eps: 1))
        let error = #expect(throws: BuilderError.self) { try b.finish() }
        #expect(
            error?.description == "function @f, operation 1 `add %x, %0`: operand 2 (%0) is f32[rows,6], expected "
                + "f32[rows,4], the type of operand 1 (%x)")
    }

    @Test func `a function returns once`() {
        var b = FunctionBuilder(name: "f", module: Self.module)
        #expect(throws: BuilderError.self) { try b.finish() }
        b.return()
        #expect(throws: Never.self) { try b.finish() }
        b.return()
        #expect(throws: BuilderError.self) { try b.finish() }
    }

    @Test func `weights and caches are declared where they are used, once for all`() throws {
        var b = FunctionBuilder(name: "f", module: Module())
        let x = b.parameter("x", .rows(.f32, 4))
        let source = WeightSource.pieces([WeightPiece("t", shape: [2, 4]), WeightPiece("u", shape: [4, 4])])
        let first = b.linear(x, b.weight("w", 6, 4, source: source), named: "a")
        let second = b.linear(x, b.weight("w", 6, 4, source: source), named: "b")
        #expect(b.cache("c", heads: 2, dimension: 4, isRecurrent: true) == "c")
        #expect(b.cache("c", heads: 2, dimension: 4, isRecurrent: true) == "c")
        b.return(["state": first, "b": second])
        let function = try b.finish()
        #expect(function.description.hasSuffix("return %a as state, %b\n}"))
        #expect(function.results.map(\.name) == ["state", "b"] && function.returns == [first, second])
        #expect(b.module.weights.map(\.description) == ["weight @w : f32[6,4] = @t[2,4], @u[4,4]"])
        #expect(b.module.caches == [Cache("c", .fixed(.f32, 2, 4), isRecurrent: true)])
    }

    @Test func `a weight or a cache that is declared as something else is a mistake`() {
        func problem(_ body: (inout FunctionBuilder) -> Void) -> String? {
            var b = FunctionBuilder(name: "f", module: Self.module)
            body(&b)
            b.return()
            do {
                _ = try b.finish()
                return nil
            } catch {
                return "\(error)"
            }
        }
        #expect(problem { _ = $0.weight("w", 6, 4) } == nil)
        let asSomethingElse = "declares @w a second time, as something else"
        #expect(problem { _ = $0.weight("w", 6, 5) }?.contains(asSomethingElse) == true)
        let source = WeightSource.pieces([WeightPiece("t", shape: [6, 4])])
        #expect(problem { _ = $0.weight("w", 6, 4, source: source) }?.contains(asSomethingElse) == true)
        let caches = problem { b in
            for isRecurrent in [false, true] { _ = b.cache("c", heads: 2, dimension: 4, isRecurrent: isRecurrent) }
        }
        #expect(caches?.contains("declares @c a second time, as something else") == true)
    }

    @Test func `a loop that yields something else is a mistake`() {
        var b = FunctionBuilder(name: "f", module: Self.module)
        let x = b.parameter("x", .rows(.f32, 4))
        b.return(b.repeat(count: .number(2), carrying: [x]) { b, _ in [b.linear(x, "w")] })
        let error = #expect(throws: BuilderError.self) { try b.finish() }
        #expect(error?.description.contains("yields %1, which is f32[rows,6], expected f32[rows,4]") == true)
    }
}

@Suite struct RewritingTests {
    static func function() throws -> Function {
        try #require(
            try Module(
                parsing: """
                    func @f(%x: f32[rows,4], %i: i32[rows]) -> (f32[rows,4], f32[rows,4]) {
                      %0 = silu %x : f32[rows,4]
                      %r = repeat 3 (%c = %0) : f32[rows,4] {
                        cache_write %c, %0, %i, %i, %i, @k {recurrence = induction}
                        %q = add %c, %x : f32[rows,4]
                        %q.1 = add %q, %0 : f32[rows,4]
                        yield %q.1
                      }
                      return %r as state, %0
                    }
                    """
            ).functions.first)
    }

    @Test func `uses are counted in operations, loops, yields and returns`() throws {
        #expect(try Self.function().useCounts == ["x": 2, "0": 4, "c": 2, "i": 3, "q": 1, "q.1": 1, "r": 1])
    }

    @Test func `substitution reaches every reader and is not repeated`() throws {
        var function = try Self.function()
        let type = TensorType.rows(.f32, 4)
        function.substitute(["0": Value("x", type), "x": Value("0", type), "q.1": Value("c", type)])
        #expect(function.operations[0].operands == [Value("0", type)])
        let body = try #require(function.operations[1].body)
        #expect(function.operations[1].operands == [Value("x", type)])
        #expect(body.operations[0].operands[1] == Value("x", type))
        #expect(body.yields == [Value("c", type)])
        #expect(function.returns == [Value("r", type), Value("x", type)])
        // Callers know a result by its name, whatever value it is.
        #expect(function.results.map(\.name) == ["state", "0"])
    }

    @Test func `an unrolled iteration reads its arguments, has new names and a number for its recurrence`() throws {
        let function = try Self.function()
        var names = FreshNames(for: function)
        let body = try #require(function.operations[1].body)
        let (operations, yields) = body.unrolled([Value("x", .rows(.f32, 4))], recurrence: 2, names: &names)
        #expect(
            operations.map(\.description) == [
                "cache_write %x, %0, %i, %i, %i, @k {recurrence = 2}", "%q.2 = add %x, %x : f32[rows,4]",
                "%q.3 = add %q.2, %0 : f32[rows,4]",
            ])
        #expect(yields.map(\.name) == ["q.3"])
    }

    @Test func `new names are no name of the function`() throws {
        var names = FreshNames(for: try Self.function())
        #expect(
            [names.next(), names.next(), names.next("q"), names.next("q"), names.next("y")] == [
                "1", "2", "q.2", "q.3", "y",
            ])
        #expect(
            [names.next(like: "17"), names.next(like: "y"), names.next(like: "q.9"), names.next(like: "s.in")] == [
                "3", "y.1", "q.4", "s.in",
            ])
    }

    @Test func `operations are visited in order with the loop around them`() throws {
        var seen: [String] = []
        try Self.function().forEachOperation { operation, loop in
            seen.append(operation.opcode.rawValue + (loop == nil ? "" : " inside"))
        }
        #expect(seen == ["silu", "repeat", "cache_write inside", "add inside", "add inside"])
    }

    @Test func `lists are rewritten from the inside out`() throws {
        var function = try Self.function()
        var lengths: [Int] = []
        function.rewriteOperations { operations in
            lengths.append(operations.count)
            return operations.filter { $0.opcode != .cacheWrite }
        }
        #expect(lengths == [3, 2])
        #expect(function.operations[1].body?.operations.count == 2)
    }
}
