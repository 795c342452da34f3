import Compiler
import Testing

@Suite struct SplitConcatenatedLinearTests {
    @Test func `a matrix over a concatenation becomes two over its halves, wherever it stands`() throws {
        try expect(
            SplitConcatenatedLinear(),
            of: """
                weight @w : f32[3,5]
                func @f(%s: f32[rows,3], %e: f32[rows,2]) -> f32[rows,3] {
                  %r = repeat recurrences (%a = %s) : f32[rows,3] {
                    %both = concat %a, %e : f32[rows,5]
                    %y = linear %both, @w : f32[rows,3]
                    yield %y
                  }
                  return %r
                }
                """,
            toGive: """
                weight @w.0_3 : f32[3,3] = @w[3,5][:, 0:3]
                weight @w.3_5 : f32[3,2] = @w[3,5][:, 3:5]
                func @f(%s: f32[rows,3], %e: f32[rows,2]) -> f32[rows,3] {
                  %r = repeat recurrences (%a = %s) : f32[rows,3] {
                    %y.3 = linear %a, @w.0_3 : f32[rows,3]
                    %y.5 = linear %e, @w.3_5 : f32[rows,3]
                    %y = add %y.3, %y.5 : f32[rows,3]
                    yield %y
                  }
                  return %r
                }
                """)
    }

    @Test func `a concatenation that others read stays, and so does a matrix that others read`() throws {
        try expect(
            SplitConcatenatedLinear(),
            of: """
                weight @w : f32[3,4]
                func @f(%a: f32[rows,2], %wide: f32[rows,4]) -> (f32[rows,3], f32[rows,3], f32[rows,4]) {
                  %both = concat %a, %a : f32[rows,4]
                  %y = linear %both, @w : f32[rows,3]
                  %z = linear %wide, @w : f32[rows,3]
                  return %y, %z, %both
                }
                """,
            toGive: """
                weight @w : f32[3,4]
                weight @w.0_2 : f32[3,2] = @w[3,4][:, 0:2]
                weight @w.2_4 : f32[3,2] = @w[3,4][:, 2:4]
                func @f(%a: f32[rows,2], %wide: f32[rows,4]) -> (f32[rows,3], f32[rows,3], f32[rows,4]) {
                  %both = concat %a, %a : f32[rows,4]
                  %y.2 = linear %a, @w.0_2 : f32[rows,3]
                  %y.4 = linear %a, @w.2_4 : f32[rows,3]
                  %y = add %y.2, %y.4 : f32[rows,3]
                  %z = linear %wide, @w : f32[rows,3]
                  return %y, %z, %both
                }
                """)
    }

    @Test func `functions that share a matrix share its halves, and names that are taken are not given again`() throws {
        let declared = "weight @w : f32[3,4]\n"
        let function = """
            func @f(%a: f32[rows,2], %y.2: f32[rows,2]) -> f32[rows,3] {
              %both = concat %a, %y.2 : f32[rows,4]
              %y = linear %both, @w : f32[rows,3]
              return %y
            }

            """
        let split = """
            func @f(%a: f32[rows,2], %y.2: f32[rows,2]) -> f32[rows,3] {
              %y.2.1 = linear %a, @w.0_2 : f32[rows,3]
              %y.4 = linear %y.2, @w.2_4 : f32[rows,3]
              %y = add %y.2.1, %y.4 : f32[rows,3]
              return %y
            }

            """
        try expect(
            SplitConcatenatedLinear(), of: declared + function + function.replacing("@f", with: "@g"),
            toGive: """
                weight @w.0_2 : f32[3,2] = @w[3,4][:, 0:2]
                weight @w.2_4 : f32[3,2] = @w[3,4][:, 2:4]

                """ + split + split.replacing("@f", with: "@g"))
    }

    @Test func `parts of a matrix of several tensors have the same rows of each`() throws {
        try expect(
            SplitConcatenatedLinear(),
            of: """
                weight @w : f32[6,5] = @up[4,5] halves 2 of 2, @down[2,5]
                func @f(%a: f32[rows,3], %b: f32[rows,2]) -> f32[rows,6] {
                  %both = concat %a, %b : f32[rows,5]
                  %y = linear %both, @w : f32[rows,6]
                  return %y
                }
                """,
            toGive: """
                weight @w.0_3 : f32[6,3] = @up[4,5][:, 0:3] halves 2 of 2, @down[2,5][:, 0:3]
                weight @w.3_5 : f32[6,2] = @up[4,5][:, 3:5] halves 2 of 2, @down[2,5][:, 3:5]
                func @f(%a: f32[rows,3], %b: f32[rows,2]) -> f32[rows,6] {
                  %y.3 = linear %a, @w.0_3 : f32[rows,6]
                  %y.5 = linear %b, @w.3_5 : f32[rows,6]
                  %y = add %y.3, %y.5 : f32[rows,6]
                  return %y
                }
                """)
    }

    @Test(arguments: [
        """
        weight @w : f32[3,4]
        func @outside_the_loop(%a: f32[rows,2], %s: f32[rows,3]) -> f32[rows,3] {
          %both = concat %a, %a : f32[rows,4]
          %r = repeat recurrences (%c = %s) : f32[rows,3] {
            %y = linear %both, @w : f32[rows,3]
            %z = add %y, %c : f32[rows,3]
            yield %z
          }
          return %r
        }
        """,
        """
        weight @w : bf16[3,4]
        func @behind_a_conversion(%a: f32[rows,2]) -> f32[rows,3] {
          %both = concat %a, %a : f32[rows,4]
          %low = convert %both : bf16[rows,4]
          %y = linear %low, @w : f32[rows,3]
          return %y
        }
        """,
        """
        weight @w : f32[3,4] = @larger[3,6][:, 1:5]
        func @part_of_a_larger_matrix(%a: f32[rows,2]) -> f32[rows,3] {
          %both = concat %a, %a : f32[rows,4]
          %y = linear %both, @w : f32[rows,3]
          return %y
        }
        """,
        """
        weight @w : f32[3,2]
        func @a_part_of_the_concatenation(%a: f32[rows,2]) -> f32[rows,3] {
          %both = concat %a, %a : f32[rows,4]
          %part = slice %both {from = 1, to = 3} : f32[rows,2]
          %y = linear %part, @w : f32[rows,3]
          return %y
        }
        """,
    ])
    func `what only looks alike is kept`(_ text: String) throws {
        try expect(SplitConcatenatedLinear(), toKeep: text)
    }
}
