/// Expressions, from tuples down to literals, with their filters and tests.
extension TemplateParser {
    /// One expression, or several separated by commas, which make a tuple.
    mutating func tuple(withChoice: Bool = true) throws -> TemplateExpression {
        let line = current.line
        let first = try withChoice ? expression() : operation(above: 0)
        guard isSymbol(",") else { return first }
        var elements = [first]
        while take(symbol: ",") {
            if isSymbol(")") || current.kind == .variableEnd || current.kind == .blockEnd { break }
            elements.append(try withChoice ? expression() : operation(above: 0))
        }
        return try TemplateExpression(.tuple(elements), line: line, children: elements)
    }

    mutating func expression() throws -> TemplateExpression {
        try nested { parser in
            var value = try parser.operation(above: 0)
            while parser.isWord("if") {
                let line = parser.advance().line
                let condition = try parser.operation(above: 0)
                let otherwise = parser.take(word: "else") ? try parser.expression() : nil
                value = try TemplateExpression(
                    .choice(condition: condition, value, otherwise: otherwise), line: line,
                    children: [condition, value, otherwise])
            }
            return value
        }
    }

    /// The precedence of Jinja's operators.
    private enum Precedence {
        static let or = 1
        static let and = 2
        static let not = 3
        static let comparison = 4
        static let sum = 5
        static let joining = 6
        static let product = 7
        static let power = 8
    }

    /// Operands joined by operators that bind tighter than `floor`.
    mutating func operation(above floor: Int) throws -> TemplateExpression {
        var left: TemplateExpression
        if floor < Precedence.not, isWord("not") {
            let line = advance().line
            let operand = try nested { try $0.operation(above: Precedence.not - 1) }
            left = try TemplateExpression(.not(operand), line: line, children: [operand])
        } else {
            left = try unary()
        }
        while let (precedence, symbol) = binaryOperator(), precedence > floor {
            let line = current.line
            switch precedence {
            case Precedence.comparison:
                left = try comparison(from: left)
            case Precedence.joining:
                left = try joining(from: left)
            default:
                advance()
                let right = try nested { try $0.operation(above: precedence) }
                let kind: TemplateExpression.Kind
                if let arithmetic = TemplateExpression.Arithmetic(rawValue: symbol) {
                    kind = .arithmetic(arithmetic, left, right)
                } else {
                    kind = precedence == Precedence.and ? .and(left, right) : .or(left, right)
                }
                left = try TemplateExpression(kind, line: line, children: [left, right])
            }
        }
        return left
    }

    private func binaryOperator() -> (precedence: Int, symbol: String)? {
        switch current.kind {
        case .name("or"): (Precedence.or, "or")
        case .name("and"): (Precedence.and, "and")
        case .name("in"): (Precedence.comparison, "in")
        case .name("not"):
            next.kind == .name("in") ? (Precedence.comparison, "not in") : nil
        case .symbol(let symbol):
            switch symbol {
            case "==", "!=", "<", "<=", ">", ">=": (Precedence.comparison, symbol)
            case "+", "-": (Precedence.sum, symbol)
            case "~": (Precedence.joining, symbol)
            case "*", "/", "//", "%": (Precedence.product, symbol)
            case "**": (Precedence.power, symbol)
            default: nil
            }
        default: nil
        }
    }

    private mutating func comparison(from left: TemplateExpression) throws -> TemplateExpression {
        let line = current.line
        var chain: [(operation: TemplateExpression.Comparison, operand: TemplateExpression)] = []
        while let (_, symbol) = binaryOperator(), let operation = TemplateExpression.Comparison(rawValue: symbol) {
            advance()
            if operation == .isNotIn { advance() }
            chain.append((operation, try nested { try $0.operation(above: Precedence.comparison) }))
        }
        return try TemplateExpression(.comparison(left, chain), line: line, children: [left] + chain.map(\.operand))
    }

    private mutating func joining(from left: TemplateExpression) throws -> TemplateExpression {
        let line = current.line
        var parts = [left]
        while take(symbol: "~") { parts.append(try nested { try $0.operation(above: Precedence.joining) }) }
        return try TemplateExpression(.joined(parts), line: line, children: parts)
    }

    private mutating func unary(withFilters: Bool = true) throws -> TemplateExpression {
        let line = current.line
        var value: TemplateExpression
        if isSymbol("-") || isSymbol("+") {
            let isNegated = isSymbol("-")
            advance()
            let operand = try nested { try $0.unary(withFilters: false) }
            value = try TemplateExpression(
                isNegated ? .negated(operand) : .positive(operand), line: line, children: [operand])
        } else {
            value = try primary()
        }
        value = try postfix(value)
        while withFilters {
            if take(symbol: "|") {
                let filter = try filterCall()
                value = try TemplateExpression(
                    .filter(value, filter), line: filter.line, children: [value] + filter.arguments.expressions)
            } else if isWord("is") {
                value = try test(value)
            } else if isSymbol("(") {
                value = try call(value)
            } else {
                break
            }
        }
        return value
    }

    private mutating func primary() throws -> TemplateExpression {
        let token = current
        switch token.kind {
        case .name(let name):
            advance()
            return try named(name, line: token.line)
        case .string(var text):
            advance()
            while case .string(let more) = current.kind {
                text += more
                advance()
            }
            return try TemplateExpression(.string(text), line: token.line)
        case .integer(let value):
            advance()
            return try TemplateExpression(.integer(value), line: token.line)
        case .float(let value):
            advance()
            return try TemplateExpression(.float(value), line: token.line)
        case .symbol("("):
            advance()
            return try nested { try $0.parenthesized(line: token.line) }
        case .symbol("["):
            advance()
            return try nested { try $0.list(line: token.line) }
        case .symbol("{"):
            advance()
            return try nested { try $0.dictionary(line: token.line) }
        default:
            throw unexpected(needing: "an expression")
        }
    }

    private mutating func named(_ name: String, line: Int) throws -> TemplateExpression {
        switch name {
        case "true", "True": return try TemplateExpression(.boolean(true), line: line)
        case "false", "False": return try TemplateExpression(.boolean(false), line: line)
        case "none", "None": return try TemplateExpression(.none, line: line)
        default:
            if let special = TemplateMacro.Special(rawValue: name) { specials.insert(special) }
            return try TemplateExpression(.name(name), line: line)
        }
    }

    private mutating func parenthesized(line: Int) throws -> TemplateExpression {
        if take(symbol: ")") { return try TemplateExpression(.tuple([]), line: line) }
        let value = try tuple()
        try expect(symbol: ")")
        return value
    }

    private mutating func list(line: Int) throws -> TemplateExpression {
        var elements: [TemplateExpression] = []
        while !isSymbol("]") {
            if !elements.isEmpty { try expect(symbol: ",") }
            if isSymbol("]") { break }
            elements.append(try expression())
        }
        advance()
        return try TemplateExpression(.list(elements), line: line, children: elements)
    }

    private mutating func dictionary(line: Int) throws -> TemplateExpression {
        var entries: [(key: TemplateExpression, value: TemplateExpression)] = []
        while !isSymbol("}") {
            if !entries.isEmpty { try expect(symbol: ",") }
            if isSymbol("}") { break }
            let key = try expression()
            try expect(symbol: ":")
            entries.append((key, try expression()))
        }
        advance()
        return try TemplateExpression(
            .dictionary(entries), line: line, children: entries.flatMap { [$0.key, $0.value] })
    }

    /// Subscripts and calls after a value.
    private mutating func postfix(_ start: TemplateExpression) throws -> TemplateExpression {
        var value = start
        while true {
            if isSymbol(".") {
                value = try dotted(value)
            } else if isSymbol("[") {
                value = try nested { try $0.bracketed(value) }
            } else if isSymbol("(") {
                value = try call(value)
            } else {
                return value
            }
        }
    }

    private mutating func dotted(_ base: TemplateExpression) throws -> TemplateExpression {
        let line = advance().line
        if case .integer(let position) = current.kind {
            advance()
            let item = try TemplateExpression(.integer(position), line: line)
            return try TemplateExpression(.item(base, item), line: line, children: [base])
        }
        let name = try expectName("an attribute's name")
        return try TemplateExpression(.attribute(base, name), line: line, children: [base])
    }

    private mutating func bracketed(_ base: TemplateExpression) throws -> TemplateExpression {
        let line = advance().line
        var bounds: [TemplateExpression?] = [nil]
        var isSlice = false
        while !isSymbol("]") {
            if take(symbol: ":") {
                isSlice = true
                bounds.append(nil)
                continue
            }
            guard bounds[bounds.count - 1] == nil else { throw unexpected(needing: "']'") }
            bounds[bounds.count - 1] = try expression()
        }
        guard bounds.count <= 3 else { throw unexpected(needing: "at most two ':'") }
        guard isSlice else {
            guard let item = bounds[0] else { throw unexpected(needing: "an expression") }
            advance()
            return try TemplateExpression(.item(base, item), line: line, children: [base, item])
        }
        advance()
        bounds += Array(repeating: nil, count: 3 - bounds.count)
        return try TemplateExpression(
            .slice(base, start: bounds[0], stop: bounds[1], step: bounds[2]), line: line, children: [base] + bounds)
    }

    private mutating func call(_ callee: TemplateExpression) throws -> TemplateExpression {
        let line = current.line
        let arguments = try nested { try $0.callArguments() }
        return try TemplateExpression(.call(callee, arguments), line: line, children: [callee] + arguments.expressions)
    }

    private mutating func callArguments() throws -> TemplateCallArguments {
        try expect(symbol: "(")
        var arguments = TemplateCallArguments()
        var isFirst = true
        while !isSymbol(")") {
            if !isFirst { try expect(symbol: ",") }
            isFirst = false
            if isSymbol(")") { break }
            try argument(of: &arguments)
        }
        advance()
        return arguments
    }

    private mutating func argument(of arguments: inout TemplateCallArguments) throws {
        let line = current.line
        func refuse(_ isRefused: Bool, _ reason: String) throws {
            if isRefused { throw TemplateFault(reason, line: line) }
        }
        let hasSpread = arguments.spread != nil
        let hasSpreadNamed = arguments.spreadNamed != nil
        if take(symbol: "**") {
            try refuse(hasSpreadNamed, "a call has two arguments with '**'")
            arguments.spreadNamed = try expression()
        } else if take(symbol: "*") {
            try refuse(hasSpread || hasSpreadNamed, "an argument with '*' follows another one or one with '**'")
            arguments.spread = try expression()
        } else if case .name(let name) = current.kind, next.kind == .symbol("=") {
            try refuse(hasSpreadNamed, "an argument follows one with '**'")
            try refuse(arguments.named.contains { $0.name == name }, "the argument '\(name)' is given twice")
            advance()
            advance()
            arguments.named.append((name, try expression()))
        } else {
            try refuse(!arguments.named.isEmpty, "an argument without a name follows one with a name")
            try refuse(hasSpread || hasSpreadNamed, "an argument follows one with '*' or '**'")
            arguments.positional.append(try expression())
        }
    }

    // MARK: Filters and tests

    mutating func filterCall() throws -> TemplateFilterCall {
        let line = current.line
        let name = try expectName("a filter's name")
        let arguments = isSymbol("(") ? try nested { try $0.callArguments() } : TemplateCallArguments()
        return TemplateFilterCall(name: name, arguments: arguments, line: line)
    }

    /// `is [not] name [argument | (arguments)]`
    private mutating func test(_ value: TemplateExpression) throws -> TemplateExpression {
        let line = advance().line
        let isNegated = take(word: "not")
        let name = try expectName("a test's name")
        var arguments = TemplateCallArguments()
        if isSymbol("(") {
            arguments = try nested { try $0.callArguments() }
        } else if startsTestArgument {
            if isWord("is") { throw TemplateFault("tests cannot be chained with 'is'", line: line) }
            arguments.positional = [try nested { try $0.postfix($0.primary()) }]
        }
        let test = try TemplateExpression(
            .test(value, name: name, arguments), line: line, children: [value] + arguments.expressions)
        return isNegated ? try TemplateExpression(.not(test), line: line, children: [test]) : test
    }

    private var startsTestArgument: Bool {
        switch current.kind {
        case .name(let word): !["else", "or", "and"].contains(word)
        case .string, .integer, .float: true
        case .symbol(let symbol): ["[", "{"].contains(symbol)
        case .text, .blockBegin, .blockEnd, .variableBegin, .variableEnd, .end: false
        }
    }
}
