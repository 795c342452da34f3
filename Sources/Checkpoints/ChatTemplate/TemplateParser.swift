/// Turns a template's tokens into statements, and refuses by name what the evaluator does not know.
///
/// The grammar is that of Jinja2's parser (the "Template Designer Documentation" of Jinja 3.1) without inheritance,
/// includes, recursive loops and call blocks.
struct TemplateParser {
    private let tokens: [TemplateToken]
    private var index = 0
    private var nesting = 0
    /// Loops around the current statement, for `break` and `continue`.
    private var loops = 0
    private var isInMacro = false

    static func statements(of source: String) throws -> [TemplateStatement] {
        guard source.utf8.count <= TemplateLimits.sourceBytes else {
            throw TemplateFault("it is longer than \(TemplateLimits.sourceBytes >> 10) KiB")
        }
        var parser = TemplateParser(tokens: try TemplateLexer.tokens(of: source))
        return try parser.body(of: nil).statements
    }

    private init(tokens: [TemplateToken]) {
        self.tokens = tokens
    }

    // MARK: Tokens

    private var current: TemplateToken { tokens[index] }

    /// The last token, of kind `end`, is never passed.
    @discardableResult
    private mutating func advance() -> TemplateToken {
        let token = tokens[index]
        if index + 1 < tokens.count { index += 1 }
        return token
    }

    private func isSymbol(_ symbol: String) -> Bool { current.kind == .symbol(symbol) }
    private func isWord(_ word: String) -> Bool { current.kind == .name(word) }

    private mutating func take(symbol: String) -> Bool {
        guard isSymbol(symbol) else { return false }
        advance()
        return true
    }

    private mutating func take(word: String) -> Bool {
        guard isWord(word) else { return false }
        advance()
        return true
    }

    private mutating func expect(symbol: String) throws {
        guard take(symbol: symbol) else { throw unexpected(needing: "'\(symbol)'") }
    }

    private mutating func expectName(_ purpose: String) throws -> String {
        guard case .name(let name) = current.kind else { throw unexpected(needing: purpose) }
        advance()
        return name
    }

    private mutating func expectBlockEnd() throws {
        guard current.kind == .blockEnd else { throw unexpected(needing: "'%}'") }
        advance()
    }

    private func unexpected(needing need: String) -> TemplateFault {
        TemplateFault("\(current.shown) stands where \(need) is needed", line: current.line)
    }

    /// Parses one level deeper. What nests in the source recurses here, so that the limit protects the stack.
    private mutating func nested<Result>(_ parse: (inout TemplateParser) throws -> Result) throws -> Result {
        nesting += 1
        defer { nesting -= 1 }
        if nesting > TemplateLimits.nesting {
            throw TemplateFault(
                "blocks and brackets are nested more than \(TemplateLimits.nesting) levels deep", line: current.line)
        }
        return try parse(&self)
    }

    // MARK: Statements

    private struct Opening {
        let name: String
        let line: Int
        /// Words that end the body.
        let ends: [String]
    }

    /// Parses statements up to a block tag that starts with one of `opening.ends`, and takes that word; without an
    /// opening, up to the end of the template.
    private mutating func body(of opening: Opening?) throws -> (statements: [TemplateStatement], end: String) {
        var statements: [TemplateStatement] = []
        while true {
            let token = advance()
            switch token.kind {
            case .text(let text):
                statements.append(.text(text))
            case .variableBegin:
                statements.append(.output(try tuple()))
                guard current.kind == .variableEnd else { throw unexpected(needing: "'}}'") }
                advance()
            case .blockBegin:
                guard case .name(let word) = current.kind else { throw unexpected(needing: "a block's name") }
                if let opening, opening.ends.contains(word) {
                    advance()
                    return (statements, word)
                }
                statements.append(try nested { try $0.statement(within: opening) })
            default:
                if let opening {
                    throw TemplateFault(
                        "the '\(opening.name)' block opened here is never closed with '{% \(opening.ends.last ?? "") %}'",
                        line: opening.line)
                }
                return (statements, "")
            }
        }
    }

    /// Parses a body that one tag opens and `end` closes, from the opening tag's `%}` to the closing tag's.
    private mutating func block(_ name: String, line: Int, end: String) throws -> [TemplateStatement] {
        try expectBlockEnd()
        let statements = try body(of: Opening(name: name, line: line, ends: [end])).statements
        try expectBlockEnd()
        return statements
    }

    private mutating func statement(within opening: Opening?) throws -> TemplateStatement {
        let line = current.line
        let word = try expectName("a block's name")
        switch word {
        case "if": return try conditional(line: line)
        case "for": return try loop(line: line)
        case "set": return try assignment(line: line)
        case "macro": return try macro(line: line)
        case "with": return try with(line: line)
        case "generation": return .scoped(try block("generation", line: line, end: "endgeneration"))
        case "filter":
            let filters = try filterChain()
            return .filterBlock(filters, try block("filter", line: line, end: "endfilter"))
        case "break", "continue":
            guard loops > 0 else { throw TemplateFault("'\(word)' stands outside of a loop", line: line) }
            try expectBlockEnd()
            return word == "break" ? .breakLoop : .continueLoop
        case "elif", "else", "endif", "endfor", "endset", "endmacro", "endfilter", "endwith", "endgeneration":
            let reason = opening.map { "the '\($0.name)' block of line \($0.line) is still open" } ?? "no block is open"
            throw TemplateFault("'\(word)' does not belong here: \(reason)", line: line)
        default:
            throw TemplateFault("the block '\(word)' is not supported", line: line)
        }
    }

    private mutating func conditional(line: Int) throws -> TemplateStatement {
        var branches: [(condition: TemplateExpression, body: [TemplateStatement])] = []
        while true {
            let condition = try tuple(withChoice: false)
            try expectBlockEnd()
            let part = try body(of: Opening(name: "if", line: line, ends: ["elif", "else", "endif"]))
            branches.append((condition, part.statements))
            if part.end == "elif" { continue }
            var otherwise: [TemplateStatement] = []
            if part.end == "else" {
                otherwise = try block("else", line: line, end: "endif")
            } else {
                try expectBlockEnd()
            }
            return .conditional(branches, otherwise: otherwise)
        }
    }

    private mutating func loop(line: Int) throws -> TemplateStatement {
        let target = try target()
        guard take(word: "in") else { throw unexpected(needing: "'in'") }
        let iterable = try tuple(withChoice: false)
        let condition = take(word: "if") ? try expression() : nil
        if isWord("recursive") { throw TemplateFault("recursive loops are not supported", line: line) }
        try expectBlockEnd()
        loops += 1
        let part: (statements: [TemplateStatement], end: String)
        do {
            defer { loops -= 1 }
            part = try body(of: Opening(name: "for", line: line, ends: ["else", "endfor"]))
        }
        var otherwise: [TemplateStatement] = []
        if part.end == "else" {
            otherwise = try block("else", line: line, end: "endfor")
        } else {
            try expectBlockEnd()
        }
        return .loop(
            TemplateLoop(
                target: target, iterable: iterable, condition: condition, body: part.statements, otherwise: otherwise,
                line: line))
    }

    private mutating func target() throws -> TemplateTarget {
        func one(_ parser: inout TemplateParser) throws -> TemplateTarget {
            if parser.take(symbol: "(") {
                let inner = try parser.nested { try $0.target() }
                try parser.expect(symbol: ")")
                return inner
            }
            return .name(try parser.targetName())
        }
        let first = try one(&self)
        guard isSymbol(",") else { return first }
        var targets = [first]
        while take(symbol: ",") {
            guard isSymbol("(") || (current.isName && !isWord("in")) else { break }
            targets.append(try one(&self))
        }
        return .tuple(targets)
    }

    private mutating func targetName() throws -> String {
        let line = current.line
        let name = try expectName("a variable's name")
        guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
            throw TemplateFault("'\(name)' cannot be assigned to", line: line)
        }
        return name
    }

    private mutating func assignment(line: Int) throws -> TemplateStatement {
        let target = try target()
        if case .name(let namespace) = target, take(symbol: ".") {
            let attribute = try expectName("an attribute's name")
            guard isSymbol("=") else {
                throw TemplateFault("a block cannot be assigned to an attribute; assign it to a variable", line: line)
            }
            advance()
            let value = try tuple()
            try expectBlockEnd()
            return .assignAttribute(namespace: namespace, attribute: attribute, value, line: line)
        }
        if take(symbol: "=") {
            let value = try tuple()
            try expectBlockEnd()
            return .assign(target, value, line: line)
        }
        guard case .name(let name) = target else { throw unexpected(needing: "'='") }
        let filters = isSymbol("|") ? try filterChain(startsWithBar: true) : []
        return .assignBlock(name, filters, try block("set", line: line, end: "endset"))
    }

    private mutating func filterChain(startsWithBar: Bool = false) throws -> [TemplateFilterCall] {
        if startsWithBar { try expect(symbol: "|") }
        var filters = [try filterCall()]
        while take(symbol: "|") { filters.append(try filterCall()) }
        return filters
    }

    private mutating func macro(line: Int) throws -> TemplateStatement {
        let name = try targetName()
        try expect(symbol: "(")
        var parameters: [(name: String, standard: TemplateExpression?)] = []
        while !isSymbol(")") {
            if !parameters.isEmpty { try expect(symbol: ",") }
            if isSymbol(")") { break }
            let parameter = try targetName()
            let standard = take(symbol: "=") ? try expression() : nil
            if standard == nil, parameters.last?.standard != nil {
                throw TemplateFault("parameter '\(parameter)' needs a default, as the one before it has", line: line)
            }
            parameters.append((parameter, standard))
        }
        advance()
        let (outerLoops, wasInMacro) = (loops, isInMacro)
        (loops, isInMacro) = (0, true)
        defer { (loops, isInMacro) = (outerLoops, wasInMacro) }
        let body = try block("macro", line: line, end: "endmacro")
        return .macro(TemplateMacro(name: name, parameters: parameters, body: body, line: line))
    }

    private mutating func with(line: Int) throws -> TemplateStatement {
        var values: [(name: String, value: TemplateExpression)] = []
        while current.kind != .blockEnd {
            if !values.isEmpty { try expect(symbol: ",") }
            let name = try targetName()
            try expect(symbol: "=")
            values.append((name, try expression()))
        }
        return .with(values, try block("with", line: line, end: "endwith"))
    }

    // MARK: Expressions

    /// One expression, or several separated by commas, which make a tuple.
    private mutating func tuple(withChoice: Bool = true) throws -> TemplateExpression {
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

    private mutating func expression() throws -> TemplateExpression {
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

    /// How tightly Jinja's operators bind.
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
    private mutating func operation(above floor: Int) throws -> TemplateExpression {
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
            tokens[min(index + 1, tokens.count - 1)].kind == .name("in") ? (Precedence.comparison, "not in") : nil
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

    private func named(_ name: String, line: Int) throws -> TemplateExpression {
        switch name {
        case "true", "True": return try TemplateExpression(.boolean(true), line: line)
        case "false", "False": return try TemplateExpression(.boolean(false), line: line)
        case "none", "None": return try TemplateExpression(.none, line: line)
        default:
            if isInMacro, ["varargs", "kwargs", "caller"].contains(name) {
                throw TemplateFault("'\(name)' of a macro is not supported", line: line)
            }
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

    /// Subscripts and calls behind a value.
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
        if case .name(let name) = callee.kind, ["cycler", "joiner", "lipsum"].contains(name) {
            throw TemplateFault("the function '\(name)' is not supported", line: line)
        }
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
            let line = current.line
            if isSymbol("*") || isSymbol("**") {
                throw TemplateFault("spreading arguments with \(current.shown) is not supported", line: line)
            }
            if case .name(let name) = current.kind, tokens[min(index + 1, tokens.count - 1)].kind == .symbol("=") {
                advance()
                advance()
                guard !arguments.named.contains(where: { $0.name == name }) else {
                    throw TemplateFault("the argument '\(name)' is given twice", line: line)
                }
                arguments.named.append((name, try expression()))
            } else {
                guard arguments.named.isEmpty else {
                    throw TemplateFault("an argument without a name follows one with a name", line: line)
                }
                arguments.positional.append(try expression())
            }
        }
        advance()
        return arguments
    }

    // MARK: Filters and tests

    private mutating func filterCall() throws -> TemplateFilterCall {
        let line = current.line
        let name = try expectName("a filter's name")
        guard TemplateFilters.isKnown(name) else {
            throw TemplateFault("the filter '\(name)' is not supported", line: line)
        }
        let arguments = isSymbol("(") ? try nested { try $0.callArguments() } : TemplateCallArguments()
        try checkNames(in: arguments, of: name)
        return TemplateFilterCall(name: name, arguments: arguments, line: line)
    }

    /// Refuses an unknown filter or test that is named in a filter's arguments, as in `map("nosuch")`.
    private func checkNames(in arguments: TemplateCallArguments, of filter: String) throws {
        let position: Int
        switch filter {
        case "map", "select", "reject": position = 0
        case "selectattr", "rejectattr": position = 1
        default: return
        }
        guard arguments.positional.indices.contains(position) else { return }
        let argument = arguments.positional[position]
        guard case .string(let name) = argument.kind else { return }
        let isKnown = filter == "map" ? TemplateFilters.isKnown(name) : TemplateTests.isKnown(name)
        guard isKnown else {
            throw TemplateFault(
                "the \(filter == "map" ? "filter" : "test") '\(name)' is not supported", line: argument.line)
        }
    }

    /// `is [not] name [argument | (arguments)]`
    private mutating func test(_ value: TemplateExpression) throws -> TemplateExpression {
        let line = advance().line
        let isNegated = take(word: "not")
        let name = try expectName("a test's name")
        guard TemplateTests.isKnown(name) else {
            throw TemplateFault("the test '\(name)' is not supported", line: line)
        }
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
        case .string, .integer, .float, .symbol("["), .symbol("{"): true
        default: false
        }
    }
}

extension TemplateToken {
    fileprivate var isName: Bool {
        if case .name = kind { return true }
        return false
    }
}
