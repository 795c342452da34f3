import Foundation

/// An evaluator that renders parsed statements once.
final class TemplateEvaluator {
    let budget = TemplateBudget()
    /// The time that `strftime_now` returns.
    let now: Date
    private var output = ""
    private var scope: TemplateScope
    private var depth = 0

    init(variables: [String: RenderValue], now: Date) {
        self.now = now
        let globals = TemplateScope(parent: nil)
        globals.variables = TemplateFunctions.globals
        scope = TemplateScope(parent: globals)
        scope.variables = variables
    }

    func render(_ statements: [TemplateStatement]) throws -> String {
        // Macros refer to the scope that refers to them.
        defer { scope.variables = [:] }
        _ = try execute(statements)
        return output
    }

    // MARK: Statements

    /// The way in which a run of statements ended.
    private enum Flow { case normal, breakLoop, continueLoop }

    private func execute(_ statements: [TemplateStatement]) throws -> Flow {
        try deeper {
            for statement in statements {
                let flow = try execute(statement)
                if flow != .normal { return flow }
            }
            return .normal
        }
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

    private func execute(_ statement: TemplateStatement) throws -> Flow {
        try budget.visit()
        switch statement {
        case .text(let text): try append(text, to: &output)
        case .output(let expression): try write(expression)
        case .conditional(let branches, let otherwise): return try choose(branches, otherwise)
        case .loop(let loop): return try run(loop)
        case .breakLoop: return .breakLoop
        case .continueLoop: return .continueLoop
        case .assign(let target, let expression, let line):
            let value = try evaluate(expression)
            try atLine(line) { try assign(value, to: target) }
        case .assignAttribute(let namespace, let attribute, let expression, let line):
            let value = try evaluate(expression)
            try atLine(line) { try assign(value, to: attribute, of: namespace) }
        case .assignBlock(let name, let attribute, let filters, let body, let line):
            let (flow, text) = try captured(body)
            guard flow == .normal else { return flow }
            let value = try apply(filters, to: .string(text))
            try atLine(line) {
                try attribute.map { try assign(value, to: $0, of: name) } ?? assign(value, to: .name(name))
            }
        case .filterBlock(let filters, let body):
            let (flow, text) = try captured(body)
            guard flow == .normal else { return flow }
            try append(self.text(of: apply(filters, to: .string(text))), to: &output)
        case .with(let values, let body): return try with(values, body)
        case .scoped(let body): return try scoped { try execute(body) }
        case .macro(let macro): scope.variables[macro.name] = .function(function(for: macro))
        }
        return .normal
    }

    private func write(_ expression: TemplateExpression) throws {
        let value = try evaluate(expression)
        try atLine(expression.line) { try append(text(of: value), to: &output) }
    }

    private func choose(
        _ branches: [(condition: TemplateExpression, body: [TemplateStatement])], _ otherwise: [TemplateStatement]
    ) throws -> Flow {
        for branch in branches where try evaluate(branch.condition).isTrue { return try execute(branch.body) }
        return try execute(otherwise)
    }

    private func with(
        _ values: [(name: String, value: TemplateExpression)], _ body: [TemplateStatement]
    ) throws -> Flow {
        // Each value sees the scope outside, not the values before it.
        let evaluated = try values.map { ($0.name, try evaluate($0.value)) }
        return try scoped {
            for (name, value) in evaluated { scope.variables[name] = value }
            return try execute(body)
        }
    }

    private func run(_ loop: TemplateLoop) throws -> Flow {
        let iterable = try evaluate(loop.iterable)
        var elements = try atLine(loop.line) { try self.elements(of: iterable) }
        if let condition = loop.condition {
            elements = try elements.filter { element in
                try budget.visit()
                return try scoped {
                    try atLine(loop.line) { try assign(element, to: loop.target) }
                    return try evaluate(condition).isTrue
                }
            }
        }
        guard !elements.isEmpty else { return try scoped { try execute(loop.otherwise) } }
        let state = RenderLoop(elements)
        for (index, element) in elements.enumerated() {
            try budget.visit()
            state.index = index
            let flow = try scoped {
                scope.variables["loop"] = .loop(state)
                try atLine(loop.line) { try assign(element, to: loop.target) }
                return try execute(loop.body)
            }
            if flow == .breakLoop { break }
        }
        return .normal
    }

    /// Runs statements in a separate scope and returns the text that they write.
    private func captured(_ body: [TemplateStatement]) throws -> (Flow, String) {
        let outer = output
        output = ""
        defer { output = outer }
        let flow = try scoped { try execute(body) }
        return (flow, output)
    }

    // MARK: Scopes

    private func scoped<Result>(_ action: () throws -> Result) rethrows -> Result {
        try scoped(in: TemplateScope(parent: scope), action)
    }

    private func scoped<Result>(in inner: TemplateScope, _ action: () throws -> Result) rethrows -> Result {
        let outer = scope
        scope = inner
        defer {
            inner.variables = [:]
            scope = outer
        }
        return try action()
    }

    private func assign(_ value: RenderValue, to target: TemplateTarget) throws {
        switch target {
        case .name(let name): scope.variables[name] = value
        case .tuple(let targets):
            let elements = try elements(of: value)
            guard elements.count == targets.count else {
                throw TemplateFault("\(elements.count) values cannot be assigned to \(targets.count) names")
            }
            for (target, element) in zip(targets, elements) { try assign(element, to: target) }
        }
    }

    private func assign(_ value: RenderValue, to attribute: String, of name: String) throws {
        guard case .namespace(let namespace)? = scope.find(name) else {
            throw TemplateFault("'\(name)' is not a namespace, so that its attribute '\(attribute)' cannot be set")
        }
        try namespace.set(attribute, to: value)
    }

    // MARK: Macros

    private func function(for macro: TemplateMacro) -> RenderFunction {
        let definition = scope
        return RenderFunction(macro.name) { evaluator, arguments in
            try evaluator.run(macro, definedIn: definition, arguments)
        }
    }

    private func run(
        _ macro: TemplateMacro, definedIn definition: TemplateScope, _ arguments: RenderArguments
    ) throws -> RenderValue {
        let values = try arguments.bind(macro.parameters.map(\.name), of: "the macro '\(macro.name)'")
        let outer = output
        output = ""
        defer { output = outer }
        return try scoped(in: TemplateScope(parent: definition)) {
            for (parameter, value) in zip(macro.parameters, values) {
                let missing = RenderValue.undefined("the parameter '\(parameter.name)' was not given")
                scope.variables[parameter.name] = try value ?? parameter.standard.map(evaluate) ?? missing
            }
            _ = try execute(macro.body)
            return .string(output)
        }
    }

    // MARK: Expressions

    /// Adds this line to an error without a line.
    private func atLine<Result>(_ line: Int, _ action: () throws -> Result) throws -> Result {
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

    private func evaluated(_ arguments: TemplateCallArguments) throws -> RenderArguments {
        RenderArguments(
            positional: try arguments.positional.map(evaluate),
            named: try arguments.named.map { ($0.name, try evaluate($0.value)) })
    }

    private func call(_ callee: TemplateExpression, _ arguments: TemplateCallArguments) throws -> RenderValue {
        let value = try evaluate(callee)
        switch value {
        case .function(let function): return try function.call(self, evaluated(arguments))
        case .undefined(let reason): throw TemplateFault("\(reason), and cannot be called")
        default: throw TemplateFault("\(value.typeName) cannot be called")
        }
    }

    private func apply(_ filters: [TemplateFilterCall], to start: RenderValue) throws -> RenderValue {
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

/// Evaluated arguments of a call, a filter or a test.
struct RenderArguments {
    var positional: [RenderValue] = []
    var named: [(name: String, value: RenderValue)] = []

    /// The arguments in the order of `parameters`, nil for absent ones; refuses those that fit no parameter.
    func bind(_ parameters: [String], of callee: String) throws -> [RenderValue?] {
        guard positional.count <= parameters.count else {
            throw TemplateFault("\(callee) takes \(parameters.count) arguments, not \(positional.count)")
        }
        var values: [RenderValue?] = positional + Array(repeating: nil, count: parameters.count - positional.count)
        for (name, value) in named {
            guard let index = parameters.firstIndex(of: name) else {
                throw TemplateFault("\(callee) has no parameter '\(name)'")
            }
            guard values[index] == nil else { throw TemplateFault("\(callee) is given '\(name)' twice") }
            values[index] = value
        }
        return values
    }

    /// The same as `bind(_:of:)`, but the first `required` arguments have to be given.
    func bind(_ parameters: [String], required: Int, of callee: String) throws -> [RenderValue?] {
        let values = try bind(parameters, of: callee)
        for (parameter, value) in zip(parameters, values).prefix(required) where value == nil {
            throw TemplateFault("\(callee) needs the argument '\(parameter)'")
        }
        return values
    }
}
