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
        ("\n\n{{ 1 | shout }}", 3, "the filter 'shout'"),
        ("{{ [] | map('shout') }}", 1, "the filter 'shout'"),
        ("{% filter shout %}{% endfilter %}", 1, "the filter 'shout'"),
        ("{% set x | shout %}{% endset %}", 1, "the filter 'shout'"),
        ("a\n{% if x is\n shiny %}{% endif %}", 2, "the test 'shiny'"),
        ("\n{{ [] | selectattr('a', 'shiny') }}", 2, "the test 'shiny'"),
        ("\n{% include 'x' %}", 2, "the block 'include'"),
        ("{% extends 'x' %}", 1, "the block 'extends'"),
        ("{% call f() %}{% endcall %}", 1, "the block 'call'"),
        ("{% for x in y recursive %}{% endfor %}", 1, "recursive"),
        ("{{ joiner(',') }}", 1, "'joiner'"),
        ("{{ f(*x) }}", 1, "'*'"),
        ("{% macro m() %}{{ caller() }}{% endmacro %}", 1, "'caller'"),
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
        ("{{ 'a'.swapcase() }}", 1, "'swapcase'"), ("{{ [].append(1) }}", 1, "'append'"),
        ("{{ {}.update({}) }}", 1, "'update'"), ("{{ 1 / 0 }}", 1, "zero"), ("{{ '%s' % 1 }}", 1, "'%'"),
        ("\n{% for x in 5 %}{% endfor %}", 2, "an integer"), ("{% for a, b in [[1]] %}{% endfor %}", 1, "1 values"),
        ("{% set x = 1 %}\n{% set x.y = 1 %}", 2, "'x' is not a namespace"), ("\n{{ namespace() }}", 2, "a namespace"),
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
