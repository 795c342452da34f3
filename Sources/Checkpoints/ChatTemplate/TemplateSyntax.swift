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

/// Arguments of a call, a filter or a test: `(a, name=b, *spread, **spreadNamed)`.
struct TemplateCallArguments: Sendable {
    var positional: [TemplateExpression] = []
    var named: [(name: String, value: TemplateExpression)] = []
    var spread: TemplateExpression?
    var spreadNamed: TemplateExpression?

    var expressions: [TemplateExpression] {
        positional + named.map(\.value) + [spread, spreadNamed].compactMap { $0 }
    }
}

/// `| name(arguments)`
struct TemplateFilterCall: Sendable {
    let name: String
    let arguments: TemplateCallArguments
    let line: Int
}

/// The target of an assignment: one name, an attribute of a namespace, or one target for each element of the value.
indirect enum TemplateTarget: Sendable {
    case name(String)
    case attribute(namespace: String, String)
    case tuple([TemplateTarget])
}

/// A parsed template.
struct ParsedTemplate: Sendable {
    let statements: [TemplateStatement]
    /// The `block` statements by name, wherever they stand.
    let blocks: [String: TemplateBlock]
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
    /// `{% set target | filters %}body{% endset %}`
    case assignBlock(TemplateTarget, [TemplateFilterCall], [TemplateStatement], line: Int)
    /// `{% filter filters %}body{% endfilter %}`
    case filterBlock([TemplateFilterCall], [TemplateStatement])
    /// `{% with target = value, … %}body{% endwith %}`
    case with([(target: TemplateTarget, value: TemplateExpression)], [TemplateStatement], line: Int)
    /// A body in its own scope: `{% generation %}`, with which transformers marks the assistant's text.
    case scoped([TemplateStatement])
    case macro(TemplateMacro)
    /// `{% call(parameters) callee(arguments) %}body{% endcall %}`: the body is the macro `caller` of the call.
    case callBlock(caller: TemplateMacro, callee: TemplateExpression, TemplateCallArguments, line: Int)
    case block(TemplateBlock)
    /// `include`, `import`, `from` and `extends`: they need another template, and a chat template has none.
    case otherTemplate(String, line: Int)
}

/// `{% for target in iterable if condition %}body{% else %}otherwise{% endfor %}`
final class TemplateLoop: Sendable {
    let target: TemplateTarget
    let iterable: TemplateExpression
    let condition: TemplateExpression?
    let body: [TemplateStatement]
    let otherwise: [TemplateStatement]
    let isRecursive: Bool
    let line: Int

    init(
        target: TemplateTarget, iterable: TemplateExpression, condition: TemplateExpression?,
        body: [TemplateStatement], otherwise: [TemplateStatement], isRecursive: Bool, line: Int
    ) {
        self.target = target
        self.iterable = iterable
        self.condition = condition
        self.body = body
        self.otherwise = otherwise
        self.isRecursive = isRecursive
        self.line = line
    }
}

/// `{% macro name(parameters) %}body{% endmacro %}`
final class TemplateMacro: Sendable {
    typealias Parameter = (name: String, standard: TemplateExpression?)

    /// The variables that a macro has only if its body names them.
    enum Special: String, Sendable, CaseIterable {
        /// The positional arguments that fit no parameter.
        case varargs
        /// The named arguments that fit no parameter.
        case kwargs
        /// The body of the `call` block that calls the macro.
        case caller
    }

    let name: String
    let parameters: [Parameter]
    let specials: Set<Special>
    let body: [TemplateStatement]
    let line: Int

    init(name: String, parameters: [Parameter], specials: Set<Special>, body: [TemplateStatement], line: Int) {
        self.name = name
        self.parameters = parameters
        self.specials = specials
        self.body = body
        self.line = line
    }
}

/// `{% block name %}body{% endblock %}`: a part that `self.name()` writes again.
final class TemplateBlock: Sendable {
    let name: String
    /// Whether the body sees the variables around it, and not only those of the template.
    let isScoped: Bool
    /// Whether only another template could give the body.
    let isRequired: Bool
    let body: [TemplateStatement]
    let line: Int

    init(name: String, isScoped: Bool, isRequired: Bool, body: [TemplateStatement], line: Int) {
        self.name = name
        self.isScoped = isScoped
        self.isRequired = isRequired
        self.body = body
        self.line = line
    }
}
