import NumberFormats

/// The error of a module that is not well formed: the problem and its place.
public struct VerificationError: Error, CustomStringConvertible, Hashable {
    /// The name of the function, if the problem is inside one.
    public var function: String?
    /// The first line of the operation's text, if the problem concerns one.
    public var operation: String?
    /// The operation's index in its function or loop body, counted from 0.
    public var index: Int?
    /// The sentence that says what was found and what was expected.
    public var problem: String

    public init(function: String? = nil, operation: String? = nil, index: Int? = nil, problem: String) {
        self.function = function
        self.operation = operation
        self.index = index
        self.problem = problem
    }

    public var description: String {
        var place: [String] = []
        if let function { place.append("function @\(function)") }
        if let operation { place.append("operation \(index.map(String.init) ?? "?") `\(operation)`") }
        return (place.isEmpty ? "" : place.joined(separator: ", ") + ": ") + problem
    }
}

/// Whether a name can follow `%` or `@` in the text form: letters, digits, `_` and `.`.
func isName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.allSatisfy(isNameByte)
}

func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."):
        true
    default: false
    }
}

/// Checks that a module is well formed, that is, everything that the interpreter and the compiler rely on.
/// - Throws: ``VerificationError`` for the first problem.
public func verify(_ module: Module) throws {
    try verifyDeclarations(module)
    var names: Set<String> = []
    for function in module.functions {
        guard isName(function.name) else { throw VerificationError(problem: badName("function", function.name)) }
        guard names.insert(function.name).inserted else {
            throw VerificationError(problem: "function @\(function.name) is declared twice; its name must be unique")
        }
        try verify(function, in: module)
    }
}

/// Checks one function against the weights and caches of `module`, which need not contain the function.
/// - Throws: ``VerificationError`` for the first problem.
public func verify(_ function: Function, in module: Module) throws {
    var verifier = FunctionVerifier(function: function, module: module)
    try verifier.run()
}

private func badName(_ what: String, _ name: String) -> String {
    "the \(what) name \"\(name)\" is not made of letters, digits, '_' and '.'"
}

private func verifyDeclarations(_ module: Module) throws {
    var names: Set<String> = []
    func declare(_ what: String, _ name: String) throws {
        guard isName(name) else { throw VerificationError(problem: badName(what, name)) }
        guard names.insert(name).inserted else {
            throw VerificationError(problem: "\(what) @\(name) is declared twice; weights and caches share their names")
        }
    }
    for weight in module.weights {
        try declare("weight", weight.name)
        guard let layout = weight.type.element.weights, let extents = weight.type.fixedExtents,
            (1...2).contains(extents.count),
            extents.allSatisfy((1...largestCount).contains), !layout.isQuantized || extents.count == 2
        else {
            let quantized = ElementType.weightFormats.filter { $0.format.isQuantized }
            let others = ElementType.weightFormats.filter { !$0.format.isQuantized }
            throw VerificationError(
                problem:
                    "weight @\(weight.name) is \(weight.type), expected \(others.list("or")) with one or two extents "
                    + "from 1 to \(largestCount), or \(quantized.list("or")) with two")
        }
        try verifySource(of: weight, extents)
    }
    for cache in module.caches {
        try declare("cache", cache.name)
        guard cache.type.element == .f32, let extents = cache.type.fixedExtents, extents.count == 2,
            extents.allSatisfy((1...largestCount).contains), cache.type.width <= largestCount
        else {
            throw VerificationError(
                problem:
                    "cache @\(cache.name) is \(cache.type), expected f32[heads,dim] of at least 1 each and at most "
                    + "\(largestCount) elements")
        }
    }
}

/// Checks that the parts of a weight add up to its type.
private func verifySource(of weight: Weight, _ extents: [Int]) throws {
    func fail(_ problem: String) -> VerificationError {
        VerificationError(problem: "weight @\(weight.name) : \(weight.type) \(problem)")
    }
    switch weight.source {
    case nil: return
    case .frequencies:
        guard extents.count == 1, weight.type.element == .f32 else {
            throw fail("is frequencies, expected a vector of f32")
        }
    case .pieces(let pieces):
        var rows = 0
        for piece in pieces {
            guard isName(piece.tensor) else { throw VerificationError(problem: badName("tensor", piece.tensor)) }
            guard let more = try pieceRows(piece, extents, fail), more <= largestCount - rows else {
                throw fail("has a part @\(piece.tensor) of the shape \(piece.shape), which is too large")
            }
            rows += more
        }
        guard rows == extents[0] else { throw fail("has parts with \(rows) rows, expected \(extents[0])") }
    }
}

/// The rows of a weight's part whose columns and heads fit.
private func pieceRows(
    _ piece: WeightPiece, _ extents: [Int], _ fail: (String) -> VerificationError
) throws -> Int? {
    let inMatrix = extents.count == 2
    guard !inMatrix || piece.shape.count >= 2 else {
        throw fail("has the part @\(piece.tensor) of the shape \(piece.shape), expected two extents")
    }
    let width = piece.storedWidth(inMatrix: inMatrix), columns = piece.columns ?? 0..<width
    guard columns.lowerBound >= 0, columns.upperBound <= width else {
        throw fail(
            "has the columns \(columns.lowerBound) ..< \(columns.upperBound) of @\(piece.tensor), which has \(width)")
    }
    guard columns.count == (inMatrix ? extents[1] : 1) else {
        throw fail("has \(columns.count) columns of @\(piece.tensor), expected as many as its own")
    }
    let rows = piece.rows(inMatrix: inMatrix)
    if let rows, case .halves(let heads, let dimension) = piece.pairing {
        guard heads >= 1, dimension >= 2, dimension.isMultiple(of: 2), heads <= rows / dimension else {
            throw fail(
                "has the part @\(piece.tensor) with \(rows) rows, expected room for \(heads) heads of \(dimension) rows, "
                    + "an even number")
        }
    }
    return rows
}

/// A walk through a function in order that keeps the values that each operation can see.
private struct FunctionVerifier {
    let function: Function
    let module: Module
    /// The values that are visible at the current operation.
    var scope: [String: TensorType] = [:]
    /// All names of the function so far, including those of values that are no longer visible.
    var names: Set<String> = []

    init(function: Function, module: Module) {
        self.function = function
        self.module = module
    }

    mutating func run() throws {
        for parameter in function.parameters {
            if let problem = define(parameter, "parameter") { throw failure(problem) }
        }
        try verify(function.operations, insideLoop: false)
        var named: [String: Value] = [:]
        for (index, result) in function.results.enumerated() {
            if let problem = use(result.value) { throw failure("returned value \(index + 1) \(problem)") }
            guard isName(result.name) else { throw failure(badName("result", result.name)) }
            // A value may be returned twice under its own name.
            guard named.updateValue(result.value, forKey: result.name).map({ $0 == result.value }) ?? true else {
                throw failure("two results are called \(result.name)")
            }
        }
    }

    func failure(_ problem: String) -> VerificationError {
        VerificationError(function: function.name, problem: problem)
    }

    /// Makes a value visible; returns the problem with it, if any.
    mutating func define(_ value: Value, _ what: String) -> String? {
        guard isName(value.name) else { return badName("value", value.name) }
        guard names.insert(value.name).inserted else {
            return "\(what) %\(value.name) is defined a second time; a name must be unique in its function"
        }
        let fits: Bool =
            switch value.type.shape.count {
            case 1: value.type.shape[0] == .rows
            case 2: value.type.rowWidth.map((1...largestCount).contains) ?? false
            default: false
            }
        guard fits else {
            return "\(what) %\(value.name) is \(value.type), expected one element a row, or a width from 1 to "
                + "\(largestCount)"
        }
        guard let layout = value.type.element.rows else {
            return "\(what) %\(value.name) is \(value.type), but \(value.type.element) is for weights"
        }
        guard !layout.isQuantized || value.type.rowWidth != nil else {
            return "\(what) %\(value.name) is \(value.type), but \(value.type.element) is for rows of a width"
        }
        scope[value.name] = value.type
        return nil
    }

    /// The problem with reading a value at the current operation; nil if there is none.
    func use(_ value: Value) -> String? {
        guard let type = scope[value.name] else {
            return names.contains(value.name)
                ? "(%\(value.name)) is read outside the loop body that defines it"
                : "(%\(value.name)) is not defined before this point"
        }
        return type == value.type ? nil : "(%\(value.name)) is \(value.type) here, but was defined as \(type)"
    }

    mutating func verify(_ operations: [Operation], insideLoop: Bool) throws {
        for (index, operation) in operations.enumerated() {
            let functionName = function.name
            func fail(_ problem: String) -> VerificationError {
                VerificationError(
                    function: functionName, operation: operation.firstLine, index: index, problem: problem)
            }
            for (number, operand) in operation.operands.enumerated() {
                if let problem = use(operand) { throw fail("operand \(number + 1) \(problem)") }
            }
            if operation.recurrence() == .induction, !insideLoop {
                throw fail("attribute recurrence is induction, expected a number: the operation is in no repeat")
            }
            if operation.opcode == .repeat {
                guard !insideLoop else { throw fail("is a repeat inside a repeat, which is not supported") }
                try verifyBody(of: operation, fail)
            }
            try verifyResults(of: operation, fail)
        }
    }

    private mutating func verifyResults(
        of operation: Operation, _ fail: (String) -> VerificationError
    ) throws {
        let natural: [TensorType]
        do {
            natural = try operation.inferResultTypes(in: module)
        } catch let error as OperationError {
            throw fail(error.description)
        }
        guard operation.results.count == natural.count else {
            throw fail("has \(operation.results.count) results, expected \(natural.count)")
        }
        for (number, (result, type)) in zip(operation.results, natural).enumerated() {
            let choices = [type] + operation.opcode.traits.storableElements.filter { $0 != type.element }.map(type.with)
            guard choices.contains(result.type) else {
                let expected = choices.map(\.description).joined(separator: " or ")
                throw fail("result \(number + 1) (%\(result.name)) is \(result.type), expected \(expected)")
            }
            if let problem = define(result, "result") { throw fail(problem) }
        }
    }

    private mutating func verifyBody(of operation: Operation, _ fail: (String) -> VerificationError) throws {
        guard let body = operation.body else { throw fail("has no body") }
        for parameter in body.parameters {
            if let problem = define(parameter, "carried value") { throw fail(problem) }
        }
        try verify(body.operations, insideLoop: true)
        for (number, value) in body.yields.enumerated() {
            if let problem = use(value) { throw fail("yielded value \(number + 1) \(problem)") }
        }
        // Names are unique, so removing the names that the body defined restores the outer scope.
        for value in body.parameters + body.operations.flatMap(\.results) { scope[value.name] = nil }
    }
}
