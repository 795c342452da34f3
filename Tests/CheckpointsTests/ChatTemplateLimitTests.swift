import Checkpoints
import Testing

/// Reading and rendering of any template ends.
@Suite struct ChatTemplateLimitTests {
    private func reason(_ source: String) throws -> String {
        try #require(throws: ChatTemplateError.self, "\(source.prefix(80))") {
            try ChatTemplate(source, name: "t").render(messages: [], addGenerationPrompt: false)
        }.reason
    }

    private static func chain(_ part: String, _ count: Int = 10_000) -> String { String(repeating: part, count: count) }

    @Test(arguments: [
        "{{ " + chain("(") + "1" + chain(")") + " }}", "{{ " + chain("[") + chain("]") + " }}",
        "{{ " + chain("{1:") + "1" + chain("}") + " }}", "{{ " + chain("not ") + "1 }}", "{{ " + chain("-") + "1 }}",
        "{{ 1" + chain("+1") + " }}", "{{ 1" + chain("**1") + " }}", "{{ a" + chain(".a") + " }}",
        "{{ a" + chain("[0]") + " }}", "{{ a" + chain("()") + " }}", "{{ 1" + chain("|d") + " }}",
        "{{ 1" + chain(" if 1") + " }}", "{{ 1" + chain(" if 1 else 1", 5_000) + " }}",
        "{{ 1" + chain(" and 1") + " }}", "{{ f" + chain("(f") + chain(")") + " }}",
        "{{ 1" + chain("|d(1") + chain(")") + " }}",
        chain("{% if 1 %}", 5_000), chain("{% for x in y %}", 5_000), chain("{% macro m() %}", 5_000),
        chain("{% set x %}", 5_000), "{% for " + chain("(") + "x" + chain(")") + " in y %}{% endfor %}",
    ])
    func deepNestingInTheSourceIsRefused(source: String) throws {
        #expect(try reason(source).contains("levels deep"))
    }

    @Test(arguments: [
        "{{ 1" + chain("~1", 10_000) + " }}", "{{ 0 < 1" + chain(" == 1", 10_000) + " }}",
        "{{ [" + chain("1,", 10_000) + "] }}",
        "{% if 0 %}" + chain("{% elif 0 %}", 10_000) + "{% endif %}", chain("{{ 1 }}", 10_000),
    ])
    func longButFlatTemplatesRender(source: String) throws {
        _ = try ChatTemplate(source, name: "t").render(messages: [], addGenerationPrompt: false)
    }

    @Test func nestingBelowTheLimitRenders() throws {
        let source =
            "{{ " + Self.chain("[", 45) + Self.chain("]", 45) + " }}" + Self.chain("{% if 1 %}", 90) + "x"
            + Self.chain("{% endif %}", 90)
        let text = try ChatTemplate(source, name: "t").render(messages: [], addGenerationPrompt: false)
        #expect(text == Self.chain("[", 45) + Self.chain("]", 45) + "x")
    }

    @Test func endlessRecursionIsRefused() throws {
        #expect(try reason("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").contains("recurses"))
        #expect(
            try reason("{% macro m(x) %}{% for y in [1] %}{{ [m([x])] | join }}{% endfor %}{% endmacro %}{{ m(1) }}")
                .contains("levels deep"))
    }

    @Test func filtersOfFiltersWithoutEndAreRefused() throws {
        let chain = "{% set n.g = n.g | map('upper') %}"
        #expect(
            try reason("{% set n = namespace(g='a') %}{% for i in range(999) %}" + chain + "{% endfor %}")
                .contains("levels deep"))
    }

    @Test func longRangesAreRefused() throws {
        #expect(try reason("{{ range(10**9) | list }}").contains("100000"))
        #expect(try reason("{{ range(-9223372036854775807, 9223372036854775807) }}").contains("100000"))
        #expect(try reason("{% for x in range(0, 9223372036854775807, 2) %}{% endfor %}").contains("100000"))
    }

    @Test func endlessWorkIsRefused() throws {
        let loops = String(repeating: "{% for a in range(99) %}", count: 9)
        #expect(try reason(loops + String(repeating: "{% endfor %}", count: 9)).contains("steps"))
    }

    @Test(arguments: [
        "{{ 'x' * 10**12 }}", "{{ [1] * 10**12 }}", "{{ 'x' * 9223372036854775807 }}",
        "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set n = namespace(s='xx') %}{% for i in range(60) %}{% set n.s = n.s | replace('x', n.s) %}{% endfor %}",
        "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s %}{{ n.s }}{{ n.s }}{% endset %}{% endfor %}",
        "{% for i in range(99999) %}{{ 'x' * 100000 }}{% endfor %}",
        "{% set s = 'x' * 1000000 %}{% for i in range(99999) %}{{ s | upper | length }}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(45) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
        "{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = [ns.l] %}{% endfor %}",
        "{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = {'a': ns.l} %}{% endfor %}",
        "{{ ([1] * 100) | tojson(indent=9223372036854775807) }}", "{{ 'a' | indent(9223372036854775807) }}",
        "{{ '%999999999d' % 1 }}", "{{ '%.999999999f' % 1 }}", "{{ '{:999999999}'.format(1) }}",
        "{{ 'a'.ljust(10**12) }}", "{{ 'a'.zfill(10**12) }}", "{{ 'a' | center(10**12) }}",
        "{{ '\t'.expandtabs(10**12) }}",
        "{{ [1] | batch(10**12, 1) | list }}", "{{ [1] | slice(10**12) | list }}",
        "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = '%s%s' % (n.s, n.s) %}{% endfor %}",
        "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = '{0}{0}'.format(n.s) %}{% endfor %}",
        "{{ strftime_now('%999999999d') }}", "{{ 1 | round(9223372036854775807) }}",
    ])
    func endlessGrowthIsRefused(source: String) throws {
        let reason = try reason(source)
        let limits = ["MiB", "steps", "holds more than", "levels deep", "wider than", "too long", "precision"]
        #expect(limits.contains { reason.contains($0) }, "\(reason)")
    }

    /// Values that refer to each other in long chains or in circles are released without deep recursion.
    @Test(arguments: [
        "{% set n = namespace() %}{% set n.n = n %}{% set n.l = [n, {'n': n}] %}{{ n.l[1].n.n == n }}",
        "{% set s = namespace() %}{% for i in range(50000) %}{% set n = namespace(p=s.p) %}{% set s.p = n %}{% endfor %}"
            + "{{ s.p.p is defined }}",
        "{% macro m(f) %}{% macro g() %}{{ f is defined }}{% endmacro %}{% set s.f = g %}{% endmacro %}"
            + "{% set s = namespace() %}{% for i in range(50000) %}{{ m(s.f) }}{% endfor %}{{ s.f() }}",
        "{% macro w() %}{% set s.c = caller %}{% endmacro %}{% macro m(p) %}{% call w() %}{{ p is defined }}{% endcall %}"
            + "{% endmacro %}{% set s = namespace() %}{% for i in range(50000) %}{{ m(s.c) }}{% endfor %}{{ s.c() }}",
    ])
    func valuesCanReferToEachOther(source: String) throws {
        let template = try ChatTemplate(source, name: "t")
        #expect(try template.render(messages: [], addGenerationPrompt: false) == "True")
    }

    @Test(arguments: [
        "{% set n = namespace() %}{% set n.n = n %}{{ n }}", "{% set n = namespace() %}{% set n.l = [n] %}{{ n.l }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "{% block a %}{{ self.a() }}{% endblock %}",
        "{% macro m() %}{{ caller }}{% call m() %}{% endcall %}{% endmacro %}{{ m() }}",
        "{% set n = namespace() %}{% for i in range(999) %}{% set n.c = cycler(n.c) %}{% endfor %}",
        "{% set n = namespace() %}{% for i in range(999) %}{% set n.c = joiner(n.c) %}{% endfor %}",
        "{% set n = namespace(f=[]) %}{% for i in range(999) %}{% set n.f = [n.f].index %}{% endfor %}",
        "{% set n = namespace() %}{% for i in range(999) %}{% for x in [n.l] %}{% set n.l = loop %}{% endfor %}{% endfor %}",
    ])
    func endlessChainsAreRefused(source: String) throws {
        let reason = try reason(source)
        #expect(reason.contains("recurses") || reason.contains("levels deep"), "\(reason)")
    }

    @Test(arguments: [
        "{{ (-9223372036854775807 - 1) // -1 }}", "{{ (-9223372036854775807 - 1) % -1 }}",
        "{{ -(-9223372036854775807 - 1) }}",
        "{{ (-9223372036854775807 - 1) | abs }}", "{{ 9 ** 99 }}", "{{ 2 ** 63 }}", "{{ 9223372036854775807 * 2 }}",
        "{{ ('9' * 30) | int }}{{ nothing.at }}",
        "{{ 'abc'[::9223372036854775807] }}{{ 'abc'[-9223372036854775807:] }}{{ nothing.at }}",
        "{{ [1][9223372036854775807] }}{{ 'a'[-9223372036854775807 - 1] }}{{ nothing.at }}",
        "{{ 1e308 * 10 | int }}{{ nothing.at }}",
        "{{ (-9223372036854775807 - 1) is even }}{{ (-9223372036854775807 - 1) is divisibleby(-1) }}{{ nothing.at }}",
        "{{ range(9223372036854775806, 9223372036854775807, 5) | list }}{{ nothing.at }}",
        "{{ 'a'.split('a', -9223372036854775807) }}{{ nothing.at }}",
    ])
    func numbersAtTheEdgeDoNotTrap(source: String) throws {
        _ = try reason(source)
    }

    @Test(.timeLimit(.minutes(5))) func searchingStaysLinear() throws {
        let source = "{% set s = 'a' * 1000000 %}{{ ('a' * 500000 ~ 'b') in s }}{{ s.count('a' * 1000 ~ 'b') }}"
        #expect(try ChatTemplate(source, name: "t").render(messages: [], addGenerationPrompt: false) == "False0")
    }

    /// Damages templates at random. Each must be refused or render, and never trap or hang.
    @Test func damagedTemplatesNeitherCrashNorHang() throws {
        let cases = try ChatTemplateFixtureTests.cases().filter { $0.text != nil && $0.template.utf8.count > 40 }
        let pieces: [String] = [
            "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "(", ")", "[", "]", "{", "}", "'", "\"", "\\", "|", ".", ",",
            ":", "=",
            "~", "*", "**", "/", "%", "<", " if ", " else ", " is ", " not ", " in ", "for", "endfor", "raw", "endraw",
            "set",
            "loop", "messages", "none", "0", "-1", "9223372036854775807", "1e999", "\n", "\r\n", "\u{0}", "é",
            "\u{301}",
        ]
        var generator = SplitMix(state: 20_250_207)
        var rendered = 0
        var refused = 0
        for item in cases {
            for _ in 0..<25 {
                var scalars = Array(item.template.unicodeScalars)
                for _ in 0...Int.random(in: 0..<3, using: &generator) where !scalars.isEmpty {
                    let start = Int.random(in: 0..<scalars.count, using: &generator)
                    let end = min(scalars.count, start + Int.random(in: 0..<8, using: &generator))
                    let piece = pieces.randomElement(using: &generator) ?? ""
                    scalars.replaceSubrange(
                        start..<end, with: Bool.random(using: &generator) ? piece.unicodeScalars.map { $0 } : [])
                }
                var source = String.UnicodeScalarView()
                source.append(contentsOf: scalars)
                do {
                    let template = try ChatTemplate(String(source), name: item.name)
                    _ = try template.render(
                        messages: item.messages.map { ChatMessage(role: $0.role, content: $0.content) },
                        addGenerationPrompt: true, variables: item.variables.mapValues(\.value))
                    rendered += 1
                } catch is ChatTemplateError {
                    refused += 1
                }
            }
        }
        // If nearly all were of one kind, the damage would be too heavy or too light to test anything.
        #expect(rendered > 200 && refused > 200)
    }
}

/// The SplitMix64 generator of Steele, Lea and Flood, so that every run damages the same places.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
