/// Macros, the blocks that call them, and blocks with a name.
extension TemplateEvaluator {
    /// The value of a macro: it sees the variables around its definition.
    func function(for macro: TemplateMacro) throws -> RenderFunction {
        let definition = try capturedScope()
        let catches = macro.specials
        return RenderFunction(
            macro.name, shown: "<Macro \(PythonText.quoted(macro.name))>",
            attributes: { [budget] name in
                switch name {
                case "name": return .string(macro.name)
                case "arguments":
                    let names = macro.parameters.map { RenderValue.string($0.name) }
                    return .sequence(.tuple, try RenderItems(names, budget: budget))
                case "catch_kwargs": return .boolean(catches.contains(.kwargs))
                case "catch_varargs": return .boolean(catches.contains(.varargs))
                case "caller": return .boolean(catches.contains(.caller))
                default: return nil
                }
            },
            call: { try $0.run(macro, definedIn: definition, $1) })
    }

    private func run(
        _ macro: TemplateMacro, definedIn definition: TemplateScope, _ arguments: RenderArguments
    ) throws -> RenderValue {
        let binding = try MacroBinding(macro, arguments, evaluator: self)
        let text = try capturingOutput {
            try scoped(in: TemplateScope(parent: definition)) {
                scope.variables = binding.specials
                for (parameter, value) in zip(macro.parameters, binding.values) {
                    let missing = RenderValue.undefined("the parameter '\(parameter.name)' was not given")
                    scope.variables[parameter.name] = try value ?? parameter.standard.map(evaluate) ?? missing
                }
                _ = try execute(macro.body)
            }
        }
        return .string(text)
    }

    /// `{% call(…) callee(arguments) %}body{% endcall %}`
    func write(
        calling callee: TemplateExpression, _ arguments: TemplateCallArguments, caller: TemplateMacro
    ) throws {
        let function = try evaluate(callee)
        var values = try evaluated(arguments)
        guard !values.named.contains(where: { $0.name == caller.name }) else {
            throw TemplateFault("a 'call' block gives the argument 'caller' itself")
        }
        values.named.append((caller.name, .function(try self.function(for: caller))))
        let result = try deeper { try call(function, values) }
        try append(text(of: result), to: &output)
    }

    // MARK: Blocks

    func write(_ block: TemplateBlock, within surroundings: TemplateScope) throws {
        guard !block.isRequired else {
            throw TemplateFault("the block '\(block.name)' is 'required', and no other template gives it")
        }
        _ = try scoped(in: TemplateScope(parent: surroundings)) { try execute(block.body) }
    }

    /// The variable `self`, whose attributes are the blocks: `self.name()` is a block's text.
    var blockReferences: RenderFunction {
        let blocks = template.blocks
        return RenderFunction(
            "self", isCallable: false,
            attributes: { name in
                blocks[name].map { block in
                    .function(
                        RenderFunction(name) { evaluator, arguments in
                            _ = try arguments.bind([], of: "the block '\(name)'")
                            return .string(
                                try evaluator.capturingOutput {
                                    try evaluator.deeper { try evaluator.write(block, within: evaluator.root) }
                                })
                        })
                }
            },
            call: { _, _ in throw TemplateFault("'self' cannot be called") })
    }
}

/// The arguments of one call of a macro, as its variables.
private struct MacroBinding {
    /// The values of the parameters, nil for absent ones.
    let values: [RenderValue?]
    /// `varargs`, `kwargs` and `caller`, as far as the macro names them.
    let specials: [String: RenderValue]

    init(_ macro: TemplateMacro, _ arguments: RenderArguments, evaluator: TemplateEvaluator) throws {
        var named = arguments.named
        func take(_ name: String) -> RenderValue? {
            named.firstIndex { $0.name == name }.map { named.remove(at: $0).value }
        }
        let count = macro.parameters.count
        let given = arguments.positional.prefix(count).map(Optional.some)
        values = given + macro.parameters.dropFirst(given.count).map { take($0.name) }
        var specials: [String: RenderValue] = [:]
        if macro.specials.contains(.caller) {
            specials["caller"] = take("caller") ?? .undefined("no 'call' block calls the macro '\(macro.name)'")
        }
        if macro.specials.contains(.kwargs) {
            let pairs = named.map { (key: RenderValue.string($0.name), value: $0.value) }
            specials["kwargs"] = .dictionary(try RenderDictionary(pairs, budget: evaluator.budget))
        } else if let name = named.first?.name {
            let isTwice = macro.parameters.contains { $0.name == name }
            throw TemplateFault(
                "the macro '\(macro.name)' " + (isTwice ? "is given '\(name)' twice" : "has no parameter '\(name)'"))
        }
        if macro.specials.contains(.varargs) {
            specials["varargs"] = try evaluator.tuple(Array(arguments.positional.dropFirst(count)))
        } else if arguments.positional.count > count {
            throw TemplateFault(
                "the macro '\(macro.name)' takes \(count) arguments, not \(arguments.positional.count)")
        }
        self.specials = specials
    }
}
