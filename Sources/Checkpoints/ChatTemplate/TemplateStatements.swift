/// Execution of statements.
extension TemplateEvaluator {
    /// The way in which a run of statements ended.
    enum Flow { case normal, breakLoop, continueLoop }

    func execute(_ statements: [TemplateStatement]) throws -> Flow {
        try deeper {
            for statement in statements {
                let flow = try execute(statement)
                if flow != .normal { return flow }
            }
            return .normal
        }
    }

    private func execute(_ statement: TemplateStatement) throws -> Flow {
        try budget.visit()
        switch statement {
        case .text(let text): try append(text, to: &output)
        case .output(let expression): try write(expression)
        case .conditional(let branches, let otherwise): return try choose(branches, otherwise)
        case .loop(let loop): try run(loop, over: evaluate(loop.iterable), depth: 0)
        case .breakLoop: return .breakLoop
        case .continueLoop: return .continueLoop
        case .assign(let target, let expression, let line):
            let value = try evaluate(expression)
            try atLine(line) { try assign(value, to: target) }
        case .assignBlock(let target, let filters, let body, let line):
            let (flow, text) = try captured(body)
            guard flow == .normal else { return flow }
            let value = try apply(filters, to: .string(text))
            try atLine(line) { try assign(value, to: target) }
        case .filterBlock(let filters, let body):
            let (flow, text) = try captured(body)
            guard flow == .normal else { return flow }
            try append(self.text(of: apply(filters, to: .string(text))), to: &output)
        case .with(let values, let body, let line): return try with(values, body, line: line)
        case .scoped(let body): return try scoped { try execute(body) }
        case .macro(let macro): scope.variables[macro.name] = .function(try function(for: macro))
        case .callBlock(let caller, let callee, let arguments, let line):
            try atLine(line) { try write(calling: callee, arguments, caller: caller) }
        case .block(let block): try atLine(block.line) { try write(block, within: block.isScoped ? scope : root) }
        case .otherTemplate(let word, let line):
            throw TemplateFault("the block '\(word)' needs another template, and there is none", line: line)
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
        _ values: [(target: TemplateTarget, value: TemplateExpression)], _ body: [TemplateStatement], line: Int
    ) throws -> Flow {
        // Each value sees the scope outside, not the values before it.
        let evaluated = try values.map { ($0.target, try evaluate($0.value)) }
        return try scoped {
            for (target, value) in evaluated { try atLine(line) { try assign(value, to: target) } }
            return try execute(body)
        }
    }

    /// Runs statements in a separate scope and returns the text that they write.
    private func captured(_ body: [TemplateStatement]) throws -> (Flow, String) {
        var flow = Flow.normal
        let text = try capturingOutput { flow = try scoped { try execute(body) } }
        return (flow, text)
    }

    /// The text that `action` writes.
    func capturingOutput(_ action: () throws -> Void) rethrows -> String {
        let outer = output
        output = ""
        defer { output = outer }
        try action()
        return output
    }

    // MARK: Assignment

    func assign(_ value: RenderValue, to target: TemplateTarget) throws {
        switch target {
        case .name(let name): scope.variables[name] = value
        case .attribute(let name, let attribute):
            guard case .namespace(let namespace)? = scope.find(name) else {
                throw TemplateFault("'\(name)' is not a namespace, so that its attribute '\(attribute)' cannot be set")
            }
            try namespace.set(attribute, to: value)
        case .tuple(let targets):
            let elements = try elements(of: value)
            guard elements.count == targets.count else {
                throw TemplateFault("\(elements.count) values cannot be assigned to \(targets.count) names")
            }
            for (target, element) in zip(targets, elements) { try assign(element, to: target) }
        }
    }

    // MARK: Loops

    private func run(_ loop: TemplateLoop, over iterable: RenderValue, depth: Int) throws {
        let items = try atLine(loop.line) { try self.items(of: loop, over: iterable) }
        guard !items.elements.isEmpty else {
            _ = try scoped { try execute(loop.otherwise) }
            return
        }
        let state = RenderLoop(items, depth: depth, recurse: try recursion(of: loop, depth: depth + 1))
        for (index, element) in items.elements.enumerated() {
            try budget.visit()
            state.index = index
            let flow = try scoped {
                scope.variables["loop"] = .loop(state)
                try atLine(loop.line) { try assign(element, to: loop.target) }
                return try execute(loop.body)
            }
            if flow == .breakLoop { break }
        }
    }

    private func items(of loop: TemplateLoop, over iterable: RenderValue) throws -> RenderItems {
        var elements = try elements(of: iterable)
        if let condition = loop.condition {
            elements = try elements.filter { element in
                try budget.visit()
                return try scoped {
                    try assign(element, to: loop.target)
                    return try evaluate(condition).isTrue
                }
            }
        }
        return try RenderItems(elements, budget: budget)
    }

    /// `loop(iterable)` of a recursive loop: its body with other elements, as text.
    private func recursion(
        of loop: TemplateLoop, depth: Int
    ) throws -> ((TemplateEvaluator, RenderValue) throws -> RenderValue)? {
        guard loop.isRecursive else { return nil }
        let definition = try capturedScope()
        return { evaluator, iterable in
            let text = try evaluator.capturingOutput {
                try evaluator.scoped(in: definition) { try evaluator.run(loop, over: iterable, depth: depth) }
            }
            return .string(text)
        }
    }
}
