import Checkpoints
import Testing

@Suite struct ChatTemplateErrorTests {
    private func error(_ source: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> ChatTemplateError
    {
        try #require(throws: ChatTemplateError.self, "\(source.prefix(80))", sourceLocation: sourceLocation) {
            try ChatTemplate(source, name: "test.jinja").render(messages: [], addGenerationPrompt: false)
        }
    }

    @Test(arguments: [
        ("\n{% shout %}", 2, "the block 'shout'"), ("{% do f() %}", 1, "the block 'do'"),
        ("{% autoescape true %}{% endautoescape %}", 1, "'autoescape'"),
        ("{{ '\\N{BULLET}' }}", 1, "\\N"),
        ("{{ 99999999999999999999 }}", 1, "64 bits"),
        ("{{ 1 ? 2 }}", 1, "'?'"),
    ])
    func unsupportedSyntaxIsNamedWhenTheTemplateIsRead(source: String, line: Int, part: String) throws {
        // Rendering reaches none of these. The refusal does not depend on the messages.
        let error = try #require(throws: ChatTemplateError.self) {
            try ChatTemplate("{% if false %}" + source + "{% endif %}", name: "test.jinja")
        }
        #expect(error.line == line)
        #expect(error.reason.contains(part), "\(error)")
        #expect(!error.isRaisedByTemplate)
    }

    @Test(arguments: [
        ("\n\n{{ 1 | shout }}", 3, "no filter 'shout'"), ("{{ [1] | map('shout') | list }}", 1, "no filter 'shout'"),
        ("{% filter shout %}{% endfilter %}", 1, "no filter 'shout'"),
        ("{% set x | shout %}{% endset %}", 1, "no filter 'shout'"),
        ("a\n{% if x is\n shiny %}{% endif %}", 2, "no test 'shiny'"),
        ("\n{{ [1] | selectattr('a', 'shiny') | list }}", 2, "no test 'shiny'"),
        ("\n{% include 'x' %}", 2, "the block 'include'"), ("{% extends 'x' %}", 1, "the block 'extends'"),
        ("{{ shout() }}", 1, "'shout' is undefined"), ("{{ lipsum() }}", 1, "'lipsum'"),
        ("{{ 'a'.encode() }}", 1, "'encode'"),
    ])
    func whatIsUnknownIsNamedWhenItIsReached(source: String, line: Int, part: String) throws {
        let error = try error(source)
        #expect(error.line == line, "\(error)")
        #expect(error.reason.contains(part), "\(error)")
        let behindBranch = try ChatTemplate("{% if false %}" + source + "{% endif %}a", name: "test.jinja")
        #expect(try behindBranch.render(messages: [], addGenerationPrompt: false) == "a")
    }

    @Test(arguments: [
        ("a\n{% if x %}\nb\n", 2, "'if'"), ("{% for x in y %}\n{% else %}", 1, "'else'"),
        ("\n{{ x", 2, "never closed"), ("\n\n{# x", 3, "never closed"), ("{% raw %}\n{{", 1, "'raw'"),
        ("\n{{ 'x }}", 2, "string"), ("{% if a %}\n{% endfor %}", 2, "'endfor'"), ("\n{% endif %}", 2, "'endif'"),
        ("{% set x %}", 1, "'set'"), ("{% macro m() %}", 1, "'macro'"), ("{{ (1] }}", 1, "']'"), ("{{ 1) }}", 1, "')'"),
        ("{{ }}", 1, "expression"), ("{% %}", 1, "name"), ("{% if %}{% endif %}", 1, "expression"),
        ("{{ a. }}", 1, "attribute"), ("{{ a | }}", 1, "filter"), ("{{ a is }}", 1, "test"), ("{{ 1 2 }}", 1, "'2'"),
        ("{% set 1 = 2 %}", 1, "variable"), ("{% set true = 2 %}", 1, "'true'"), ("{% for in x %}", 1, "'in'"),
        ("{{ f(a=1, 2) }}", 1, "without a name"), ("{{ f(a=1, a=2) }}", 1, "twice"), ("{% break %}", 1, "loop"),
        ("{% for x in y %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", 1, "loop"),
        ("{% macro m(a=1, b) %}{% endmacro %}", 1, "'b'"), ("{{ x[1:2:3:4] }}", 1, "':'"),
        ("{{ x[] }}", 1, "expression"),
        ("{{ '\\uD800' }}", 1, "Unicode"), ("{{ '\\xg0' }}", 1, "hexadecimal"), ("{{ 012 }}", 1, "zero"),
    ])
    func malformedTemplateIsRefusedWithItsLine(source: String, line: Int, part: String) throws {
        let error = try #require(throws: ChatTemplateError.self, "\(source)") {
            try ChatTemplate(source, name: "test.jinja")
        }
        #expect(error.line == line, "\(error)")
        #expect(error.reason.contains(part), "\(error)")
        #expect(error.description.contains("test.jinja, line \(line)"))
    }

    @Test(arguments: [
        ("\n{{ user.name }}", 2, "'user' is undefined"), ("\n\n{{ messages.x.y }}", 3, "'x'"),
        ("{{ [].append(1) }}", 1, "'append'"),
        ("{{ {}.update({}) }}", 1, "'update'"), ("{{ 1 / 0 }}", 1, "zero"), ("{{ '%s' % () }}", 1, "'%'"),
        ("\n{% for x in 5 %}{% endfor %}", 2, "an integer"), ("{% for a, b in [[1]] %}{% endfor %}", 1, "1 values"),
        ("{% set x = 1 %}\n{% set x.y = 1 %}", 2, "'x' is not a namespace"), ("\n{{ joiner() }}", 2, "a function"),
        ("{{ 9223372036854775807 + 1 }}", 1, "64 bits"), ("{{ {[]: 1} }}", 1, "a list"),
        ("{{ [] | join | tojson(1, -2, 3) }}", 1, "iterated"),
        ("{{ range | tojson }}", 1, "a function"), ("{% macro m(a) %}{% endmacro %}\n{{ m(b=1) }}", 2, "'b'"),
    ])
    func failureWhileRenderingNamesItsLine(source: String, line: Int, part: String) throws {
        let error = try error(source)
        #expect(error.line == line, "\(error)")
        #expect(error.reason.contains(part), "\(error)")
    }

    @Test func messageOfRaiseExceptionBecomesTheError() throws {
        let error = try error("{% if not messages %}\n{{ raise_exception('A user must ' ~ 'speak.') }}{% endif %}")
        #expect(error.isRaisedByTemplate)
        #expect(error.reason == "A user must speak.")
        #expect(error.line == 2)
        #expect(
            error.description
                == "The chat template (test.jinja, line 2) refuses these messages: A user must speak.")
    }
}
