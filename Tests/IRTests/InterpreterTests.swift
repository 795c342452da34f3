import Foundation
import IR
import NumberFormats
import Testing

/// The results of operations, compared with numbers that were computed by hand.
@Suite struct InterpreterTests {
    /// Runs the operations of a function with the parameters given, and returns its results.
    static func run(
        _ operations: String, returns: String, declarations: String = "", parameters: [(String, Tensor)],
        weights: [String: Tensor] = [:], recurrences: Int = 0
    ) throws -> [Tensor] {
        let module = try module(operations, returns: returns, declarations: declarations, parameters: parameters)
        var caches = CacheState()
        return try Interpreter(module: module, weights: weights)
            .run("f", arguments: parameters.map(\.1), recurrences: recurrences, caches: &caches)
    }

    /// The types of the returned values are written after them: `%y : f32[rows,2]`.
    static func module(
        _ operations: String, returns: String, declarations: String, parameters: [(String, Tensor)]
    ) throws -> Module {
        let inputs = parameters.map { name, tensor in
            "%\(name): \(tensor.element.rawValue)["
                + (["rows"] + tensor.shape.dropFirst().map(String.init)).joined(separator: ",") + "]"
        }
        let outputs = returns.split(separator: ";").map { $0.split(separator: ":") }
        let types = outputs.map { $0[1] }.joined(separator: ",")
        let values = outputs.map { $0[0] }.joined(separator: ",")
        return try Module(
            parsing: """
                \(declarations)
                func @f(\(inputs.joined(separator: ", "))) -> (\(types)) {
                \(operations)
                return \(values)
                }
                """)
    }

    static func rows(_ rows: [[Float]]) -> Tensor { Tensor(rows.flatMap { $0 }, shape: [rows.count, rows[0].count]) }
    static func vector(_ values: Float...) -> Tensor { Tensor(values, shape: [values.count]) }
    static func column(_ values: [Int32]) -> Tensor { Tensor(values, shape: [values.count]) }

    static func expect(
        _ tensor: Tensor, _ expected: [Float], within tolerance: Float = 1e-6,
        _ location: SourceLocation = #_sourceLocation
    ) {
        let near =
            tensor.floats.count == expected.count
            && zip(tensor.floats, expected).allSatisfy { abs($0 - $1) <= tolerance }
        #expect(near, "\(tensor.floats), expected \(expected)", sourceLocation: location)
    }

    let x = rows([[1, 2, 3], [-1, 0, 4]])

    // MARK: Operations

    @Test func `embed scales the row of each token`() throws {
        let table = Self.rows([[1, 2], [3, 4], [5, 6]])
        let results = try Self.run(
            "%y = embed %t, @w {scale = 0.5} : f32[rows,2]", returns: "%y : f32[rows,2]",
            declarations: "weight @w : f32[3,2]", parameters: [("t", Self.column([2, 0, 2]))], weights: ["w": table])
        #expect(results == [Self.rows([[2.5, 3], [0.5, 1], [2.5, 3]])])
    }

    @Test func `linear multiplies rows with the rows of the weight`() throws {
        let results = try Self.run(
            "%y = linear %x, @w : f32[rows,2]", returns: "%y : f32[rows,2]", declarations: "weight @w : f32[2,3]",
            parameters: [("x", x)], weights: ["w": Self.rows([[1, 0, 2], [-1, 1, 0.5]])])
        #expect(results == [Self.rows([[7, 2.5], [7, 3]])])
    }

    @Test func `slice and concat move columns`() throws {
        let results = try Self.run(
            "%a = slice %x {from = 1, to = 3} : f32[rows,2]\n%b = concat %a, %x : f32[rows,5]",
            returns: "%a : f32[rows,2]; %b : f32[rows,5]", parameters: [("x", x)])
        #expect(results == [Self.rows([[2, 3], [0, 4]]), Self.rows([[2, 3, 1, 2, 3], [0, 4, -1, 0, 4]])])
    }

    @Test func `bias, add, multiply and mix work element by element`() throws {
        let factors = { (values: [Float]) in Tensor(values, shape: [2]) }
        let results = try Self.run(
            """
            %a = bias %x, @b : f32[rows,3]
            %c = add %x, %a : f32[rows,3]
            %d = multiply %x, %a : f32[rows,3]
            %e = mix %x, %a, %p, %q : f32[rows,3]
            """,
            returns: "%a : f32[rows,3]; %c : f32[rows,3]; %d : f32[rows,3]; %e : f32[rows,3]",
            declarations: "weight @b : f32[3]",
            parameters: [("x", x), ("p", factors([2, 0])), ("q", factors([1, -1]))],
            weights: ["b": Self.vector(10, 20, 30)])
        #expect(results[0] == Self.rows([[11, 22, 33], [9, 20, 34]]))
        #expect(results[1] == Self.rows([[12, 24, 36], [8, 20, 38]]))
        #expect(results[2] == Self.rows([[11, 44, 99], [-9, 0, 136]]))
        #expect(results[3] == Self.rows([[13, 26, 39], [-9, -20, -34]]))
    }

    @Test func `norm divides by the root of the mean square and eps`() throws {
        // The mean of 1, 4, 4 is 3; with eps 1 the root is 2.
        let results = try Self.run(
            "%y = norm %x, @w {eps = 1} : f32[rows,3]", returns: "%y : f32[rows,3]", declarations: "weight @w : f32[3]",
            parameters: [("x", Self.rows([[1, 2, -2]]))], weights: ["w": Self.vector(1, 2, 3)])
        Self.expect(results[0], [0.5, 2, -3])
    }

    @Test func `silu weighs by the logistic function`() throws {
        let results = try Self.run(
            "%y = silu %x : f32[rows,4]", returns: "%y : f32[rows,4]",
            parameters: [("x", Self.rows([[0, 1, -1, -200]]))])
        Self.expect(results[0], [0, 0.731_058_6, -0.268_941_4, 0])
    }

    @Test func `sigmoid is the logistic function`() throws {
        let results = try Self.run(
            "%y = sigmoid %x : f32[rows,5]", returns: "%y : f32[rows,5]",
            parameters: [("x", Self.rows([[0, 1, -1, -200, 200]]))])
        Self.expect(results[0], [0.5, 0.731_058_6, 0.268_941_4, 0, 1])
    }

    @Test func `start takes the fresh row at depth 0 and the state at any other`() throws {
        let results = try Self.run(
            "%y = start %a, %b, %d : f32[rows,2]", returns: "%y : f32[rows,2]",
            parameters: [
                ("a", Self.rows([[1, 2], [3, 4], [5, 6]])), ("b", Self.rows([[.nan, -2], [-3, -4], [-5, -6]])),
                ("d", Self.column([0, 1, 7])),
            ])
        #expect(results == [Self.rows([[1, 2], [-3, -4], [-5, -6]])])
        let error = #expect(throws: InterpreterError.self) {
            try Self.run(
                "%y = start %a, %a, %d : f32[rows,3]", returns: "%y : f32[rows,3]",
                parameters: [("a", x), ("d", Self.column([0, -1]))])
        }
        #expect(error?.description.contains("row 1 has depth -1") == true, "\(error?.description ?? "")")
    }

    @Test func `rope turns interleaved pairs within each head`() throws {
        // There is one head of 4 columns. The pairs turn by position and by position / 100^(2/4).
        let results = try Self.run(
            """
            %y = rope %x, %p, @two {heads = 1, magnitude = 1} : f32[rows,4]
            %z = rope %x, %p, @one {heads = 2, magnitude = 1} : f32[rows,4]
            %w = rope %x, %p, @tensor {heads = 1, magnitude = 1.5} : f32[rows,4]
            """,
            returns: "%y : f32[rows,4]; %z : f32[rows,4]; %w : f32[rows,4]",
            declarations: """
                weight @two : f32[2] = frequencies {base = 100.0}
                weight @one : f32[1] = frequencies {base = 100.0}
                weight @tensor : f32[2]
                """,
            parameters: [("x", Self.rows([[1, 0, 0, 1], [1, 2, 3, 4]])), ("p", Self.column([3, 0]))],
            weights: ["tensor": Self.vector(0.5, 2)])
        Self.expect(results[0], [cos(3), sin(3), -sin(0.3), cos(0.3), 1, 2, 3, 4])
        // There are two heads of 2 columns, so every pair is a head's first.
        Self.expect(results[1], [cos(3), sin(3), -sin(3), cos(3), 1, 2, 3, 4])
        // The pairs turn by 1.5 and by 6, and everything grows by the magnitude.
        let turned: [Float] = [cos(1.5), sin(1.5), -sin(6), cos(6)]
        Self.expect(results[2], turned.map { 1.5 * $0 } + [1.5, 3, 4.5, 6])
    }

    @Test func `argmax takes the first of equals`() throws {
        let results = try Self.run(
            "%t = argmax %x : i32[rows]", returns: "%t : i32[rows]",
            parameters: [("x", Self.rows([[1, 5, 5], [-3, -4, -2], [0, 0, 0]]))])
        #expect(results == [Self.column([1, 2, 0])])
    }

    @Test func `argmax of what is no number is −1`() throws {
        let results = try Self.run(
            "%t = argmax %x : i32[rows]", returns: "%t : i32[rows]",
            parameters: [
                (
                    "x",
                    Self.rows([
                        [1, .nan, 5], [.infinity, 1, 2], [-.infinity, -.infinity, -.infinity], [-.infinity, -9, -10],
                    ])
                )
            ])
        #expect(results == [Self.column([-1, -1, -1, 1])])
    }

    @Test func `relative difference is the distance over the first one's norm`() throws {
        let results = try Self.run(
            "%d = relative_difference %a, %b : f32[rows]", returns: "%d : f32[rows]",
            parameters: [("a", Self.rows([[3, 4], [2, 0]])), ("b", Self.rows([[0, 0], [2, 3]]))])
        Self.expect(results[0], [1, 1.5])
    }

    @Test func `convert and bf16 results round to nearest, ties to even`() throws {
        // A bf16 number has 7 bits of the fraction, so the steps near 1 are 2^−7.
        let step = Float(sign: .plus, exponent: -7, significand: 1)
        let values: [Float] = [1 + step / 2, 1 + 1.5 * step, 1 + 0.51 * step, -1 - 0.49 * step]
        let expected: [Float] = [1, 1 + 2 * step, 1 + step, -1]
        let results = try Self.run(
            "%y = convert %x : bf16[rows,4]\n%z = add %x, %o : bf16[rows,4]",
            returns: "%y : bf16[rows,4]; %z : bf16[rows,4]",
            parameters: [("x", Self.rows([values])), ("o", Self.rows([[0, 0, 0, 0]]))])
        for result in results {
            #expect(result.element == .bf16)
            #expect(result.floats == expected)
        }
        #expect(Float.infinity.roundedToBF16 == .infinity)
        #expect(Float.nan.roundedToBF16.isNaN)
        #expect(Float.greatestFiniteMagnitude.roundedToBF16 == .infinity)
    }

    @Test func `a weight declared bf16 is rounded`() throws {
        let results = try Self.run(
            "%y = linear %x, @w : f32[rows,1]", returns: "%y : f32[rows,1]", declarations: "weight @w : bf16[1,1]",
            parameters: [("x", Tensor([2], shape: [1, 1], element: .bf16))], weights: ["w": Self.rows([[1.001]])])
        #expect(results == [Self.rows([[2]])])
    }

    @Test func `q8 rows are whole multiples of a 127th of each row's largest magnitude, to nearest, ties to even`()
        throws
    {
        let results = try Self.run(
            "%y = convert %x : q8[rows,4]\n%z = add %x, %o : q8[rows,4]",
            returns: "%y : q8[rows,4]; %z : q8[rows,4]",
            parameters: [
                ("x", Self.rows([[127, 2.5, -3.5, 0.49], [0, 0, 0, 0], [-0.5, 0.25, 0, 0.002]])),
                ("o", Self.rows([[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])),
            ])
        // A 127th of 0.5 is 0.003937. So 0.25 is 63.5 of them, and 0.002 is slightly more than half of one.
        let step: Float = 0.5 / 127
        for result in results {
            #expect(result.element == .q8)
            Self.expect(result, [127, 2, -4, 0, 0, 0, 0, 0, -0.5, 64 * step, 0, step])
        }
    }

    @Test func `rows that no scale can tell apart from zero are zero, and a NaN or an infinity spoils its row alone`() {
        let tensor = Tensor(
            [0x1p-140, -0x1p-140, .infinity, 1, .nan, 1, 127, -127], shape: [4, 2], element: .q8)
        #expect(tensor.floats.prefix(2) == [0, 0])
        #expect(tensor.floats[2...5].allSatisfy { $0.isNaN })
        #expect(tensor.floats.suffix(2) == [127, -127])
    }

    @Test func `int4 has a bf16 scale for every 32 columns of a row, counted from the row's start`() {
        // The rows have 40 columns: 32 with the largest magnitude 7, so that they are whole numbers, and 8 with 700.
        let row = (0..<32).map { Float($0 % 15) - 7 } + [700, -700, 149, 151, 0, 51, 49, -49]
        let tensor = Tensor(row + row, shape: [2, 40], element: .int4)
        let expected = Array(row.prefix(32)) + [700, -700, 100, 200, 0, 100, 0, 0]
        #expect(tensor.floats == expected + expected)
        // The number 1 / 7 is not in bf16. The result for 1 is 7 times the nearest bf16 number.
        let scale = (Float(1) / 7).roundedToBF16
        #expect(Tensor([1, -1], shape: [1, 2], element: .int4).floats == [7 * scale, -7 * scale])
    }

    @Test func `products and embeddings of quantized matrices take their numbers times their scales`() throws {
        let results = try Self.run(
            """
            %x8 = convert %x : q8[rows,2]
            %a = linear %x8, @eight : f32[rows,2]
            %b = linear %x8, @four : f32[rows,2]
            %c = embed %t, @eight {scale = 2.0} : f32[rows,2]
            %d = embed %t, @four {scale = 2.0} : f32[rows,2]
            """,
            returns: ["a", "b", "c", "d"].map { "%\($0) : f32[rows,2]" }.joined(separator: ";"),
            declarations: "weight @eight : int8[2,2]\nweight @four : int4[2,2]",
            parameters: [("x", Self.rows([[254, 3]])), ("t", Self.column([1]))],
            weights: ["eight": Self.rows([[127, 0.6], [12.7, 0]]), "four": Self.rows([[7, 3.4], [0, 14]])])
        // The row x is 127 · 2 and 2 · 2. Its 3 is halfway between 1 and 2 of its steps and rounds to the even one.
        Self.expect(results[0], [254 * 127 + 4 * 1, 254 * 12.7])
        Self.expect(results[1], [254 * 7 + 4 * 3, 4 * 14])
        Self.expect(results[2], [25.4, 0])
        Self.expect(results[3], [0, 28])
    }

    @Test func `a tensor that is quantized already keeps its scales`() throws {
        // With a scale from the largest magnitude, the values nearest to 5 and 2 would be 5 and 1.97 in int8, and 5 and
        // 2.14 in int4.
        for element in [ElementType.int8, .int4] {
            let weight = Tensor(represented: [5, 2], shape: [1, 2], element: element)
            let results = try Self.run(
                "%x8 = convert %x : q8[rows,2]\n%y = linear %x8, @w : f32[rows,1]", returns: "%y : f32[rows,1]",
                declarations: "weight @w : \(element.rawValue)[1,2]", parameters: [("x", Self.rows([[0, 127]]))],
                weights: ["w": weight])
            #expect(results == [Self.rows([[254]])])
        }
    }

    // MARK: Loops

    static let doubling = """
        %r, %n = repeat COUNT (%a = %x, %b = %x) : f32[rows,1], f32[rows,1] {
          %c = add %a, %a : f32[rows,1]
          yield %c, %a
        }
        """

    @Test(arguments: [0, 1, 5])
    func `a loop carries its values, as often as the caller says`(_ count: Int) throws {
        for (spelling, asked) in [("recurrences", count), ("\(count)", 77)] {
            let results = try Self.run(
                Self.doubling.replacing("COUNT", with: spelling), returns: "%r : f32[rows,1]; %n : f32[rows,1]",
                parameters: [("x", Self.rows([[3]]))], recurrences: asked)
            #expect(results[0].floats == [3 * Float(1 << count)])
            #expect(results[1].floats == [count == 0 ? 3 : 3 * Float(1 << (count - 1))])
        }
    }

    // MARK: Mistakes of the caller

    @Test func `tokens out of range are named with their row`() throws {
        for token in [Int32(-1), 3, .max, .min] {
            let error = #expect(throws: InterpreterError.self) {
                try Self.run(
                    "%y = embed %t, @w {scale = 1} : f32[rows,2]", returns: "%y : f32[rows,2]",
                    declarations: "weight @w : f32[3,2]", parameters: [("t", Self.column([0, token]))],
                    weights: ["w": Self.rows([[1, 2], [3, 4], [5, 6]])])
            }
            #expect(error?.description.hasSuffix("row 1 has token \(token), expected one from 0 to 2") == true)
            #expect(error?.description.hasPrefix("@f: `%y = embed") == true)
        }
    }

    @Test func `arguments have to fit the parameters`() throws {
        let module = try Self.module(
            "", returns: "%x : f32[rows,3]", declarations: "", parameters: [("x", x), ("y", x)])
        let interpreter = try Interpreter(module: module, weights: [:])
        func message(_ name: String, _ arguments: [Tensor], recurrences: Int = 0) -> String {
            var caches = CacheState()
            let error = #expect(throws: InterpreterError.self) {
                try interpreter.run(name, arguments: arguments, recurrences: recurrences, caches: &caches)
            }
            return error?.description ?? ""
        }
        #expect(message("g", []) == "there is no function @g; the module has @f")
        #expect(message("f", [x]) == "@f was given 1 arguments, expected 2")
        #expect(
            message("f", [x, Self.rows([[1, 2, 3]])]).hasPrefix(
                "argument %y of @f is f32[1,3], expected f32[rows,3] with 2 rows"))
        #expect(message("f", [x, Self.column([1, 2])]).hasPrefix("argument %y of @f is i32[2], expected f32[rows,3]"))
        #expect(message("f", [x, x], recurrences: -1).hasPrefix("cannot run -1 recurrences"))
    }

    @Test func `weights have to be there, in their shape`() throws {
        let module = Module(weights: [
            Weight("w", .fixed(.f32, 2, 3)),
            Weight("c", .fixed(.f32, 2, 2), source: .pieces([WeightPiece("t", shape: [2, 3], columns: 1..<3)])),
        ])
        let (w, t) = (
            Tensor([Float](repeating: 0, count: 6), shape: [2, 3]),
            Tensor([Float](repeating: 0, count: 4), shape: [2, 2])
        )
        for (tensors, end) in [
            (["t": w], "no tensor was given for weight @w"), (["w": w], "no tensor was given for weight @t"),
            (["w": t, "t": w], "the tensor for @w is f32[2,2], expected the shape [2, 3] of @w"),
            (["w": w, "t": t], "the tensor for @c is f32[2,2], expected the shape [2, 3] of @t"),
        ] {
            let error = #expect(throws: InterpreterError.self) { try Interpreter(module: module, weights: tensors) }
            #expect(error?.description == end)
        }
    }

    @Test func `an unverified module is refused`() {
        let module = Module(functions: [
            Function("f", parameters: [], results: [NamedResult("x", Value("x", .rows(.f32)))])
        ])
        #expect(throws: VerificationError.self) { try Interpreter(module: module, weights: [:]) }
    }
}
