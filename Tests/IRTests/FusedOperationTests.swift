import IR
import Testing

/// Fused operations mean what they fuse.
@Suite struct FusedOperationTests {
    private let x = InterpreterTests.rows([[1, 2, 3], [-1, 0, 4]])

    @Test func `fused norms are sums and norms, in their order`() throws {
        let results = try InterpreterTests.run(
            """
            %s = add %x, %x : f32[rows,3]
            %n = norm %s, @v {eps = 0.5} : f32[rows,3]
            %m = norm %n, @w {eps = 0.5} : f32[rows,3]
            %a = add_norm %x, %x, @v {eps = 0.5} : f32[rows,3]
            %b, %c = add_norm_norm %x, %x, @v, @w {eps = 0.5} : f32[rows,3], f32[rows,3]
            %d, %e = add_keep_norm %x, %x, @v {eps = 0.5} : f32[rows,3], f32[rows,3]
            %g = norm %x, @v {eps = 0.5} : f32[rows,3]
            %h = add %g, %x : f32[rows,3]
            %i = norm %h, @w {eps = 0.5} : f32[rows,3]
            %j = norm_add %x, %x, @v {eps = 0.5} : f32[rows,3]
            %k, %l = norm_add_keep_norm %x, %x, @v, @w {eps = 0.5} : f32[rows,3], f32[rows,3]
            """,
            returns: ["s", "n", "m", "a", "b", "c", "d", "e", "h", "i", "j", "k", "l"].map { "%\($0) : f32[rows,3]" }
                .joined(separator: ";"),
            declarations: "weight @v : f32[3]\nweight @w : f32[3]", parameters: [("x", x)],
            weights: ["v": InterpreterTests.vector(1, 2, 3), "w": InterpreterTests.vector(-1, 1, 0.5)])
        #expect(results[3] == results[1])
        #expect(results[4] == results[1] && results[5] == results[2])
        #expect(results[6] == results[0] && results[7] == results[1])
        #expect(results[10] == results[8])
        #expect(results[11] == results[8] && results[12] == results[9])
    }

    @Test func `linear_silu_gate and linear_argmax are what follows their product`() throws {
        let results = try InterpreterTests.run(
            """
            %g = linear_silu_gate %x, @w : f32[rows,1]
            %t = linear_argmax %x, @w : i32[rows]
            """,
            returns: "%g : f32[rows,1]; %t : i32[rows]", declarations: "weight @w : f32[2,3]", parameters: [("x", x)],
            weights: ["w": InterpreterTests.rows([[1, 0, 0], [0, 1, 1]])])
        // The gates are 1 and −1, and the ups 5 and 4.
        InterpreterTests.expect(results[0], [0.731_058_6 * 5, -0.268_941_4 * 4])
        #expect(results[1] == InterpreterTests.column([1, 1]))
    }

    /// Heads of the cache, and whether there is a bias. There are four heads of queries.
    @Test(arguments: [1, 2, 4], [false, true])
    func `project_rope_write is projection, bias, rope and cache write`(_ keyHeads: Int, _ hasBias: Bool) throws {
        let (e, f) = (8, 2 * keyHeads)
        let rows = e + 2 * f
        let weights = [
            "w": Tensor((0..<2 * rows).map { Float($0 % 7) - 3 }, shape: [rows, 2]),
            "b": Tensor((0..<e + f).map { Float($0) / 4 }, shape: [e + f]),
        ]
        let bias = hasBias ? "bias %qk, @b" : "slice %qk {from = 0, to = \(e + f)}"
        let results = try InterpreterTests.run(
            """
            %j = linear %x, @w : f32[rows,\(rows)]
            %qk = slice %j {from = 0, to = \(e + f)} : f32[rows,\(e + f)]
            %qkb = \(bias) : f32[rows,\(e + f)]
            %q0 = slice %qkb {from = 0, to = \(e)} : f32[rows,\(e)]
            %k0 = slice %qkb {from = \(e), to = \(e + f)} : f32[rows,\(f)]
            %q = rope %q0, %p, @r {heads = 4, magnitude = 1.5} : f32[rows,\(e)]
            %k = rope %k0, %p, @r {heads = \(keyHeads), magnitude = 1.5} : f32[rows,\(f)]
            %v = slice %j {from = \(e + f), to = \(rows)} : f32[rows,\(f)]
            cache_write %k, %v, %s, %p, %n, @c {recurrence = 0}
            %y = wavefront_attention %q, %s, %p, %n, @c {heads = 4, recurrence = 0} : f32[rows,\(e)]
            %q1 = project_rope_write %x, %s, %p, %n, @w, @r, @d\(hasBias ? ", @b" : "") {heads = 4, magnitude = 1.5, recurrence = 0} : f32[rows,\(e)]
            %z = wavefront_attention %q1, %s, %p, %n, @d {heads = 4, recurrence = 0} : f32[rows,\(e)]
            """,
            returns: ["q", "q1", "y", "z"].map { "%\($0) : f32[rows,\(e)]" }.joined(separator: ";"),
            declarations: """
                weight @w : f32[\(rows),2]
                weight @b : f32[\(e + f)]
                weight @r : f32[1] = frequencies {base = 10.0}
                cache @c : f32[\(keyHeads),2]
                cache @d : f32[\(keyHeads),2]
                """,
            parameters: [
                ("x", InterpreterTests.rows([[1, 2], [-1, 0.5], [0.25, 3]])),
                ("s", InterpreterTests.column([1, 1, 1])),
                ("p", InterpreterTests.column([0, 1, 2])), ("n", InterpreterTests.column([0, 0, 0])),
            ],
            weights: weights)
        #expect(results[0] == results[1])
        #expect(results[2] == results[3])
    }

    @Test func `heads that share keys and values attend as if each had a copy of them`() throws {
        func numbers(_ width: Int, _ step: Int, _ modulus: Int) -> Tensor {
            let count = 3 * width
            let values = (0..<count).map { index in Float((index * step + index / width) % modulus) / 4 - 1 }
            return Tensor(values, shape: [3, width])
        }
        // Heads 0 to 2 of six read head 0 of the cache, and heads 3 to 5 read head 1.
        func repeated(_ tensor: Tensor) -> Tensor {
            var values: [Float] = []
            for row in 0..<3 {
                for head in 0..<6 {
                    let start = row * 4 + head / 3 * 2
                    values += tensor.floats[start..<start + 2]
                }
            }
            return Tensor(values, shape: [3, 12])
        }
        let (keys, values) = (numbers(4, 3, 7), numbers(4, 5, 11))
        let zeros = InterpreterTests.column([0, 0, 0])
        let results = try InterpreterTests.run(
            """
            cache_write %k, %v, %s, %p, %s, @shared {recurrence = 0}
            cache_write %k6, %v6, %s, %p, %s, @own {recurrence = 0}
            %y = wavefront_attention %q, %s, %p, %s, @shared {heads = 6, recurrence = 0} : f32[rows,12]
            %z = wavefront_attention %q, %s, %p, %s, @own {heads = 6, recurrence = 0} : f32[rows,12]
            """,
            returns: "%y : f32[rows,12]; %z : f32[rows,12]",
            declarations: "cache @shared : f32[2,2]\ncache @own : f32[6,2]",
            parameters: [
                ("k", keys), ("v", values), ("k6", repeated(keys)), ("v6", repeated(values)),
                ("q", numbers(12, 2, 9)), ("s", zeros), ("p", InterpreterTests.column([0, 1, 2])),
            ])
        #expect(results[0] == results[1])
    }

    /// The argument is the number of heads of the cache. There are four heads of queries.
    @Test(arguments: [1, 2, 4])
    func `norm_rope_write is two norms, rope and cache write`(_ keyHeads: Int) throws {
        let (e, f) = (8, 2 * keyHeads)
        let width = e + 2 * f
        let input = Tensor((0..<3 * width).map { Float($0 * 5 % 13) / 4 - 1 }, shape: [3, width])
        let results = try InterpreterTests.run(
            """
            %q0 = slice %x {from = 0, to = \(e)} : f32[rows,\(e)]
            %qn = norm %q0, @v {eps = 0.25} : f32[rows,\(e)]
            %q = rope %qn, %p, @r {heads = 4, magnitude = 1} : f32[rows,\(e)]
            %k0 = slice %x {from = \(e), to = \(e + f)} : f32[rows,\(f)]
            %kn = norm %k0, @w {eps = 0.25} : f32[rows,\(f)]
            %k = rope %kn, %p, @r {heads = \(keyHeads), magnitude = 1} : f32[rows,\(f)]
            %v0 = slice %x {from = \(e + f), to = \(width)} : f32[rows,\(f)]
            cache_write %k, %v0, %s, %p, %s, @c {recurrence = 0}
            %y = wavefront_attention %q, %s, %p, %s, @c {heads = 4, recurrence = 0} : f32[rows,\(e)]
            %q1 = norm_rope_write %x, %s, %p, %s, @v, @w, @r, @d {heads = 4, eps = 0.25, recurrence = 0} : f32[rows,\(e)]
            %z = wavefront_attention %q1, %s, %p, %s, @d {heads = 4, recurrence = 0} : f32[rows,\(e)]
            """,
            returns: ["q", "q1", "y", "z"].map { "%\($0) : f32[rows,\(e)]" }.joined(separator: ";"),
            declarations: """
                weight @v : f32[\(e)]
                weight @w : f32[\(f)]
                weight @r : f32[1] = frequencies {base = 10.0}
                cache @c : f32[\(keyHeads),2]
                cache @d : f32[\(keyHeads),2]
                """,
            parameters: [
                ("x", input), ("s", InterpreterTests.column([0, 0, 0])), ("p", InterpreterTests.column([0, 1, 2])),
            ],
            weights: [
                "v": Tensor((0..<e).map { Float($0) / 2 - 1 }, shape: [e]),
                "w": Tensor((0..<f).map { 1 - Float($0) / 3 }, shape: [f]),
            ])
        #expect(results[0] == results[1])
        #expect(results[2] == results[3])
    }
}
