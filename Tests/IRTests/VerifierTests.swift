import IR
import Testing

@Suite struct VerifierTests {
    /// The weights and caches that the operations of these tests may name.
    static let declarations = """
        weight @w : f32[6,4]
        weight @half : bf16[6,4]
        weight @eight : int8[6,4]
        weight @four : int4[6,4]
        weight @odd : f32[5,4]
        weight @v : f32[4]
        weight @v8 : f32[8]
        weight @qkv : f32[12,4]
        weight @grouped : f32[16,4]
        weight @v12 : f32[12]
        weight @f1 : f32[1] = frequencies {base = 100.0}
        weight @f2 : f32[2] = frequencies {base = 100.0}
        cache @plain : f32[2,2]
        cache @deep : f32[2,2] recurrent
        cache @flat : f32[4,1] recurrent

        """

    /// A function with these operations, which may read several parameters.
    static func text(_ operations: String) -> String {
        declarations + """
            func @f(%x: f32[rows,4], %y: f32[rows,4], %z: f32[rows,6], %b: bf16[rows,4], %q: q8[rows,4], %i: i32[rows], %p: f32[rows]) -> f32[rows,4] {
              \(operations)
              return %x
            }
            """
    }

    static func problem(_ operations: String) throws -> VerificationError? {
        let module = try Module(parsing: text(operations))
        do {
            try verify(module)
            return nil
        } catch let error as VerificationError {
            return error
        }
    }

    static let wellFormed = [
        "%r = linear %x, @w : f32[rows,6]",
        "%r = linear %b, @half : f32[rows,6]",
        "%r = linear %q, @eight : f32[rows,6]",
        "%r = linear %q, @four : f32[rows,6]",
        "%r = embed %i, @half {scale = -1.0} : f32[rows,4]",
        "%r = embed %i, @four {scale = -1.0} : f32[rows,4]",
        "%r = slice %x {from = 3, to = 4} : bf16[rows,1]",
        "%r = concat %x, %z : f32[rows,10]",
        "%r = norm %x, @v {eps = 0.0} : bf16[rows,4]",
        "%r = mix %x, %y, %p, %p : f32[rows,4]",
        "%r = rope %x, %i, @f1 {heads = 2, magnitude = 1.0} : f32[rows,4]",
        "%r = argmax %x : i32[rows]",
        "%r = relative_difference %x, %y : f32[rows]",
        "%r = convert %x : bf16[rows,4]",
        "%r = convert %x : q8[rows,4]",
        "%r = silu %x : q8[rows,4]",
        "%r, %s = add_keep_norm %x, %y, @v {eps = 1.0} : f32[rows,4], q8[rows,4]",
        "%r = linear_silu_gate %q, @four : bf16[rows,3]",
        "cache_write %x, %y, %i, %i, %i, @deep {recurrence = 7}",
        "%r = project_rope_write %x, %i, %i, %i, @qkv, @f1, @deep, @v8 {heads = 2, magnitude = 1.0, recurrence = 3} : f32[rows,4]",
        "%r = project_rope_write %x, %i, %i, %i, @qkv, @f1, @deep {heads = 2, magnitude = 0.5, recurrence = 3} : f32[rows,4]",
        "%r = project_rope_write %x, %i, %i, %i, @grouped, @f1, @deep, @v12 {heads = 4, magnitude = 1.0, recurrence = 3} : f32[rows,8]",
        "%r = rope %x, %i, @f2 {heads = 1, magnitude = 1.0} : f32[rows,4]",
        "%r = concat %x, %y : f32[rows,8]\n%s = wavefront_attention %r, %i, %i, %i, @deep {heads = 4, recurrence = 0} : f32[rows,8]",
        "%r = sigmoid %x : q8[rows,4]",
        "%r = start %x, %y, %i : bf16[rows,4]",
        "%r = norm_add %x, %y, @v {eps = 1.0} : q8[rows,4]",
        "%p12 = linear %x, @qkv : f32[rows,12]\n%r = norm_rope_write %p12, %i, %i, %i, @v, @v, @f1, @deep {heads = 2, eps = 1.0, recurrence = 1} : f32[rows,4]",
        "%p16 = linear %x, @grouped : f32[rows,16]\n%r = norm_rope_write %p16, %i, %i, %i, @v8, @v, @f1, @deep {heads = 4, eps = 1.0, recurrence = 1} : f32[rows,8]",
        "%r, %s = norm_add_keep_norm %x, %y, @v, @v {eps = 1.0} : f32[rows,4], bf16[rows,4]",
        "%r = linear_silu_gate %x, @w : bf16[rows,3]",
        "%r, %s = add_norm_norm %x, %y, @v, @v {eps = 1.0} : bf16[rows,4], f32[rows,4]",
        "%r, %s = add_keep_norm %x, %y, @v {eps = 1.0} : f32[rows,4], bf16[rows,4]",
        "%r = linear_argmax %b, @half : i32[rows]",
        "%r, %s = repeat 0 (%c = %b, %d = %i) : bf16[rows,4], i32[rows] { yield %c, %i }",
    ]

    @Test(arguments: wellFormed)
    func `well-formed operations pass`(_ operation: String) throws {
        #expect(try Self.problem(operation) == nil)
    }

    /// An operation, and the end of the message for it.
    static let malformed: [(String, String)] = [
        ("%r = silu %x, %y : f32[rows,4]", "has 2 operands, expected 1"),
        ("%r = linear %x : f32[rows,6]", "names 0 symbols, expected 1"),
        ("%r = linear %x, @nowhere : f32[rows,6]", "symbol 1 (@nowhere) is not declared, expected a weight"),
        ("%r = linear %x, @plain : f32[rows,6]", "symbol 1 (@plain) is a cache, expected a weight"),
        ("cache_write %x, %y, %i, %i, %i, @w {recurrence = 0}", "symbol 1 (@w) is a weight, expected a cache"),
        ("cache_write %x, %y, %i, %i, %i, @c {recurrence = 0}", "symbol 1 (@c) is not declared, expected a cache"),
        ("%r = linear %x, @v : f32[rows,6]", "@v is f32[4], expected a matrix [N,K] of numbers"),
        (
            "%r = linear %z, @w : f32[rows,6]",
            "operand 1 (%z) is f32[rows,6], expected f32[rows,4], rows for @w : f32[6,4]"
        ),
        (
            "%r = linear %x, @half : f32[rows,6]",
            "operand 1 (%x) is f32[rows,4], expected bf16[rows,4], rows for @half : bf16[6,4]"
        ),
        ("%r = linear %x, @w : f32[rows,4]", "result 1 (%r) is f32[rows,4], expected f32[rows,6]"),
        ("%r = linear %x, @w : bf16[rows,6]", "result 1 (%r) is bf16[rows,6], expected f32[rows,6]"),
        (
            "%r = linear %x, @eight : f32[rows,6]",
            "operand 1 (%x) is f32[rows,4], expected q8[rows,4], rows for @eight : int8[6,4]"
        ),
        (
            "%r = linear %b, @four : f32[rows,6]",
            "operand 1 (%b) is bf16[rows,4], expected q8[rows,4], rows for @four : int4[6,4]"
        ),
        (
            "%r = silu %x : i32[rows,4]",
            "result 1 (%r) is i32[rows,4], expected f32[rows,4] or bf16[rows,4] or q8[rows,4]"
        ),
        (
            "%r = silu %x : int4[rows,4]",
            "result 1 (%r) is int4[rows,4], expected f32[rows,4] or bf16[rows,4] or q8[rows,4]"
        ),
        (
            "%r = linear_silu_gate %x, @w : q8[rows,3]",
            "result 1 (%r) is q8[rows,3], expected f32[rows,3] or bf16[rows,3]"
        ),
        (
            "%r = wavefront_attention %x, %i, %i, %i, @deep {heads = 2, recurrence = 0} : q8[rows,4]",
            "result 1 (%r) is q8[rows,4], expected f32[rows,4] or bf16[rows,4]"
        ),
        ("%r = convert %x : f32[rows,4]", "result 1 (%r) is f32[rows,4], expected bf16[rows,4] or q8[rows,4]"),
        ("%r = convert %q : bf16[rows,4]", "operand 1 (%q) is q8[rows,4], expected a matrix f32[rows,K]"),
        ("silu %x", "has 0 results, expected 1"),
        (
            "%r = embed %p, @w {scale = 1.0} : f32[rows,4]",
            "operand 1 (%p) is f32[rows], expected i32[rows], one token id a row"
        ),
        ("%r = embed %i, @w : f32[rows,4]", "lacks the attribute scale, expected a number"),
        ("%r = embed %i, @w {scale = inf} : f32[rows,4]", "attribute scale is inf, expected a finite number"),
        (
            "%r = slice %x {from = 2, to = 2} : f32[rows,4]",
            "takes columns 2 ..< 2, expected 0 ≤ from < to ≤ 4, the columns of %x"
        ),
        (
            "%r = slice %x {from = -1, to = 2} : f32[rows,4]",
            "takes columns -1 ..< 2, expected 0 ≤ from < to ≤ 4, the columns of %x"
        ),
        (
            "%r = slice %x {from = 0, to = 5} : f32[rows,4]",
            "takes columns 0 ..< 5, expected 0 ≤ from < to ≤ 4, the columns of %x"
        ),
        ("%r = concat %x, %b : f32[rows,8]", "operand 2 (%b) is bf16[rows,4], expected a matrix f32[rows,K]"),
        ("%r = bias %x, @v8 : f32[rows,4]", "@v8 is f32[8], expected f32[4], one bias for each column of %x"),
        (
            "%r = norm %x, @v8 {eps = 0.0} : f32[rows,4]",
            "@v8 is f32[8], expected f32[4], one factor for each column of %x"
        ),
        (
            "%r = norm %x, @v {eps = -1.0} : f32[rows,4]",
            "attribute eps is -1.0, expected a finite number of at least 0"
        ),
        ("%r = norm %x, @v {eps = nan} : f32[rows,4]", "attribute eps is nan, expected a finite number of at least 0"),
        (
            "%r = add %x, %z : f32[rows,4]",
            "operand 2 (%z) is f32[rows,6], expected f32[rows,4], the type of operand 1 (%x)"
        ),
        ("%r = mix %x, %y, %p, %i : f32[rows,4]", "operand 4 (%i) is i32[rows], expected f32[rows], one factor a row"),
        (
            "%r = rope %x, %p, @f1 {heads = 2, magnitude = 1.0} : f32[rows,4]",
            "operand 2 (%p) is f32[rows], expected i32[rows], one position a row"
        ),
        (
            "%r = rope %x, %i, @f1 {heads = 3, magnitude = 1.0} : f32[rows,4]",
            "attribute heads is 3, expected a divisor of the width 4"
        ),
        (
            "%r = rope %x, %i, @f1 {heads = 0, magnitude = 1.0} : f32[rows,4]",
            "attribute heads is 0, expected at least 1"
        ),
        (
            "%r = rope %x, %i, @f1 {heads = 4, magnitude = 1.0} : f32[rows,4]",
            "has heads of 1 columns, expected an even number: the embedding turns pairs"
        ),
        (
            "%r = rope %x, %i, @f1 {heads = 2, magnitude = 0.0} : f32[rows,4]",
            "attribute magnitude is 0.0, expected a finite number above 0"
        ),
        (
            "%r = rope %x, %i, @f2 {heads = 2, magnitude = 1.0} : f32[rows,4]",
            "@f2 is f32[2], expected f32[1], one frequency for each pair of columns of a head"
        ),
        ("%r = rope %x, %i {heads = 2, magnitude = 1.0} : f32[rows,4]", "names 0 symbols, expected 1"),
        (
            "%r = start %x, %z, %i : f32[rows,4]",
            "operand 2 (%z) is f32[rows,6], expected f32[rows,4], the type of operand 1 (%x)"
        ),
        ("%r = start %x, %y, %p : f32[rows,4]", "operand 3 (%p) is f32[rows], expected i32[rows], one depth a row"),
        ("%r = sigmoid %p : f32[rows]", "operand 1 (%p) is f32[rows], expected a matrix f32[rows,K]"),
        (
            "%r = norm_rope_write %z, %i, %i, %i, @v, @v, @f1, @deep {heads = 2, eps = 1.0, recurrence = 1} : f32[rows,4]",
            "operand 1 (%z) is f32[rows,6], expected f32[rows,12], queries, then keys and values of @deep"
        ),
        (
            "%r = norm_add %x, %z, @v {eps = 0.0} : f32[rows,4]",
            "operand 2 (%z) is f32[rows,6], expected f32[rows,4], the type of operand 1 (%x)"
        ),
        (
            "%r, %s = norm_add_keep_norm %x, %y, @v, @v8 {eps = 0.0} : f32[rows,4], f32[rows,4]",
            "@v8 is f32[8], expected f32[4], one factor for each column of %x"
        ),
        (
            "cache_write %z, %y, %i, %i, %i, @deep {recurrence = 0}",
            "operand 1 (%z) is f32[rows,6], expected f32[rows,4], the keys of @deep"
        ),
        (
            "cache_write %x, %z, %i, %i, %i, @deep {recurrence = 0}",
            "operand 2 (%z) is f32[rows,6], expected f32[rows,4], the values of @deep"
        ),
        (
            "cache_write %x, %y, %p, %i, %i, @deep {recurrence = 0}",
            "operand 3 (%p) is f32[rows], expected i32[rows], one sequence slot a row"
        ),
        (
            "cache_write %x, %y, %i, %i, %i, @plain {recurrence = 1}",
            "attribute recurrence is 1, expected 0: @plain is not a recurrent cache"
        ),
        (
            "cache_write %x, %y, %i, %i, %i, @deep {recurrence = -1}",
            "attribute recurrence is -1, expected a number from 0 to 2147483647, or induction"
        ),
        (
            "cache_write %x, %y, %i, %i, %i, @deep {recurrence = induction}",
            "attribute recurrence is induction, expected a number: the operation is in no repeat"
        ),
        (
            "%r = wavefront_attention %z, %i, %i, %i, @deep {heads = 2, recurrence = 0} : f32[rows,6]",
            "operand 1 (%z) is f32[rows,6], expected f32[rows,4], a query for each head of @deep"
        ),
        (
            "%r = wavefront_attention %x, %i, %i, %i, @deep {heads = 4, recurrence = 0} : f32[rows,4]",
            "operand 1 (%x) is f32[rows,4], expected f32[rows,8], a query for each head of @deep"
        ),
        (
            "%r = wavefront_attention %x, %i, %i, %i, @deep {heads = 3, recurrence = 0} : f32[rows,4]",
            "attribute heads is 3, expected 2, as @deep has it, or a multiple"
        ),
        (
            "%r = wavefront_attention %x, %i, %i, %i, @deep {heads = 1, recurrence = 0} : f32[rows,4]",
            "attribute heads is 1, expected 2, as @deep has it, or a multiple"
        ),
        (
            "%r = wavefront_attention %x, %i, %i, %i, @deep {heads = 2147483646, recurrence = 0} : f32[rows,4]",
            "has 2147483646 heads, which is too wide"
        ),
        (
            "%r = project_rope_write %x, %i, %i, %i, @odd, @f1, @deep, @v8 {heads = 2, magnitude = 1.0, recurrence = 0} : f32[rows,4]",
            "@odd has 5 rows, expected 4 for queries, and 4 each for the keys and values of @deep"
        ),
        (
            "%r = project_rope_write %x, %i, %i, %i, @qkv, @f1, @deep, @v {heads = 2, magnitude = 1.0, recurrence = 0} : f32[rows,4]",
            "@v is f32[4], expected f32[8], biases of queries, then of keys"
        ),
        (
            "%r = project_rope_write %x, %i, %i, %i, @qkv, @f1, @flat, @v8 {heads = 2, magnitude = 1.0, recurrence = 0} : f32[rows,4]",
            "attribute heads is 2, expected 4, as @flat has it, or a multiple"
        ),
        (
            "%r = project_rope_write %x, %i, %i, %i, @qkv, @f1, @deep {heads = 4, magnitude = 1.0, recurrence = 0} : f32[rows,8]",
            "@qkv has 12 rows, expected 8 for queries, and 4 each for the keys and values of @deep"
        ),
        (
            "%r = project_rope_write %x, %i, %i, %i, @qkv, @f2, @deep {heads = 2, magnitude = 1.0, recurrence = 0} : f32[rows,4]",
            "@f2 is f32[2], expected f32[1], one frequency for each pair of columns of a head"
        ),
        (
            "%r = project_rope_write %x, %i, %i, %i, @qkv, @f1 {heads = 2, magnitude = 1.0, recurrence = 0} : f32[rows,4]",
            "names 2 symbols, expected 3 to 4"
        ),
        (
            "%r = project_rope_write %x, %i, %i, %i, @qkv, @f1, @deep, @v8, @v8 {heads = 2, magnitude = 1.0, recurrence = 0} : f32[rows,4]",
            "names 5 symbols, expected 3 to 4"
        ),
        (
            "%r = project_rope_write %x, %i, %i, %i, @qkv, @f1, @v8, @deep {heads = 2, magnitude = 1.0, recurrence = 0} : f32[rows,4]",
            "symbol 3 (@v8) is a weight, expected a cache"
        ),
        (
            "%r = project_rope_write %x, %i, %i, %i, @grouped, @f1, @deep, @v8 {heads = 4, magnitude = 1.0, recurrence = 0} : f32[rows,8]",
            "@v8 is f32[8], expected f32[12], biases of queries, then of keys"
        ),
        ("%r = linear_silu_gate %x, @odd : f32[rows,2]", "@odd has 5 rows, expected an even number: gate, then up"),
        (
            "%r = repeat 2 (%c = %x) : f32[rows,4] { yield %z }",
            "yields %z, which is f32[rows,6], expected f32[rows,4], the type of the carried %c"
        ),
        ("%r = repeat 2 (%c = %x) : f32[rows,4] { yield }", "carries 1 values, but its body yields 0"),
        (
            "%r = repeat 2 (%c = %z) : f32[rows,4] { yield %c }",
            "operand 1 (%z) is f32[rows,6], expected f32[rows,4], the type of the carried %c"
        ),
        ("repeat 2 () { repeat 2 () { yield } yield }", "is a repeat inside a repeat, which is not supported"),
        (
            "%r = repeat 2 (%c = %x) : f32[rows,4,4] { yield %c }",
            "carried value %c is f32[rows,4,4], expected one element a row, or a width from 1 to 2147483647"
        ),
    ]

    @Test(arguments: malformed)
    func `a malformed operation is named with what was found and expected`(_ operation: String, _ end: String) throws {
        let error = try #require(try Self.problem(operation))
        #expect(error.problem == end)
        #expect(error.description.hasPrefix("function @f, operation 0 `"))
        #expect(error.description.hasSuffix("`: " + end))
        let name = operation.split(separator: " ").first { Opcode(rawValue: String($0)) != nil }
        #expect(error.operation?.contains(try #require(name)) == true)
    }

    @Test func `a message names function, operation, operand, expected and found type`() throws {
        let error = try #require(try Self.problem("%a = silu %x : f32[rows,4]\n%r = add %a, %z : f32[rows,4]"))
        #expect(
            error.description
                == "function @f, operation 1 `%r = add %a, %z : f32[rows,4]`: operand 2 (%z) is f32[rows,6], expected "
                + "f32[rows,4], the type of operand 1 (%a)")
    }

    // MARK: Faults that the text form cannot express

    static let x = Value("x", .rows(.f32, 4))

    static func problem(_ operations: [Operation], returns: [Value] = [], weights: [Weight] = []) -> String? {
        let function = Function(
            "f", parameters: [x], operations: operations, results: returns.map { NamedResult($0.name, $0) })
        do {
            try verify(Module(weights: weights, functions: [function]))
            return nil
        } catch {
            return "\(error)"
        }
    }

    static func silu(_ operand: Value, _ result: String) -> Operation {
        Operation(.silu, [operand], results: [Value(result, .rows(.f32, 4))])
    }

    static func loop(_ operations: [Operation], yields: Value, count: TripCount = .recurrences) -> Operation {
        let carried = Value("c", .rows(.f32, 4))
        return Operation(
            .repeat, [x], results: [Value("r", .rows(.f32, 4))],
            body: LoopBody(count: count, parameters: [carried], operations: operations, yields: [yields]))
    }

    @Test func `values are defined once and before they are read`() {
        let y = Value("y", .rows(.f32, 4))
        #expect(
            Self.problem([Self.silu(y, "z"), Self.silu(Self.x, "y")])?.contains(
                "operand 1 (%y) is not defined before this point") == true)
        #expect(Self.problem([Self.silu(Self.x, "x")])?.contains("result %x is defined a second time") == true)
        #expect(
            Self.problem([Self.silu(Value("x", .rows(.f32, 6)), "y")])?
                .contains("operand 1 (%x) is f32[rows,6] here, but was defined as f32[rows,4]") == true)
        #expect(Self.problem([], returns: [y]) == "function @f: returned value 1 (%y) is not defined before this point")
    }

    @Test func `results have names of their own, unless they are one value`() throws {
        func problem(_ results: [NamedResult]) -> String? {
            do {
                try verify(
                    Module(functions: [Function("f", parameters: [Self.x, Value("y", .rows(.f32))], results: results)]))
                return nil
            } catch {
                return "\(error)"
            }
        }
        let y = Value("y", .rows(.f32))
        #expect(problem([NamedResult("a", Self.x), NamedResult("b", Self.x), NamedResult("y", y)]) == nil)
        #expect(problem([NamedResult("x", Self.x), NamedResult("x", Self.x)]) == nil)
        #expect(problem([NamedResult("a", Self.x), NamedResult("a", y)]) == "function @f: two results are called a")
        #expect(problem([NamedResult("y", Self.x), NamedResult("y", y)]) == "function @f: two results are called y")
        #expect(problem([NamedResult("a b", Self.x)])?.contains("the result name \"a b\" is not made of") == true)
        #expect(problem([NamedResult("", Self.x)])?.contains("the result name \"\" is not made of") == true)
    }

    @Test func `values of a loop body are not read outside it`() {
        let inside = Value("i", .rows(.f32, 4))
        let loop = Self.loop([Self.silu(Self.x, "i")], yields: inside)
        #expect(Self.problem([loop], returns: [Value("r", .rows(.f32, 4))]) == nil)
        #expect(Self.problem([loop], returns: [inside])?.contains("(%i) is read outside the loop body") == true)
        #expect(Self.problem([Self.silu(Self.x, "i"), loop])?.contains("%i is defined a second time") == true)
        #expect(Self.problem([Self.loop([], yields: inside)])?.contains("yielded value 1 (%i) is not defined") == true)
    }

    @Test func `a loop needs a body, a count from zero, and no attributes`() {
        #expect(Self.problem([Operation(.repeat)])?.hasSuffix("has no body") == true)
        let carried = Value("c", .rows(.f32, 4))
        #expect(
            Self.problem([Self.loop([], yields: carried, count: .number(-1))])?
                .hasSuffix("runs its body -1 times, expected a number from 0 to 2147483647") == true)
        var loop = Self.loop([], yields: carried)
        loop.attributes["eps"] = .float(1)
        #expect(Self.problem([loop])?.hasSuffix("has symbols or attributes, which repeat does not take") == true)
        loop = Self.loop([], yields: carried)
        loop.body?.parameters = []
        #expect(Self.problem([loop])?.contains("(%c) is not defined") == true)
        loop.body?.yields = []
        #expect(Self.problem([loop])?.hasSuffix("has 1 operands, but its body has 0 parameters") == true)
    }

    @Test func `attributes are of their kind, and none is unknown`() {
        var operation = Operation(
            .norm, [Self.x], symbols: ["w"], attributes: ["eps": .integer(1)], results: [Value("y", .rows(.f32, 4))])
        let weight = Weight("w", .fixed(.f32, 4))
        #expect(
            Self.problem([operation], weights: [weight])?.hasSuffix("attribute eps is an integer, expected a number")
                == true)
        operation.attributes = ["eps": .float(1), "base": .float(1)]
        #expect(
            Self.problem([operation], weights: [weight])?.hasSuffix("has the attribute base, which norm does not take")
                == true)
        var silu = Self.silu(Self.x, "y")
        silu.body = LoopBody(count: .recurrences, parameters: [], operations: [], yields: [])
        #expect(Self.problem([silu])?.hasSuffix("has a body, which only repeat may have") == true)
    }

    @Test func `names are made of letters, digits, underscores and dots`() {
        #expect(Self.problem([Self.silu(Self.x, "a b")])?.contains("the value name \"a b\" is not made of") == true)
        #expect(Self.problem([Self.silu(Self.x, "")])?.contains("the value name \"\" is not made of") == true)
        #expect(Self.problem([], weights: [Weight("ö", .fixed(.f32, 4))])?.contains("the weight name \"ö\"") == true)
        #expect(throws: VerificationError.self) { try verify(Module(functions: [Function("", parameters: [])])) }
    }

    @Test func `parameters have one element or one width a row`() {
        for type in [
            TensorType(.f32, []), .fixed(.f32, 4), .rows(.f32, 0), .rows(.f32, -4), TensorType(.f32, [.rows, .rows]),
            // Quantized numbers share the scale of a row, and only weights are int4.
            .rows(.q8), .rows(.int4, 4),
        ] {
            let function = Function("f", parameters: [Value("p", type)])
            #expect(throws: VerificationError.self, "\(type)") { try verify(Module(functions: [function])) }
        }
    }
}
