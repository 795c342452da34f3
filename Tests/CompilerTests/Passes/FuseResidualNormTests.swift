import Compiler
import Testing

@Suite struct FuseResidualNormTests {
    static func text(_ body: String, returns: Int = 1) -> String {
        let types = Array(repeating: "f32[rows,4]", count: returns).joined(separator: ", ")
        return """
            weight @v : f32[4]
            weight @w : f32[4]
            func @f(%a: f32[rows,4], %b: f32[rows,4]) -> \(returns == 1 ? types : "(\(types))") {
            \(body)
            }
            """
    }

    @Test func `an addition that only a norm reads`() throws {
        try expect(
            FuseResidualNorm(),
            of: Self.text(
                """
                %x = add %a, %b : f32[rows,4]
                %m = silu %a : f32[rows,4]
                %y = norm %x, @v {eps = 0.5} : f32[rows,4]
                %z = multiply %y, %m : f32[rows,4]
                return %z
                """),
            toGive: Self.text(
                """
                %y = add_norm %a, %b, @v {eps = 0.5} : f32[rows,4]
                %m = silu %a : f32[rows,4]
                %z = multiply %y, %m : f32[rows,4]
                return %z
                """))
    }

    @Test(arguments: ["return %z", "%s = silu %y : f32[rows,4]\nreturn %s"])
    func `an addition and two norms, whether or not others read the first`(_ rest: String) throws {
        try expect(
            FuseResidualNorm(),
            of: Self.text(
                """
                %x = add %a, %b : f32[rows,4]
                %y = norm %x, @v {eps = 0.5} : f32[rows,4]
                %z = norm %y, @w {eps = 0.5} : f32[rows,4]
                """ + "\n" + rest),
            toGive: Self.text("%y, %z = add_norm_norm %a, %b, @v, @w {eps = 0.5} : f32[rows,4], f32[rows,4]\n" + rest))
    }

    @Test func `norms with different eps are fused with the addition only as far as they agree`() throws {
        try expect(
            FuseResidualNorm(),
            of: Self.text(
                """
                %x = add %a, %b : f32[rows,4]
                %y = norm %x, @v {eps = 0.5} : f32[rows,4]
                %z = norm %y, @w {eps = 0.25} : f32[rows,4]
                return %z
                """),
            toGive: Self.text(
                """
                %y = add_norm %a, %b, @v {eps = 0.5} : f32[rows,4]
                %z = norm %y, @w {eps = 0.25} : f32[rows,4]
                return %z
                """))
    }

    @Test func `a sum that others read is kept with its norm, even for those before the norm`() throws {
        try expect(
            FuseResidualNorm(),
            of: Self.text(
                """
                %x = add %a, %b : f32[rows,4]
                %m = silu %x : f32[rows,4]
                %y = norm %x, @v {eps = 0.5} : f32[rows,4]
                %z = multiply %m, %y : f32[rows,4]
                return %z
                """),
            toGive: Self.text(
                """
                %x, %y = add_keep_norm %a, %b, @v {eps = 0.5} : f32[rows,4], f32[rows,4]
                %m = silu %x : f32[rows,4]
                %z = multiply %m, %y : f32[rows,4]
                return %z
                """))
    }

    @Test func `of two norms of one sum the first is fused`() throws {
        try expect(
            FuseResidualNorm(),
            of: Self.text(
                """
                %x = add %a, %b : f32[rows,4]
                %y = norm %x, @v {eps = 0.5} : f32[rows,4]
                %z = norm %x, @w {eps = 0.5} : f32[rows,4]
                return %y, %z
                """, returns: 2),
            toGive: Self.text(
                """
                %x, %y = add_keep_norm %a, %b, @v {eps = 0.5} : f32[rows,4], f32[rows,4]
                %z = norm %x, @w {eps = 0.5} : f32[rows,4]
                return %y, %z
                """, returns: 2))
    }

    @Test func `a sum that is returned is kept`() throws {
        try expect(
            FuseResidualNorm(),
            of: Self.text(
                """
                %x = add %a, %b : f32[rows,4]
                %y = norm %x, @v {eps = 0.5} : f32[rows,4]
                return %y, %x
                """, returns: 2),
            toGive: Self.text(
                """
                %x, %y = add_keep_norm %a, %b, @v {eps = 0.5} : f32[rows,4], f32[rows,4]
                return %y, %x
                """, returns: 2))
    }

    @Test func `additions that follow each other each take their own norm`() throws {
        try expect(
            FuseResidualNorm(),
            of: Self.text(
                """
                %x = add %a, %b : f32[rows,4]
                %y = norm %x, @v {eps = 0.5} : f32[rows,4]
                %u = add %x, %y : f32[rows,4]
                %z = norm %u, @w {eps = 0.5} : f32[rows,4]
                return %z
                """),
            toGive: Self.text(
                """
                %x, %y = add_keep_norm %a, %b, @v {eps = 0.5} : f32[rows,4], f32[rows,4]
                %z = add_norm %x, %y, @w {eps = 0.5} : f32[rows,4]
                return %z
                """))
    }

    @Test(arguments: ["add %n, %b", "add %b, %n"])
    func `a norm that is added to a row, on either side`(_ addition: String) throws {
        try expect(
            FuseResidualNorm(),
            of: Self.text(
                """
                %n = norm %a, @v {eps = 0.5} : f32[rows,4]
                %m = silu %a : f32[rows,4]
                %x = \(addition) : f32[rows,4]
                %z = multiply %x, %m : f32[rows,4]
                return %z
                """),
            toGive: Self.text(
                """
                %m = silu %a : f32[rows,4]
                %x = norm_add %a, %b, @v {eps = 0.5} : f32[rows,4]
                %z = multiply %x, %m : f32[rows,4]
                return %z
                """))
    }

    @Test(arguments: ["return %z", "%s = silu %x : f32[rows,4]\n%u = add %s, %z : f32[rows,4]\nreturn %u"])
    func `a norm that is added to a row, and the norm of that, whether or not others read the sum`(_ rest: String)
        throws
    {
        try expect(
            FuseResidualNorm(),
            of: Self.text(
                """
                %n = norm %a, @v {eps = 0.5} : f32[rows,4]
                %x = add %n, %b : f32[rows,4]
                %z = norm %x, @w {eps = 0.5} : f32[rows,4]
                """ + "\n" + rest),
            toGive: Self.text(
                "%x, %z = norm_add_keep_norm %a, %b, @v, @w {eps = 0.5} : f32[rows,4], f32[rows,4]\n" + rest))
    }

    @Test func `a norm with another eps after a norm that is added is kept`() throws {
        try expect(
            FuseResidualNorm(),
            of: Self.text(
                """
                %n = norm %a, @v {eps = 0.5} : f32[rows,4]
                %x = add %n, %b : f32[rows,4]
                %z = norm %x, @w {eps = 0.25} : f32[rows,4]
                return %z
                """),
            toGive: Self.text(
                """
                %x = norm_add %a, %b, @v {eps = 0.5} : f32[rows,4]
                %z = norm %x, @w {eps = 0.25} : f32[rows,4]
                return %z
                """))
    }

    @Test func `of two norms that are added the first is fused, and the other stays`() throws {
        try expect(
            FuseResidualNorm(),
            of: Self.text(
                """
                %n = norm %a, @v {eps = 0.5} : f32[rows,4]
                %m = norm %b, @w {eps = 0.5} : f32[rows,4]
                %x = add %n, %m : f32[rows,4]
                return %x
                """),
            toGive: Self.text(
                """
                %m = norm %b, @w {eps = 0.5} : f32[rows,4]
                %x = norm_add %a, %m, @v {eps = 0.5} : f32[rows,4]
                return %x
                """))
    }

    @Test func `a norm after an addition belongs to it, and not to the next one`() throws {
        try expect(
            FuseResidualNorm(),
            of: Self.text(
                """
                %x = add %a, %b : f32[rows,4]
                %n = norm %x, @v {eps = 0.5} : f32[rows,4]
                %u = add %n, %a : f32[rows,4]
                %z = norm %u, @w {eps = 0.5} : f32[rows,4]
                return %z
                """),
            toGive: Self.text(
                """
                %n = add_norm %a, %b, @v {eps = 0.5} : f32[rows,4]
                %z = add_norm %n, %a, @w {eps = 0.5} : f32[rows,4]
                return %z
                """))
    }

    @Test(arguments: [
        """
        %x = multiply %a, %b : f32[rows,4]
        %y = norm %x, @v {eps = 0.5} : f32[rows,4]
        return %y
        """,
        """
        %x = add %a, %b : f32[rows,4]
        %s = silu %x : f32[rows,4]
        %y = norm %s, @v {eps = 0.5} : f32[rows,4]
        return %y
        """,
        // Others read the norm that is added.
        """
        %n = norm %a, @v {eps = 0.5} : f32[rows,4]
        %x = add %n, %b : f32[rows,4]
        %z = multiply %x, %n : f32[rows,4]
        return %z
        """,
        """
        %n = norm %a, @v {eps = 0.5} : f32[rows,4]
        %x = add %n, %n : f32[rows,4]
        return %x
        """,
        // The norm is computed once, the sum in every iteration.
        """
        %n = norm %a, @v {eps = 0.5} : f32[rows,4]
        %r = repeat recurrences (%c = %b) : f32[rows,4] {
          %x = add %n, %c : f32[rows,4]
          yield %x
        }
        return %r
        """,
        // The norm is computed in every iteration, the sum once.
        """
        %x = add %a, %b : f32[rows,4]
        %r = repeat recurrences (%c = %a) : f32[rows,4] {
          %y = norm %x, @v {eps = 0.5} : f32[rows,4]
          %z = multiply %y, %c : f32[rows,4]
          yield %z
        }
        return %r
        """,
    ])
    func `what only looks alike is kept`(_ body: String) throws {
        try expect(FuseResidualNorm(), toKeep: Self.text(body))
    }
}
