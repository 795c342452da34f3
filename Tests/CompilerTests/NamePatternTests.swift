import Compiler
import Testing

@Suite struct NamePatternTests {
    @Test(arguments: [
        ("", ""), ("a.b", "a.b"), ("*", ""), ("*", "a.b.c"), ("**", "a"), ("a*", "a"), ("*.weight", "x.y.weight"),
        ("core_block.*.mlp.*", "core_block.3.mlp.fc.weight"), ("a?c", "abc"), ("*a*b*", "xxaxxbxx"), ("*ab", "aab"),
        ("[0-3]", "2"), ("x[ab-d]", "xc"), ("[!0-3]x", "4x"), ("[]]", "]"), ("[", "["), ("a[b", "a[b"), ("[-]", "-"),
        ("[a-]", "-"), ("[3-0]", "3"), ("?", "é"),
    ])
    func `patterns match what shells would match`(_ pattern: String, _ name: String) {
        #expect(NamePattern(pattern).matches(name))
    }

    @Test(arguments: [
        ("", "a"), ("a", ""), ("a.b", "a-b"), ("a*", "ba"), ("*a", "ab"), ("?", ""), ("??", "a"), ("a?c", "ac"),
        ("[0-3]", "4"), ("[!0-3]", "2"), ("[0-3]", ""), ("[ab]", "ab"), ("*.weight", "x.weight.0_288"), ("[", "a"),
        ("*a*b", "ba"), ("A", "a"),
    ])
    func `patterns do not match what shells would not match`(_ pattern: String, _ name: String) {
        #expect(!NamePattern(pattern).matches(name))
    }

    @Test(.timeLimit(.minutes(1)))
    func `many stars take no longer than the product of the lengths`() {
        let pattern = String(repeating: "*a", count: 50) + "b"
        #expect(!NamePattern(pattern).matches(String(repeating: "a", count: 2000)))
    }
}
