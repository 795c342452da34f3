import Failures
import NumberFormats

/// An operation does not fit its operands, symbols or attributes. The sentence names neither the function nor
/// the operation; ``VerificationError`` and the builder add them.
public typealias OperationError = Failure<Operation>

extension Operation {
    /// The types of the results if nothing else is declared: i32 for `argmax`, bf16 for `convert`, the types of the
    /// operands for `repeat`, and f32 for everything else. A result may be declared with one of
    /// ``OpcodeTraits/storableElements`` instead.
    ///
    /// The inference uses the operands, symbols and attributes, and not ``results``.
    /// - Throws: ``OperationError`` if they do not fit the opcode or each other.
    public func inferResultTypes(in module: Module) throws -> [TensorType] {
        try OperationForm(operation: self, module: module).resultTypes()
    }
}

/// The maximum trip count, recurrence, extent and number of heads. It keeps sums and products of two of them inside
/// `Int`.
let largestCount = Int(Int32.max)

/// One operation together with the module whose symbols it names, to check the one against the other.
private struct OperationForm {
    let operation: Operation
    let module: Module

    func resultTypes() throws -> [TensorType] {
        guard let signature = operation.opcode.traits.signature else { return try loopResultTypes() }
        guard operation.body == nil else { throw OperationError("has a body, which only repeat may have") }
        try checkCounts(signature)
        try checkAttributes(signature.attributes)
        switch operation.opcode {
        case .embed:
            try expect(0, .rows(.i32), "one token id a row")
            let (_, width) = try matrix(symbol: 0)
            return [.rows(.f32, width)]
        case .linear:
            return [.rows(.f32, try linear())]
        case .slice:
            let width = try rowWidth(0)
            let (from, to) = (operation.integer("from") ?? 0, operation.integer("to") ?? 0)
            guard 0 <= from, from < to, to <= width else {
                throw OperationError(
                    "takes columns \(from) ..< \(to), expected 0 ≤ from < to ≤ \(width), the columns of \(name(0))")
            }
            return [.rows(.f32, to - from)]
        case .concat:
            let (left, right) = (try rowWidth(0), try rowWidth(1))
            guard left <= largestCount - right else { throw OperationError("gives more than \(largestCount) columns") }
            return [.rows(.f32, left + right)]
        case .bias:
            let width = try rowWidth(0)
            try expectVector(symbol: 0, width, "one bias for each column of \(name(0))")
            return [.rows(.f32, width)]
        case .rope:
            let width = try rowWidth(0)
            try expect(1, .rows(.i32), "one position a row")
            try checkRotary(width, frequencies: 0)
            return [.rows(.f32, width)]
        case .cacheWrite:
            let width = try cacheWidth(symbol: 0)
            try expect(0, .rows(.f32, width), "the keys of @\(operation.symbols[0])")
            try expect(1, .rows(.f32, width), "the values of @\(operation.symbols[0])")
            try expect(2, .rows(.i32), "one sequence slot a row")
            try expect(3, .rows(.i32), "one position a row")
            try expect(4, .rows(.i32), "one depth a row")
            return []
        case .wavefrontAttention:
            let width = try queryWidth(ofCache: 0)
            try expect(0, .rows(.f32, width), "a query for each head of @\(operation.symbols[0])")
            try expect(1, .rows(.i32), "one sequence slot a row")
            try expect(2, .rows(.i32), "one position a row")
            try expect(3, .rows(.i32), "one depth a row")
            return [.rows(.f32, width)]
        case .norm:
            let width = try rowWidth(0)
            try expectVector(symbol: 0, width, "one factor for each column of \(name(0))")
            return [.rows(.f32, width)]
        case .add, .multiply:
            return [.rows(.f32, try equalWidths())]
        case .silu, .sigmoid:
            return [.rows(.f32, try rowWidth(0))]
        case .mix:
            let width = try equalWidths()
            try expect(2, .rows(.f32), "one factor a row")
            try expect(3, .rows(.f32), "one factor a row")
            return [.rows(.f32, width)]
        case .start:
            let width = try equalWidths()
            try expect(2, .rows(.i32), "one depth a row")
            return [.rows(.f32, width)]
        case .argmax:
            _ = try rowWidth(0)
            return [.rows(.i32)]
        case .relativeDifference:
            _ = try equalWidths()
            return [.rows(.f32)]
        case .convert:
            return [.rows(.bf16, try rowWidth(0))]
        case .repeat:
            return try loopResultTypes()
        case .projectRopeWrite:
            return [.rows(.f32, try projectRopeWrite())]
        case .linearSiluGate:
            let columns = try linear()
            guard columns.isMultiple(of: 2) else {
                throw OperationError(
                    "@\(operation.symbols[0]) has \(columns) rows, expected an even number: gate, then up")
            }
            return [.rows(.f32, columns / 2)]
        case .addNorm, .normAdd:
            let width = try equalWidths()
            try expectVector(symbol: 0, width, "one factor for each column of \(name(0))")
            return [.rows(.f32, width)]
        case .addNormNorm, .normAddKeepNorm:
            let width = try equalWidths()
            try expectVector(symbol: 0, width, "one factor for each column of \(name(0))")
            try expectVector(symbol: 1, width, "one factor for each column of \(name(0))")
            return [.rows(.f32, width), .rows(.f32, width)]
        case .addKeepNorm:
            let width = try equalWidths()
            try expectVector(symbol: 0, width, "one factor for each column of \(name(0))")
            return [.rows(.f32, width), .rows(.f32, width)]
        case .linearArgmax:
            _ = try linear()
            return [.rows(.i32)]
        case .normRopeWrite:
            let (width, keys) = (try queryWidth(ofCache: 3), try cacheWidth(symbol: 3))
            try expect(0, .rows(.f32, width + 2 * keys), "queries, then keys and values of @\(operation.symbols[3])")
            try expect(1, .rows(.i32), "one sequence slot a row")
            try expect(2, .rows(.i32), "one position a row")
            try expect(3, .rows(.i32), "one depth a row")
            try expectVector(symbol: 0, width, "one factor for each column of the queries")
            try expectVector(symbol: 1, keys, "one factor for each column of the keys")
            try checkRotary(width, frequencies: 2)
            return [.rows(.f32, width)]
        }
    }

    // MARK: Counts and attributes

    func checkCounts(_ signature: OpcodeSignature) throws {
        guard operation.operands.count == signature.operands.count else {
            throw OperationError("has \(operation.operands.count) operands, expected \(signature.operands.count)")
        }
        let (count, required) = (signature.symbols.count, signature.symbols.count - signature.optionalSymbols)
        guard (required...count).contains(operation.symbols.count) else {
            let expected = required == count ? "\(count)" : "\(required) to \(count)"
            throw OperationError("names \(operation.symbols.count) symbols, expected \(expected)")
        }
    }

    func checkAttributes(_ expected: [(name: String, kind: AttributeKind)]) throws {
        for (name, kind) in expected {
            guard let attribute = operation.attributes[name] else {
                throw OperationError("lacks the attribute \(name), expected \(kind.article)")
            }
            guard attribute.kind == kind else {
                throw OperationError("attribute \(name) is \(attribute.kind.article), expected \(kind.article)")
            }
            try checkRange(name, attribute)
        }
        if let unknown = operation.attributes.keys.sorted().first(where: { name in
            !expected.contains { $0.name == name }
        }) {
            throw OperationError("has the attribute \(unknown), which \(operation.opcode.rawValue) does not take")
        }
    }

    func checkRange(_ name: String, _ attribute: Attribute) throws {
        func require(_ holds: Bool, _ expected: String) throws {
            guard holds else { throw OperationError("attribute \(name) is \(attribute.text), expected \(expected)") }
        }
        switch (name, attribute) {
        case ("eps", .float(let eps)): try require(eps >= 0 && eps.isFinite, "a finite number of at least 0")
        case ("magnitude", .float(let magnitude)):
            try require(magnitude > 0 && magnitude.isFinite, "a finite number above 0")
        case (_, .float(let number)): try require(number.isFinite, "a finite number")
        case ("heads", .integer(let heads)): try require((1...largestCount).contains(heads), "at least 1")
        case (_, .recurrence(.number(let number))):
            try require((0...largestCount).contains(number), "a number from 0 to \(largestCount), or induction")
        default: break
        }
    }

    // MARK: Operands

    func name(_ index: Int) -> String { "%" + operation.operands[index].name }

    func mismatch(_ index: Int, expected: String) -> OperationError {
        OperationError(
            "operand \(index + 1) (\(name(index))) is \(operation.operands[index].type), expected \(expected)")
    }

    func expect(_ index: Int, _ type: TensorType, _ meaning: String) throws {
        guard operation.operands[index].type == type else { throw mismatch(index, expected: "\(type), \(meaning)") }
    }

    /// The width K of an operand that has to be `f32[rows,K]`.
    func rowWidth(_ index: Int) throws -> Int {
        let type = operation.operands[index].type
        guard type.element == .f32, let width = type.rowWidth else {
            throw mismatch(index, expected: "a matrix f32[rows,K]")
        }
        return width
    }

    /// The width K of the first two operands, which both have to be `f32[rows,K]`.
    func equalWidths() throws -> Int {
        let width = try rowWidth(0)
        try expect(1, .rows(.f32, width), "the type of operand 1 (\(name(0)))")
        return width
    }

    // MARK: Symbols

    func weight(_ index: Int) throws -> Weight {
        let symbol = operation.symbols[index]
        if let weight = module.weight(symbol) { return weight }
        guard module.cache(symbol) == nil else {
            throw OperationError("symbol \(index + 1) (@\(symbol)) is a cache, expected a weight")
        }
        throw OperationError("symbol \(index + 1) (@\(symbol)) is not declared, expected a weight")
    }

    /// The extents N and K of a weight that has to be a matrix `[N,K]` of any element type except i32.
    func matrix(symbol index: Int) throws -> (rows: Int, columns: Int) {
        let weight = try weight(index)
        guard weight.type.element.weights != nil, let extents = weight.type.fixedExtents, extents.count == 2 else {
            throw OperationError("@\(weight.name) is \(weight.type), expected a matrix [N,K] of numbers")
        }
        return (extents[0], extents[1])
    }

    func expectVector(symbol index: Int, _ width: Int, _ meaning: String) throws {
        let weight = try weight(index)
        let expected = TensorType.fixed(.f32, width)
        guard weight.type == expected else {
            throw OperationError("@\(weight.name) is \(weight.type), expected \(expected), \(meaning)")
        }
    }

    /// Checks the product of operand 0 with the matrix that is symbol 0, and returns N.
    func linear() throws -> Int {
        let (rows, columns) = try matrix(symbol: 0)
        let type = try weight(0).type
        let input = type.element.weights?.input ?? type.element
        try expect(0, .rows(input, columns), "rows for @\(operation.symbols[0]) : \(type)")
        return rows
    }

    func cache(_ index: Int) throws -> (cache: Cache, heads: Int, dimension: Int) {
        let symbol = operation.symbols[index]
        guard let cache = module.cache(symbol) else {
            let found = module.weight(symbol) == nil ? "is not declared" : "is a weight"
            throw OperationError("symbol \(index + 1) (@\(symbol)) \(found), expected a cache")
        }
        guard cache.type.element == .f32, let extents = cache.type.fixedExtents, extents.count == 2 else {
            throw OperationError("@\(symbol) is \(cache.type), expected a cache f32[heads,dim]")
        }
        return (cache, extents[0], extents[1])
    }

    /// The product heads · dim of a cache. The operation's recurrence is checked as well.
    func cacheWidth(symbol index: Int) throws -> Int {
        let (cache, heads, dimension) = try cache(index)
        if !cache.isRecurrent, let recurrence = operation.recurrence(), recurrence != .number(0) {
            throw OperationError(
                "attribute recurrence is \(recurrence.text), expected 0: @\(cache.name) is not a recurrent cache")
        }
        let (width, overflow) = heads.multipliedReportingOverflow(by: dimension)
        guard !overflow else { throw OperationError("@\(cache.name) is \(cache.type), which is too wide") }
        return width
    }

    /// The width heads · dim of the queries to a cache: the operation has as many heads as the cache, or a multiple.
    func queryWidth(ofCache index: Int) throws -> Int {
        let (cache, shared, dimension) = try cache(index)
        _ = try cacheWidth(symbol: index)
        let heads = operation.integer("heads") ?? 0
        guard heads > 0, heads.isMultiple(of: shared) else {
            throw OperationError(
                "attribute heads is \(heads), expected \(shared), as @\(cache.name) has it, or a multiple")
        }
        let (width, overflow) = heads.multipliedReportingOverflow(by: dimension)
        guard !overflow, width <= largestCount else { throw OperationError("has \(heads) heads, which is too wide") }
        return width
    }

    /// The width D of a head, for rows that the operation divides into heads.
    func headWidth(of width: Int) throws -> Int {
        let heads = operation.integer("heads") ?? 0
        guard heads > 0, width.isMultiple(of: heads) else {
            throw OperationError("attribute heads is \(heads), expected a divisor of the width \(width)")
        }
        return width / heads
    }

    func checkRotary(_ width: Int, frequencies index: Int) throws {
        let dimension = try headWidth(of: width)
        guard dimension.isMultiple(of: 2) else {
            throw OperationError(
                "has heads of \(dimension) columns, expected an even number: the embedding turns pairs")
        }
        try expectVector(symbol: index, dimension / 2, "one frequency for each pair of columns of a head")
    }

    /// Checks the fused projection and returns the width of the queries.
    func projectRopeWrite() throws -> Int {
        let columns = try linear()
        try expect(1, .rows(.i32), "one sequence slot a row")
        try expect(2, .rows(.i32), "one position a row")
        try expect(3, .rows(.i32), "one depth a row")
        let (width, keys) = (try queryWidth(ofCache: 2), try cacheWidth(symbol: 2))
        guard columns == width + 2 * keys else {
            throw OperationError(
                "@\(operation.symbols[0]) has \(columns) rows, expected \(width) for queries, and \(keys) each for the "
                    + "keys and values of @\(operation.symbols[2])")
        }
        try checkRotary(width, frequencies: 1)
        if operation.symbols.count > 3 {
            try expectVector(symbol: 3, width + keys, "biases of queries, then of keys")
        }
        return width
    }

    // MARK: Loops

    func loopResultTypes() throws -> [TensorType] {
        guard let body = operation.body else { throw OperationError("has no body") }
        guard operation.symbols.isEmpty, operation.attributes.isEmpty else {
            throw OperationError("has symbols or attributes, which repeat does not take")
        }
        if case .number(let count) = body.count, !(0...largestCount).contains(count) {
            throw OperationError("runs its body \(count) times, expected a number from 0 to \(largestCount)")
        }
        let types = operation.operands.map(\.type)
        guard body.parameters.count == types.count else {
            throw OperationError("has \(types.count) operands, but its body has \(body.parameters.count) parameters")
        }
        guard body.yields.count == types.count else {
            throw OperationError("carries \(types.count) values, but its body yields \(body.yields.count)")
        }
        for (index, type) in types.enumerated() {
            let (parameter, yield) = (body.parameters[index], body.yields[index])
            guard parameter.type == type else {
                throw mismatch(index, expected: "\(parameter.type), the type of the carried %\(parameter.name)")
            }
            guard yield.type == type else {
                throw OperationError(
                    "yields %\(yield.name), which is \(yield.type), expected \(type), the type of the carried "
                        + "%\(parameter.name)")
            }
        }
        return types
    }
}

extension Attribute {
    var kind: AttributeKind {
        switch self {
        case .integer: .integer
        case .float: .float
        case .recurrence: .recurrence
        }
    }
}

extension AttributeKind {
    var article: String {
        switch self {
        case .integer: "an integer"
        case .float: "a number"
        case .recurrence: "a recurrence"
        }
    }
}
