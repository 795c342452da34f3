/// A parser that turns a template's tokens into statements.
///
/// The grammar is that of Jinja2's parser (the "Template Designer Documentation" of Jinja 3.1). Filters, tests and
/// functions are looked up when they are reached, so that an unknown one in a branch not taken does not matter.
struct TemplateParser {
    private let tokens: [TemplateToken]
    private var index = 0
    private var nesting = 0
    /// The number of loops around the current statement, for `break` and `continue`.
    private var loops = 0
    /// The special variables that the innermost macro has named so far.
    var specials: Set<TemplateMacro.Special> = []
    private var blocks: [String: TemplateBlock] = [:]

    static func parse(_ source: String) throws -> ParsedTemplate {
        guard source.utf8.count <= TemplateLimits.sourceBytes else {
            throw TemplateFault("it is longer than \(TemplateLimits.sourceBytes >> 10) KiB")
        }
        var parser = TemplateParser(tokens: try TemplateLexer.tokens(of: source))
        let statements = try parser.body(of: nil).statements
        return ParsedTemplate(statements: statements, blocks: parser.blocks)
    }

    private init(tokens: [TemplateToken]) {
        self.tokens = tokens
    }

    // MARK: Tokens

    var current: TemplateToken { tokens[index] }
    var next: TemplateToken { tokens[min(index + 1, tokens.count - 1)] }

    /// The last token, of kind `end`, is never passed.
    @discardableResult
    mutating func advance() -> TemplateToken {
        let token = tokens[index]
        if index + 1 < tokens.count { index += 1 }
        return token
    }

    func isSymbol(_ symbol: String) -> Bool { current.kind == .symbol(symbol) }
    func isWord(_ word: String) -> Bool { current.kind == .name(word) }

    mutating func take(symbol: String) -> Bool {
        guard isSymbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func take(word: String) -> Bool {
        guard isWord(word) else { return false }
        advance()
        return true
    }

    mutating func expect(symbol: String) throws {
        guard take(symbol: symbol) else { throw unexpected(needing: "'\(symbol)'") }
    }

    mutating func expectName(_ purpose: String) throws -> String {
        guard case .name(let name) = current.kind else { throw unexpected(needing: purpose) }
        advance()
        return name
    }

    private mutating func expectBlockEnd() throws {
        guard current.kind == .blockEnd else { throw unexpected(needing: "'%}'") }
        advance()
    }

    func unexpected(needing need: String) -> TemplateFault {
        TemplateFault("\(current.shown) stands where \(need) is needed", line: current.line)
    }

    /// Parses one level deeper. All nesting recurses through here, so the limit protects the stack.
    mutating func nested<Result>(_ parse: (inout TemplateParser) throws -> Result) throws -> Result {
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
                    let end = opening.ends.last ?? ""
                    throw TemplateFault(
                        "the '\(opening.name)' block opened here is never closed with '{% \(end) %}'",
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
        case "print": return try print()
        case "macro": return try macro(line: line)
        case "call": return try callBlock(line: line)
        case "with": return try with(line: line)
        case "block": return try namedBlock(line: line)
        case "autoescape": return try autoescape(line: line)
        case "generation":
            // transformers renders the body as a macro's.
            let body = try withoutLoops { try $0.block("generation", line: line, end: "endgeneration") }
            return .scoped(body)
        case "filter":
            let filters = try filterChain()
            return .filterBlock(filters, try block("filter", line: line, end: "endfilter"))
        case "break", "continue":
            guard loops > 0 else { throw TemplateFault("'\(word)' stands outside of a loop", line: line) }
            try expectBlockEnd()
            return word == "break" ? .breakLoop : .continueLoop
        case "include", "import", "from", "extends":
            while current.kind != .blockEnd, current.kind != .end { advance() }
            try expectBlockEnd()
            return .otherTemplate(word, line: line)
        default:
            if word.hasPrefix("end") || word == "elif" || word == "else" {
                let reason =
                    opening.map { "the '\($0.name)' block of line \($0.line) is still open" } ?? "no block is open"
                throw TemplateFault("'\(word)' does not belong here: \(reason)", line: line)
            }
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
        let isRecursive = take(word: "recursive")
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
                isRecursive: isRecursive, line: line))
    }

    /// - Parameter withAttributes: whether attributes of namespaces are targets, as in `set` outside of brackets.
    private mutating func target(withAttributes: Bool = false) throws -> TemplateTarget {
        func one(_ parser: inout TemplateParser) throws -> TemplateTarget {
            if parser.take(symbol: "(") {
                let inner = try parser.nested { try $0.target() }
                try parser.expect(symbol: ")")
                return inner
            }
            let name = try parser.targetName()
            guard withAttributes, parser.take(symbol: ".") else { return .name(name) }
            return .attribute(namespace: name, try parser.expectName("an attribute's name"))
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
        let target = try target(withAttributes: true)
        if take(symbol: "=") {
            let value = try tuple()
            try expectBlockEnd()
            return .assign(target, value, line: line)
        }
        if case .tuple = target { throw unexpected(needing: "'='") }
        let filters = take(symbol: "|") ? try filterChain() : []
        return .assignBlock(target, filters, try block("set", line: line, end: "endset"), line: line)
    }

    /// `{% print a, b %}`, which writes its values without blanks between them.
    private mutating func print() throws -> TemplateStatement {
        let line = current.line
        var values: [TemplateExpression] = []
        while current.kind != .blockEnd {
            if !values.isEmpty { try expect(symbol: ",") }
            values.append(try expression())
        }
        advance()
        return .output(try TemplateExpression(.joined(values), line: line, children: values))
    }

    private mutating func filterChain() throws -> [TemplateFilterCall] {
        var filters = [try filterCall()]
        while take(symbol: "|") { filters.append(try filterCall()) }
        return filters
    }

    // MARK: Macros and blocks

    /// Parses something that Jinja2 compiles to a function of its own: no loop goes around it.
    private mutating func withoutLoops<Result>(_ parse: (inout TemplateParser) throws -> Result) rethrows -> Result {
        let outer = loops
        loops = 0
        defer { loops = outer }
        return try parse(&self)
    }

    private mutating func macro(line: Int) throws -> TemplateStatement {
        let name = try targetName()
        let parameters = try parameters(line: line)
        return .macro(try macro(named: name, parameters, keyword: "macro", line: line))
    }

    private mutating func parameters(line: Int) throws -> [TemplateMacro.Parameter] {
        try expect(symbol: "(")
        var parameters: [TemplateMacro.Parameter] = []
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
        return parameters
    }

    private mutating func macro(
        named name: String, _ parameters: [TemplateMacro.Parameter], keyword: String, line: Int
    ) throws -> TemplateMacro {
        let outer = specials
        specials = []
        let body = try withoutLoops { try $0.block(keyword, line: line, end: "end\(keyword)") }
        let caller = TemplateMacro.Special.caller
        if specials.contains(caller), parameters.contains(where: { $0.name == caller.rawValue && $0.standard == nil }) {
            throw TemplateFault("the parameter 'caller' needs a default", line: line)
        }
        let own = specials.filter { special in !parameters.contains { $0.name == special.rawValue } }
        specials.formUnion(outer)
        return TemplateMacro(name: name, parameters: parameters, specials: own, body: body, line: line)
    }

    private mutating func callBlock(line: Int) throws -> TemplateStatement {
        let parameters = isSymbol("(") ? try parameters(line: line) : []
        let call = try expression()
        guard case .call(let callee, let arguments) = call.kind else {
            throw TemplateFault("'call' needs a call, such as {% call name(1) %}", line: line)
        }
        let caller = try macro(named: "caller", parameters, keyword: "call", line: line)
        return .callBlock(caller: caller, callee: callee, arguments, line: line)
    }

    private mutating func namedBlock(line: Int) throws -> TemplateStatement {
        let name = try expectName("a block's name")
        let isScoped = take(word: "scoped")
        let isRequired = take(word: "required")
        try expectBlockEnd()
        let body = try withoutLoops { parser in
            try parser.body(of: Opening(name: "block", line: line, ends: ["endblock"])).statements
        }
        _ = take(word: name)
        try expectBlockEnd()
        let block = TemplateBlock(name: name, isScoped: isScoped, isRequired: isRequired, body: body, line: line)
        guard blocks.updateValue(block, forKey: name) == nil else {
            throw TemplateFault("the block '\(name)' is defined twice", line: line)
        }
        return .block(block)
    }

    /// Only `{% autoescape false %}`, which is how chat templates are rendered anyway.
    private mutating func autoescape(line: Int) throws -> TemplateStatement {
        let flag = try expression()
        guard case .boolean(false) = flag.kind else {
            throw TemplateFault("'autoescape' is only supported with 'false'", line: line)
        }
        return .scoped(try block("autoescape", line: line, end: "endautoescape"))
    }

    private mutating func with(line: Int) throws -> TemplateStatement {
        var values: [(target: TemplateTarget, value: TemplateExpression)] = []
        while current.kind != .blockEnd {
            if !values.isEmpty { try expect(symbol: ",") }
            let target = try target()
            try expect(symbol: "=")
            values.append((target, try expression()))
        }
        return .with(values, try block("with", line: line, end: "endwith"), line: line)
    }
}

extension TemplateToken {
    fileprivate var isName: Bool {
        if case .name = kind { return true }
        return false
    }
}
