import Foundation

/// An evaluator that renders a parsed template once. Statements, loops and macros are in extensions.
final class TemplateEvaluator {
    let budget = TemplateBudget()
    /// The time that `strftime_now` returns.
    let now: Date
    let template: ParsedTemplate
    var output = ""
    var scope: TemplateScope
    /// The scope of the template's own variables, which blocks see.
    let root: TemplateScope
    private var depth = 0
    /// Scopes that a function keeps and namespaces. They can refer to themselves, so the evaluator empties them.
    private var capturedScopes: [TemplateScope] = []
    private var namespaces: [RenderNamespace] = []

    init(_ template: ParsedTemplate, variables: [String: RenderValue], now: Date) {
        self.template = template
        self.now = now
        let globals = TemplateScope(parent: nil)
        globals.variables = TemplateFunctions.globals
        root = TemplateScope(parent: globals)
        root.variables = variables
        scope = root
        globals.variables["self"] = .function(blockReferences)
    }

    func render() throws -> String {
        defer {
            for scope in capturedScopes + [root] { scope.variables = [:] }
            for namespace in namespaces { namespace.clear() }
        }
        _ = try execute(template.statements)
        return output
    }

    /// Recursion of every kind passes here, so that the stack cannot overflow.
    func deeper<Result>(_ action: () throws -> Result) throws -> Result {
        guard depth < TemplateLimits.evaluationDepth else {
            throw TemplateFault("the template recurses more than \(TemplateLimits.evaluationDepth) levels deep")
        }
        depth += 1
        defer { depth -= 1 }
        return try action()
    }

    // MARK: Scopes

    func scoped<Result>(_ action: () throws -> Result) rethrows -> Result {
        try scoped(in: TemplateScope(parent: scope), action)
    }

    func scoped<Result>(in inner: TemplateScope, _ action: () throws -> Result) rethrows -> Result {
        let outer = scope
        scope = inner
        defer { scope = outer }
        return try action()
    }

    /// The current scope, for a function that keeps it.
    func capturedScope() throws -> TemplateScope {
        try budget.make(bytes: TemplateLimits.referenceBytes)
        if capturedScopes.last !== scope { capturedScopes.append(scope) }
        return scope
    }

    func makeNamespace() throws -> RenderNamespace {
        try budget.make(bytes: TemplateLimits.referenceBytes)
        let namespace = RenderNamespace()
        namespaces.append(namespace)
        return namespace
    }

    // MARK: Expressions

    /// Adds this line to an error without a line.
    func atLine<Result>(_ line: Int, _ action: () throws -> Result) throws -> Result {
        do {
            return try action()
        } catch var fault as TemplateFault where fault.line == nil {
            fault.line = line
            throw fault
        }
    }

    func evaluate(_ expression: TemplateExpression) throws -> RenderValue {
        try budget.visit()
        switch expression.kind {
        case .none: return .none
        case .boolean(let value): return .boolean(value)
        case .integer(let value): return .integer(value)
        case .float(let value): return .float(value)
        case .string(let value): return .string(value)
        case .name(let name): return scope.find(name) ?? .undefined("'\(name)' is undefined")
        default: return try atLine(expression.line) { try deeper { try compute(expression) } }
        }
    }

    /// Evaluates an expression with operands. Each kind has its own function, so that the frames of the recursion are
    /// small.
    private func compute(_ expression: TemplateExpression) throws -> RenderValue {
        switch expression.kind {
        case .list(let elements): return try list(elements.map(evaluate))
        case .tuple(let elements): return try tuple(elements.map(evaluate))
        case .dictionary(let entries): return try dictionary(entries)
        case .attribute(let base, let name): return try attribute(name, of: evaluate(base))
        case .item(let base, let key): return try item(evaluate(key), of: evaluate(base))
        case .slice(let base, let start, let stop, let step): return try slice(base, start, stop, step)
        case .call(let callee, let arguments): return try call(callee, arguments)
        case .filter(let base, let filter): return try apply(filter, to: evaluate(base))
        case .test(let base, let name, let arguments): return try test(base, name, arguments)
        case .not(let operand): return .boolean(try !evaluate(operand).isTrue)
        case .negated(let operand): return try TemplateOperators.negate(evaluate(operand))
        case .positive(let operand): return try TemplateOperators.positive(evaluate(operand))
        case .arithmetic(let operation, let left, let right): return try arithmetic(operation, left, right)
        case .joined(let parts): return try joined(parts)
        case .comparison(let left, let chain): return try comparison(left, chain)
        case .and(let left, let right):
            let value = try evaluate(left)
            return value.isTrue ? try evaluate(right) : value
        case .or(let left, let right):
            let value = try evaluate(left)
            return value.isTrue ? value : try evaluate(right)
        case .choice(let condition, let value, let otherwise): return try choose(condition, value, otherwise)
        case .none, .boolean, .integer, .float, .string, .name: return try evaluate(expression)
        }
    }

    private func dictionary(
        _ entries: [(key: TemplateExpression, value: TemplateExpression)]
    ) throws -> RenderValue {
        let pairs = try entries.map { (key: try evaluate($0.key), value: try evaluate($0.value)) }
        return .dictionary(try RenderDictionary(pairs, budget: budget))
    }

    private func slice(
        _ base: TemplateExpression, _ start: TemplateExpression?, _ stop: TemplateExpression?,
        _ step: TemplateExpression?
    ) throws -> RenderValue {
        try slice(
            evaluate(base), start: start.map(evaluate) ?? .none, stop: stop.map(evaluate) ?? .none,
            step: step.map(evaluate) ?? .none)
    }

    private func test(
        _ base: TemplateExpression, _ name: String, _ arguments: TemplateCallArguments
    ) throws -> RenderValue {
        .boolean(try TemplateTests.apply(name, to: evaluate(base), evaluated(arguments), evaluator: self))
    }

    private func arithmetic(
        _ operation: TemplateExpression.Arithmetic, _ left: TemplateExpression, _ right: TemplateExpression
    ) throws -> RenderValue {
        try TemplateOperators.arithmetic(operation, evaluate(left), evaluate(right), evaluator: self)
    }

    private func joined(_ parts: [TemplateExpression]) throws -> RenderValue {
        var result = ""
        for part in parts { try append(text(of: evaluate(part)), to: &result) }
        return .string(result)
    }

    private func comparison(
        _ first: TemplateExpression, _ chain: [(operation: TemplateExpression.Comparison, operand: TemplateExpression)]
    ) throws -> RenderValue {
        var left = try evaluate(first)
        for (operation, operand) in chain {
            let right = try evaluate(operand)
            guard try TemplateOperators.compare(operation, left, right, evaluator: self) else { return .boolean(false) }
            left = right
        }
        return .boolean(true)
    }

    private func choose(
        _ condition: TemplateExpression, _ value: TemplateExpression, _ otherwise: TemplateExpression?
    ) throws -> RenderValue {
        if try evaluate(condition).isTrue { return try evaluate(value) }
        return try otherwise.map(evaluate) ?? .undefined("the inline 'if' has no 'else', and its condition is false")
    }

    // MARK: Calls

    func evaluated(_ arguments: TemplateCallArguments) throws -> RenderArguments {
        var result = RenderArguments(
            positional: try arguments.positional.map(evaluate),
            named: try arguments.named.map { ($0.name, try evaluate($0.value)) })
        if let spread = try arguments.spread.map(evaluate) { result.positional += try elements(of: spread) }
        if let spread = try arguments.spreadNamed.map(evaluate) {
            guard case .dictionary(let dictionary) = spread else {
                throw TemplateFault("'**' needs a dictionary, not \(spread.typeName)")
            }
            for (key, value) in dictionary.entries {
                let name = try string(key, "a key after '**'")
                guard !result.named.contains(where: { $0.name == name }) else {
                    throw TemplateFault("the argument '\(name)' is given twice")
                }
                result.named.append((name, value))
            }
        }
        return result
    }

    private func call(_ callee: TemplateExpression, _ arguments: TemplateCallArguments) throws -> RenderValue {
        try call(evaluate(callee), evaluated(arguments))
    }

    func call(_ callee: RenderValue, _ arguments: RenderArguments) throws -> RenderValue {
        switch callee {
        case .function(let function) where function.isCallable: return try function.call(self, arguments)
        case .loop(let loop):
            guard let recurse = loop.recurse else {
                throw TemplateFault("'loop' is only called in a loop that is marked as 'recursive'")
            }
            let values = try arguments.bind(["iterable"], required: 1, of: "'loop'")
            return try recurse(self, values[0] ?? .none)
        case .undefined(let reason): throw TemplateFault("\(reason), and cannot be called")
        default: throw TemplateFault("\(callee.typeName) cannot be called")
        }
    }

    func apply(_ filters: [TemplateFilterCall], to start: RenderValue) throws -> RenderValue {
        try filters.reduce(start) { value, filter in try atLine(filter.line) { try apply(filter, to: value) } }
    }

    private func apply(_ filter: TemplateFilterCall, to value: RenderValue) throws -> RenderValue {
        try TemplateFilters.apply(filter.name, to: value, evaluated(filter.arguments), evaluator: self)
    }
}

/// A scope of names and values. Names not found in it are looked up in the scope around it.
final class TemplateScope {
    var variables: [String: RenderValue] = [:]
    private let parent: TemplateScope?

    init(parent: TemplateScope?) { self.parent = parent }

    func find(_ name: String) -> RenderValue? {
        var scope: TemplateScope? = self
        while let current = scope {
            if let value = current.variables[name] { return value }
            scope = current.parent
        }
        return nil
    }
}
