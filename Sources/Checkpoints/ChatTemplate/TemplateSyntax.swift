/// A parsed expression. Immutable, so that one parsed template can be rendered by many threads at once.
final class TemplateExpression: Sendable {
    indirect enum Kind: Sendable {
        case none
        case boolean(Bool)
        case integer(Int)
        case float(Double)
        case string(String)
        case name(String)
        case list([TemplateExpression])
        case tuple([TemplateExpression])
        case dictionary([(key: TemplateExpression, value: TemplateExpression)])
        case attribute(TemplateExpression, String)
        case item(TemplateExpression, TemplateExpression)
        case slice(TemplateExpression, start: TemplateExpression?, stop: TemplateExpression?, step: TemplateExpression?)
        case call(TemplateExpression, TemplateCallArguments)
        case filter(TemplateExpression, TemplateFilterCall)
        case test(TemplateExpression, name: String, TemplateCallArguments)
        case not(TemplateExpression)
        case negated(TemplateExpression)
        case positive(TemplateExpression)
        case arithmetic(Arithmetic, TemplateExpression, TemplateExpression)
        /// `a ~ b ~ …`
        case joined([TemplateExpression])
        /// `a < b <= …`, each operand evaluated once.
        case comparison(TemplateExpression, [(operation: Comparison, operand: TemplateExpression)])
        case and(TemplateExpression, TemplateExpression)
        case or(TemplateExpression, TemplateExpression)
        /// `a if condition else b`
        case choice(condition: TemplateExpression, TemplateExpression, otherwise: TemplateExpression?)
    }

    enum Arithmetic: String, Sendable {
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case floorDivide = "//"
        case remainder = "%"
        case power = "**"
    }

    enum Comparison: String, Sendable {
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case isIn = "in"
        case isNotIn = "not in"
    }

    let kind: Kind
    let line: Int
    /// The number of levels of this expression, including itself: the depth of its evaluation.
    let depth: Int

    init(_ kind: Kind, line: Int, children: [TemplateExpression?] = []) throws {
        self.kind = kind
        self.line = line
        depth = 1 + (children.lazy.map { $0?.depth ?? 0 }.max() ?? 0)
        if depth > TemplateLimits.nesting {
            throw TemplateFault("an expression is nested more than \(TemplateLimits.nesting) levels deep", line: line)
        }
    }
}

/// Arguments of a call, a filter or a test.
struct TemplateCallArguments: Sendable {
    var positional: [TemplateExpression] = []
    var named: [(name: String, value: TemplateExpression)] = []

    var expressions: [TemplateExpression] { positional + named.map(\.value) }
}

/// `| name(arguments)`
struct TemplateFilterCall: Sendable {
    let name: String
    let arguments: TemplateCallArguments
    let line: Int
}

/// The target of an assignment: one name, or one target for each element of the value.
indirect enum TemplateTarget: Sendable {
    case name(String)
    case tuple([TemplateTarget])
}

/// A parsed statement.
indirect enum TemplateStatement: Sendable {
    case text(String)
    case output(TemplateExpression)
    case conditional([(condition: TemplateExpression, body: [TemplateStatement])], otherwise: [TemplateStatement])
    case loop(TemplateLoop)
    case breakLoop
    case continueLoop
    case assign(TemplateTarget, TemplateExpression, line: Int)
    case assignAttribute(namespace: String, attribute: String, TemplateExpression, line: Int)
    /// `{% set name | filters %}body{% endset %}`, or with an attribute of the namespace `name`
    case assignBlock(String, attribute: String?, [TemplateFilterCall], [TemplateStatement], line: Int)
    /// `{% filter filters %}body{% endfilter %}`
    case filterBlock([TemplateFilterCall], [TemplateStatement])
    /// `{% with name = value, … %}body{% endwith %}`
    case with([(name: String, value: TemplateExpression)], [TemplateStatement])
    /// A body in its own scope: `{% generation %}`, with which transformers marks the assistant's text.
    case scoped([TemplateStatement])
    case macro(TemplateMacro)
}

/// `{% for target in iterable if condition %}body{% else %}otherwise{% endfor %}`
struct TemplateLoop: Sendable {
    let target: TemplateTarget
    let iterable: TemplateExpression
    let condition: TemplateExpression?
    let body: [TemplateStatement]
    let otherwise: [TemplateStatement]
    let line: Int
}

/// `{% macro name(parameters) %}body{% endmacro %}`
final class TemplateMacro: Sendable {
    let name: String
    let parameters: [(name: String, standard: TemplateExpression?)]
    let body: [TemplateStatement]
    let line: Int

    init(
        name: String, parameters: [(name: String, standard: TemplateExpression?)], body: [TemplateStatement], line: Int
    ) {
        self.name = name
        self.parameters = parameters
        self.body = body
        self.line = line
    }
}
