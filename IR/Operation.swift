/// A value in static single assignment form: a parameter, or a result of exactly one operation.
/// A name is unique within its function, loop bodies included, so in a verified function it stands for the value.
public struct Value: Hashable, Sendable {
    public var name: String
    public var type: TensorType

    public init(_ name: String, _ type: TensorType) {
        self.name = name
        self.type = type
    }
}

/// Which recurrence an operation on a cache belongs to. It decides the slot of the cache that is written or read.
public enum Recurrence: Hashable, Sendable {
    /// A number known when compiling: 0 outside the loop, or t in the t-th copy of an unrolled body.
    case number(Int)
    /// The count of finished iterations of the loop around the operation.
    case induction
}

/// A named constant of an operation.
public enum Attribute: Hashable, Sendable {
    case integer(Int)
    case float(Float)
    case recurrence(Recurrence)
}

/// How often a `repeat` runs its body.
public enum TripCount: Hashable, Sendable {
    case number(Int)
    /// The number of recurrences that the caller of the function asks for.
    case recurrences
}

/// A structured loop with carried values: the body of `repeat`.
public struct LoopBody: Hashable, Sendable {
    public var count: TripCount
    /// The carried values as the body sees them; the operation's operands are what they hold at first.
    public var parameters: [Value]
    public var operations: [Operation]
    /// What the carried values hold for the next iteration, and as the operation's results after the last.
    public var yields: [Value]

    public init(count: TripCount, parameters: [Value], operations: [Operation], yields: [Value]) {
        self.count = count
        self.parameters = parameters
        self.operations = operations
        self.yields = yields
    }
}

/// One operation: `%result, … = opcode %operand, …, @symbol, … {attribute = …} : type, …`.
public struct Operation: Hashable, Sendable {
    public var opcode: Opcode
    public var operands: [Value]
    /// Names of the weights and caches that it reads or writes, in the order of its ``OpcodeSignature``.
    public var symbols: [String]
    public var attributes: [String: Attribute]
    public var results: [Value]
    /// Only `repeat` has one.
    public var body: LoopBody?

    public init(
        _ opcode: Opcode, _ operands: [Value] = [], symbols: [String] = [], attributes: [String: Attribute] = [:],
        results: [Value] = [], body: LoopBody? = nil
    ) {
        self.opcode = opcode
        self.operands = operands
        self.symbols = symbols
        self.attributes = attributes
        self.results = results
        self.body = body
    }

    /// The attribute of that name where it is an integer.
    public func integer(_ name: String) -> Int? {
        if case .integer(let value)? = attributes[name] { value } else { nil }
    }

    /// The attribute of that name where it is a number.
    public func float(_ name: String) -> Float? {
        if case .float(let value)? = attributes[name] { value } else { nil }
    }

    /// The attribute of that name where it is a recurrence.
    public func recurrence(_ name: String = "recurrence") -> Recurrence? {
        if case .recurrence(let value)? = attributes[name] { value } else { nil }
    }
}
