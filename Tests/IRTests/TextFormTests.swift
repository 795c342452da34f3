import IR
import RandomGraphs
import Testing

/// A module in canonical text with every part of the grammar.
let canonicalText = """
    weight @transformer.wte.weight : bf16[11,8]
    weight @transformer.adapter.weight : f32[8,16]
    weight @transformer.adapter.weight.state : f32[8,8] = @transformer.adapter.weight[8,16][:, 0:8]
    weight @qkv : bf16[24,8]
    weight @qk_bias : f32[16]
    weight @stacked : f32[20,8] = @wq[2,4,8] halves 2 of 4, @wk[8,8][:, 0:8] halves 1 of 4, @wv[4,9][:, 1:9]
    weight @bias : f32[16] = @qk[2,1,2,4]
    weight @rotary : f32[2] = frequencies {base = 50000.0}
    weight @far : f32[2] = frequencies {base = 10000.0, scaling = yarn, factor = 8.0, original = 64.0, fast = 32.0, slow = 1.0}
    weight @ln_f : f32[8]
    weight @grouped : f32[16,8]
    weight @eight : int8[8,8]
    weight @four : int4[8,8]
    cache @prelude.0 : f32[2,4]
    cache @core.0 : f32[2,4] recurrent
    cache @shared : f32[1,4]

    func @decode(%tokens: i32[rows], %slot: i32[rows], %position: i32[rows], %depth: i32[rows], %state: f32[rows,8]) -> (f32[rows,8], i32[rows], f32[rows,8], f32[rows,8]) {
      %0 = embed %tokens, @transformer.wte.weight {scale = 2.828427} : f32[rows,8]
      %s = repeat recurrences (%s.in = %state) : f32[rows,8] {
        %1 = concat %s.in, %0 : f32[rows,16]
        %2 = linear %1, @transformer.adapter.weight : f32[rows,8]
        %3 = convert %2 : bf16[rows,8]
        %q = project_rope_write %3, %slot, %position, %depth, @qkv, @rotary, @core.0, @qk_bias {heads = 2, magnitude = 1.0, recurrence = induction} : f32[rows,8]
        %4 = wavefront_attention %q, %slot, %position, %depth, @core.0 {heads = 2, recurrence = induction} : f32[rows,8]
        %5, %6 = add_norm_norm %4, %2, @ln_f, @ln_f {eps = 1e-06} : f32[rows,8], bf16[rows,8]
        yield %5
      }
      cache_write %s, %0, %slot, %position, %depth, @prelude.0 {recurrence = 0}
      %7, %8 = repeat 3 (%a = %s, %b = %0) : f32[rows,8], f32[rows,8] {
        yield %b, %a
      }
      %9 = add %7, %8 : f32[rows,8]
      %q.1 = project_rope_write %9, %slot, %position, %depth, @grouped, @far, @shared {heads = 2, magnitude = 1.25, recurrence = 0} : f32[rows,8]
      %n, %m = norm_add_keep_norm %q.1, %9, @ln_f, @ln_f {eps = 1e-06} : f32[rows,8], q8[rows,8]
      %e = convert %9 : q8[rows,8]
      %f = linear %e, @eight : f32[rows,8]
      %g = silu %f : q8[rows,8]
      %h = linear %g, @four : f32[rows,8]
      %3.1 = convert %9 : bf16[rows,8]
      %10 = linear_argmax %3.1, @transformer.wte.weight : i32[rows]
      return %9 as state, %10 as 0, %n, %9
    }

    func @nothing() -> () {
      repeat 2 () {
        yield
      }
      return
    }

    """

@Suite struct TextFormTests {
    @Test func `canonical text prints as it was read, and is a verified module`() throws {
        let module = try Module(parsing: canonicalText)
        #expect(module.description == canonicalText)
        try verify(module)
    }

    @Test func `random modules read back as they were printed`() throws {
        for seed in 0..<UInt64(150) {
            let module = try RandomProgram(seed: seed).module
            let text = module.description
            let parsed = try Module(parsing: text)
            #expect(parsed == module, "seed \(seed)")
            #expect(parsed.description == text, "seed \(seed)")
        }
    }

    @Test func `comments, line breaks and spaces between tokens mean nothing`() throws {
        let loose = """
            // A comment before,
            weight   @w:f32[ 2 ,
              3 ] // one behind,
            func @f(%x: f32[rows,3])->f32[rows,2]{%y=linear %x,@w:f32[rows,2]
            return %y}//and one at the end
            """
        let tight = """
            weight @w : f32[2,3]

            func @f(%x: f32[rows,3]) -> f32[rows,2] {
              %y = linear %x, @w : f32[rows,2]
              return %y
            }

            """
        #expect(try Module(parsing: loose).description == tight)
    }

    @Test(arguments: [
        0, -0.0, 1, 1e-6, 16.970562, Float.leastNonzeroMagnitude, Float.greatestFiniteMagnitude,
        Float.leastNormalMagnitude, 16_777_216, 1e16,
        .infinity, -.infinity, 0.1, -3.4e-20,
    ])
    func `numbers read back to the bit`(_ number: Float) throws {
        let text = Self.module(eps: number).description
        let read = try Module(parsing: text).functions[0].operations[0].float("eps")
        #expect(read?.bitPattern == number.bitPattern)
    }

    @Test func `a number that is none prints and reads back as none`() throws {
        for nan in [Float.nan, -Float.nan, Float(nan: 3, signaling: true)] {
            let text = Self.module(eps: nan).description
            #expect(try Module(parsing: text).functions[0].operations[0].float("eps")?.isNaN == true)
        }
    }

    @Test func `an integer may stand where a number is wanted`() throws {
        let text = Self.module(eps: 2).description.replacing("2.0", with: "2")
        #expect(try Module(parsing: text) == Self.module(eps: 2))
    }

    @Test func `the empty text is the empty module`() throws {
        #expect(try Module(parsing: "") == Module())
        #expect(Module().description.isEmpty)
    }

    static func module(eps: Float) -> Module {
        let (x, y) = (Value("x", .rows(.f32, 4)), Value("y", .rows(.f32, 4)))
        let norm = Operation(.norm, [x], symbols: ["w"], attributes: ["eps": .float(eps)], results: [y])
        return Module(
            weights: [Weight("w", .fixed(.f32, 4))],
            functions: [Function("f", parameters: [x], operations: [norm], results: [NamedResult("y", y)])])
    }
}
