import NumberFormats

/// The error of a text that is not a module, with the place of the first mistake.
public struct ParseError: Error, CustomStringConvertible, Hashable {
    /// The line, counted from 1.
    public var line: Int
    /// The column in Unicode scalars, counted from 1.
    public var column: Int
    /// The sentence that says what was found and what was expected.
    public var problem: String

    init(_ position: TextPosition, _ problem: String) {
        line = position.line
        column = position.column
        self.problem = problem
    }

    public var description: String { "line \(line), column \(column): \(problem)" }
}

extension Module {
    /// Reads the text form, the inverse of ``description``:
    ///
    ///     module    = { weight | cache | function }
    ///     weight    = "weight" @name ":" type [ "=" @name "[" ":" "," integer ":" integer "]" ]
    ///     cache     = "cache" @name ":" type [ "recurrent" ]
    ///     function  = "func" @name "(" [ %name ":" type { "," %name ":" type } ] ")" "->" result
    ///                 "{" { operation } "return" [ values ] "}"
    ///     result    = type | "(" [ types ] ")"
    ///     operation = [ values "=" ] opcode [ inputs ] [ "{" attribute { "," attribute } "}" ] [ ":" types ]
    ///               | [ values "=" ] "repeat" ( integer | "recurrences" ) "(" [ carried { "," carried } ] ")"
    ///                 [ ":" types ] "{" { operation } "yield" [ values ] "}"
    ///     inputs    = values [ "," symbols ] | symbols
    ///     carried   = %name "=" %name
    ///     attribute = name "=" ( number | "induction" )
    ///     values    = %name { "," %name }
    ///     symbols   = @name { "," @name }
    ///     types     = type { "," type }
    ///     type      = element "[" extent { "," extent } "]"
    ///     extent    = "rows" | integer
    ///
    /// Names consist of letters, digits, `_` and `.`, and an element is the name of an ``ElementType``. Line breaks
    /// count as spaces, and `// …` is a comment. Operands are looked up: a value has to be defined once, before it is
    /// read, and the values of a loop body are visible only in it. The carried values of a loop have the types of its
    /// results. ``verify(_:)`` checks everything else.
    /// - Throws: ``ParseError`` for the first place at which the text does not follow the grammar.
    public init(parsing text: String) throws {
        var parser = try Parser(text)
        self = try parser.module()
    }
}

/// A recursive descent parser with one token of lookahead.
private struct Parser {
    /// The maximum depth of nested loops in a text. The verifier rejects any nested loop; reading a few levels lets it
    /// give the message.
    static let deepestNesting = 8
    static let maxExtents = 4

    private var lexer: Lexer
    private var token: Token
    private var position: TextPosition

    init(_ text: String) throws {
        lexer = Lexer(text)
        (token, position) = try lexer.next()
    }

    // MARK: Tokens

    mutating func advance() throws { (token, position) = try lexer.next() }

    func unexpected(_ expected: String) -> ParseError {
        ParseError(position, "found \(token.text), expected \(expected)")
    }

    mutating func accept(_ wanted: Token) throws -> Bool {
        guard token == wanted else { return false }
        try advance()
        return true
    }

    mutating func expect(_ mark: String, _ purpose: String = "") throws {
        guard try accept(.punctuation(mark)) else { throw unexpected("'\(mark)'\(purpose)") }
    }

    mutating func symbol(_ expected: String) throws -> String {
        guard case .symbol(let name) = token else { throw unexpected(expected) }
        try advance()
        return name
    }

    mutating func integer(_ expected: String, _ range: ClosedRange<Int>) throws -> Int {
        guard case .word(let word) = token, let number = Int(word), range.contains(number) else {
            throw unexpected("\(expected) from \(range.lowerBound) to \(range.upperBound)")
        }
        try advance()
        return number
    }

    // MARK: Declarations

    mutating func module() throws -> Module {
        var module = Module()
        while true {
            switch token {
            case .end: return module
            case .word("weight"):
                try advance()
                module.weights.append(try weight())
            case .word("cache"):
                try advance()
                let name = try symbol("the cache's name, such as '@core.0'")
                try expect(":", " and the cache's type")
                let type = try type()
                module.caches.append(Cache(name, type, isRecurrent: try accept(.word("recurrent"))))
            case .word("func"):
                try advance()
                module.functions.append(try function())
            default: throw unexpected("'weight', 'cache', 'func' or the end of the text")
            }
        }
    }

    mutating func weight() throws -> Weight {
        let name = try symbol("the weight's name, such as '@lm_head.weight'")
        try expect(":", " and the weight's type")
        let type = try type()
        guard try accept(.punctuation("=")) else { return Weight(name, type) }
        if try accept(.word("frequencies")) { return Weight(name, type, source: .frequencies(try frequencies())) }
        var pieces: [WeightPiece] = []
        repeat { pieces.append(try piece()) } while try accept(.punctuation(","))
        return Weight(name, type, source: .pieces(pieces))
    }

    /// Reads a part of a tensor: `@name[288,576]`, with `[:, 0:288]` after it for some columns, and `halves 3 of
    /// 24` if rotary embedding pairs the halves of the first 3 heads of 24 rows.
    mutating func piece() throws -> WeightPiece {
        let tensor = try symbol("the name of a tensor, such as '@wte.weight', or 'frequencies'")
        try expect("[", " and the tensor's shape, as in '@source[288,576]'")
        var shape: [Int] = []
        repeat {
            guard shape.count < Self.maxExtents else { throw unexpected("at most \(Self.maxExtents) extents") }
            shape.append(try integer("an extent", 1...largestCount))
        } while try accept(.punctuation(","))
        try expect("]", " or ',' and another extent")
        var piece = WeightPiece(tensor, shape: shape)
        if try accept(.punctuation("[")) {
            for mark in [":", ","] { try expect(mark, ", as in '[:, 0:288]'") }
            let from = try integer("the first column,", 0...largestCount)
            try expect(":", " and the column after the last")
            let to = try integer("the column after the last,", from...largestCount)
            try expect("]")
            piece.columns = from..<to
        }
        if try accept(.word("halves")) {
            let heads = try integer("the number of heads,", 1...largestCount)
            guard try accept(.word("of")) else { throw unexpected("'of' and the rows of a head") }
            piece.pairing = .halves(heads: heads, dimension: try integer("the rows of a head,", 2...largestCount))
        }
        return piece
    }

    /// Reads `{base = …}`, or with `scaling = …` and the numbers of that method after the base.
    mutating func frequencies() throws -> RotaryFrequencies {
        try expect("{", " and the base, as in 'frequencies {base = 50000.0}'")
        func positive(_ name: String, _ parser: inout Self) throws -> Float {
            guard try parser.accept(.word(name)) else { throw parser.unexpected("'\(name)'") }
            try parser.expect("=", " and the value of \(name)")
            guard case .word(let word) = parser.token, let number = Float(word), number > 0, number.isFinite else {
                throw parser.unexpected("a finite number above 0 for \(name)")
            }
            try parser.advance()
            return number
        }
        var frequencies = RotaryFrequencies(base: try positive("base", &self))
        if try accept(.punctuation(",")) {
            guard try accept(.word("scaling")) else { throw unexpected("'scaling'") }
            try expect("=", " and the method")
            guard case .word(let word) = token, let method = RotaryScaling.Method(rawValue: word) else {
                throw unexpected("one of \(RotaryScaling.Method.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            try advance()
            var scaling = RotaryScaling(method, [:])
            for name in method.parameters {
                try expect(",", " and the value of \(name)")
                scaling.numbers[name] = try positive(name, &self)
            }
            frequencies.scaling = scaling
        }
        try expect("}")
        return frequencies
    }

    mutating func type() throws -> TensorType {
        guard case .word(let word) = token, let element = ElementType(rawValue: word) else {
            throw unexpected(
                "a type: \(ElementType.allCases.list("or")) with extents, as in 'f32[rows,288]'")
        }
        try advance()
        try expect("[", " and the extents")
        var shape: [Extent] = []
        repeat {
            guard shape.count < Self.maxExtents else { throw unexpected("at most \(Self.maxExtents) extents") }
            if try accept(.word("rows")) {
                shape.append(.rows)
            } else {
                shape.append(.fixed(try integer("'rows' or an extent", 1...largestCount)))
            }
        } while try accept(.punctuation(","))
        try expect("]", " or ',' and another extent")
        return TensorType(element, shape)
    }

    mutating func types() throws -> [TensorType] {
        var types = [try type()]
        while try accept(.punctuation(",")) { types.append(try type()) }
        return types
    }

    // MARK: Functions

    /// The values of one function by name.
    struct Scope {
        private var visible: [String: TensorType] = [:]
        private var defined: Set<String> = []

        /// Adds a value; false if the name has been used before.
        mutating func define(_ value: Value) -> Bool {
            guard defined.insert(value.name).inserted else { return false }
            visible[value.name] = value.type
            return true
        }

        mutating func hide(_ values: [Value]) {
            for value in values { visible[value.name] = nil }
        }

        func value(_ name: String) -> Value? { visible[name].map { Value(name, $0) } }
    }

    mutating func function() throws -> Function {
        var function = Function(try symbol("the function's name, such as '@decode'"), parameters: [])
        var scope = Scope()
        try expect("(", " and the parameters")
        while case .value(let name) = token {
            let start = position
            try advance()
            try expect(":", " and the parameter's type")
            let parameter = Value(name, try type())
            try define(parameter, in: &scope, at: start)
            function.parameters.append(parameter)
            guard try accept(.punctuation(",")) else { break }
            guard case .value = token else { throw unexpected("another parameter, such as '%x'") }
        }
        try expect(")", " or a parameter, such as '%x: f32[rows,8]'")
        try expect("->", " and the types of what the function returns")
        var types: [TensorType] = []
        if try accept(.punctuation("(")) {
            if token != .punctuation(")") { types = try self.types() }
            try expect(")")
        } else {
            types = [try type()]
        }
        try expect("{", " and the function's operations")
        function.operations = try operations(until: "return", in: &scope, depth: 0)
        let start = position
        try advance()
        function.results = try results(in: scope)
        try expect("}", " after what the function returns")
        let returned = function.returns.map(\.type)
        guard returned == types else {
            throw ParseError(
                start,
                "returns (\(shortened(returned.list))), but function @\(shortened(function.name)) was declared to return "
                    + "(\(shortened(types.list)))")
        }
        return function
    }

    func define(_ value: Value, in scope: inout Scope, at position: TextPosition) throws {
        guard scope.define(value) else {
            throw ParseError(
                position, "%\(shortened(value.name)) is defined a second time; a name must be unique in its function")
        }
    }

    func read(_ name: String, in scope: Scope) throws -> Value {
        if let value = scope.value(name) { return value }
        throw ParseError(position, "%\(shortened(name)) is not defined here; a value must be defined before it is read")
    }

    /// A possibly empty list of values to read.
    mutating func values(in scope: Scope) throws -> [Value] {
        guard case .value = token else { return [] }
        var values: [Value] = []
        repeat {
            guard case .value(let name) = token else { throw unexpected("another value, such as '%x'") }
            values.append(try read(name, in: scope))
            try advance()
        } while try accept(.punctuation(","))
        return values
    }

    /// A possibly empty list of results, each with the name for callers if that is not its own.
    mutating func results(in scope: Scope) throws -> [NamedResult] {
        guard case .value = token else { return [] }
        var results: [NamedResult] = []
        repeat {
            guard case .value(let name) = token else { throw unexpected("another value, such as '%x'") }
            var result = NamedResult(name, try read(name, in: scope))
            try advance()
            if try accept(.word("as")) {
                guard case .word(let word) = token else { throw unexpected("the result's name, such as 'state'") }
                result.name = word
                try advance()
            }
            results.append(result)
        } while try accept(.punctuation(","))
        return results
    }

    /// Reads operations up to the word that ends the list. That word remains the next token.
    mutating func operations(until last: String, in scope: inout Scope, depth: Int) throws -> [Operation] {
        var operations: [Operation] = []
        while token != .word(last) {
            switch token {
            case .value, .word: operations.append(try operation(in: &scope, depth: depth, until: last))
            default: throw unexpected("an operation or '\(last)'")
            }
        }
        return operations
    }

    mutating func operation(in scope: inout Scope, depth: Int, until last: String) throws -> Operation {
        var names: [(name: String, position: TextPosition)] = []
        if case .value = token {
            repeat {
                guard case .value(let name) = token else { throw unexpected("another result, such as '%x'") }
                names.append((name, position))
                try advance()
            } while try accept(.punctuation(","))
            try expect("=", " and an operation")
        }
        guard case .word(let word) = token, let opcode = Opcode(rawValue: word) else {
            throw unexpected(names.isEmpty ? "an operation or '\(last)'" : "an operation, such as 'add'")
        }
        try advance()
        if let signature = opcode.traits.signature {
            var operation = Operation(opcode)
            try inputs(of: &operation, in: scope)
            if try accept(.punctuation("{")) { operation.attributes = try attributes(of: opcode, signature) }
            operation.results = try results(names)
            for (value, name) in zip(operation.results, names) { try define(value, in: &scope, at: name.position) }
            return operation
        }
        return try loop(results: names, in: &scope, depth: depth)
    }

    /// Reads `: type, …`, the types of the names before the `=`.
    mutating func results(_ names: [(name: String, position: TextPosition)]) throws -> [Value] {
        guard !names.isEmpty else {
            guard token != .punctuation(":") else { throw unexpected("no types, for the operation has no results") }
            return []
        }
        try expect(":", " and the types of the results")
        let start = position
        let types = try types()
        guard types.count == names.count else {
            throw ParseError(start, "found \(types.count) types, expected one for each of \(names.count) results")
        }
        return zip(names, types).map { Value($0.name, $1) }
    }

    /// Reads operands, then symbols.
    mutating func inputs(of operation: inout Operation, in scope: Scope) throws {
        switch token {
        case .value, .symbol: break
        default: return
        }
        repeat {
            switch token {
            case .value(let name) where operation.symbols.isEmpty:
                operation.operands.append(try read(name, in: scope))
                try advance()
            case .symbol(let name):
                operation.symbols.append(name)
                try advance()
            default:
                throw unexpected(
                    operation.symbols.isEmpty ? "a value or a symbol" : "a symbol, such as '@lm_head.weight'")
            }
        } while try accept(.punctuation(","))
    }

    /// Reads the attributes and the closing brace.
    mutating func attributes(of opcode: Opcode, _ signature: OpcodeSignature) throws -> [String: Attribute] {
        var attributes: [String: Attribute] = [:]
        repeat {
            guard case .word(let name) = token, let kind = signature.attributes.first(where: { $0.name == name })?.kind
            else {
                let names = signature.attributes.map { "'\($0.name)'" }.joined(separator: ", ")
                throw unexpected(names.isEmpty ? "no attributes: \(opcode.rawValue) takes none" : "one of \(names)")
            }
            guard attributes[name] == nil else {
                throw ParseError(position, "attribute \(name) is given a second time")
            }
            try advance()
            try expect("=", " and the value of \(name)")
            attributes[name] = try attribute(name, kind)
        } while try accept(.punctuation(","))
        try expect("}", " or ',' and another attribute")
        return attributes
    }

    mutating func attribute(_ name: String, _ kind: AttributeKind) throws -> Attribute {
        guard case .word(let word) = token else { throw unexpected("\(kind.article) for \(name)") }
        let attribute: Attribute? =
            switch kind {
            case .integer: Int(word).map(Attribute.integer)
            case .float: Float(word).map(Attribute.float)
            case .recurrence:
                word == "induction" ? .recurrence(.induction) : Int(word).map { .recurrence(.number($0)) }
            }
        guard let attribute else { throw unexpected("\(kind.article) for \(name)") }
        try advance()
        return attribute
    }

    mutating func loop(
        results names: [(name: String, position: TextPosition)], in scope: inout Scope, depth: Int
    ) throws -> Operation {
        guard depth < Self.deepestNesting else {
            throw ParseError(position, "loops are nested more than \(Self.deepestNesting) deep")
        }
        let count: TripCount =
            if try accept(.word("recurrences")) {
                .recurrences
            } else {
                .number(try integer("'recurrences' or a number", 0...largestCount))
            }
        try expect("(", " and the carried values")
        let start = position
        var carried: [(name: String, position: TextPosition)] = []
        var initial: [Value] = []
        while case .value(let name) = token {
            carried.append((name, position))
            try advance()
            try expect("=", " and what %\(shortened(name)) holds at first")
            guard case .value(let first) = token else { throw unexpected("what %\(shortened(name)) holds at first") }
            initial.append(try read(first, in: scope))
            try advance()
            guard try accept(.punctuation(",")) else { break }
            guard case .value = token else { throw unexpected("another carried value, such as '%x = %y'") }
        }
        try expect(")", " or a carried value, such as '%x = %y'")
        let results = try results(names)
        guard results.count == carried.count else {
            throw ParseError(
                start, "found \(carried.count) carried values, expected one for each of \(names.count) results")
        }
        try expect("{", " and the loop's body")
        let parameters = zip(carried, results).map { Value($0.name, $1.type) }
        for (parameter, name) in zip(parameters, carried) { try define(parameter, in: &scope, at: name.position) }
        let operations = try operations(until: "yield", in: &scope, depth: depth + 1)
        try advance()
        let yields = try values(in: scope)
        try expect("}", " after what the loop yields")
        scope.hide(parameters + operations.flatMap(\.results))
        for (result, name) in zip(results, names) { try define(result, in: &scope, at: name.position) }
        let body = LoopBody(count: count, parameters: parameters, operations: operations, yields: yields)
        return Operation(.repeat, initial, results: results, body: body)
    }
}

extension [TensorType] {
    fileprivate var list: String { map(\.description).joined(separator: ", ") }
}
