/// A value in static single assignment form: a parameter, or a result of exactly one operation. A name is unique within
/// its function, including loop bodies, so in a verified function it identifies the value.
public struct Value: Hashable, Sendable {
    public var name: String
    public var type: TensorType

    public init(_ name: String, _ type: TensorType) {
        self.name = name
        self.type = type
    }
}

/// The recurrence that an operation on a cache belongs to. It selects the entry of the cache that is written or read.
public enum Recurrence: Hashable, Sendable {
    /// A number that is known at compile time: 0 outside the loop, t in the t-th copy of an unrolled body.
    case number(Int)
    /// The number of finished iterations of the loop around the operation.
    case induction
}

/// A named constant of an operation.
public enum Attribute: Hashable, Sendable {
    case integer(Int)
    case float(Float)
    case recurrence(Recurrence)
}

/// The number of iterations of a `repeat`.
public enum TripCount: Hashable, Sendable {
    case number(Int)
    /// The number of recurrences that the caller of the function asks for.
    case recurrences
}

/// The body of `repeat`, a structured loop with carried values.
public struct LoopBody: Hashable, Sendable {
    public var count: TripCount
    /// The carried values inside the body. Before the first iteration they hold the operation's operands.
    public var parameters: [Value]
    public var operations: [Operation]
    /// The carried values for the next iteration. After the last iteration they become the operation's results.
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
    /// The names of the weights and caches that the operation reads or writes, in the order of its ``OpcodeSignature``.
    public var symbols: [String]
    public var attributes: [String: Attribute]
    public var results: [Value]
    /// The loop body; nil for every operation except `repeat`.
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

    /// The name of the cache that the operation reads or writes; nil if there is none.
    public var cacheName: String? {
        guard let place = opcode.traits.signature?.symbols.firstIndex(where: { $0.kind == .cache }) else { return nil }
        return place < symbols.count ? symbols[place] : nil
    }

    /// The integer attribute with the name; nil if there is no such attribute.
    public func integer(_ name: String) -> Int? {
        if case .integer(let value)? = attributes[name] { value } else { nil }
    }

    /// The numeric attribute with the name; nil if there is no such attribute.
    public func float(_ name: String) -> Float? {
        if case .float(let value)? = attributes[name] { value } else { nil }
    }

    /// The recurrence attribute with the name; nil if there is no such attribute.
    public func recurrence(_ name: String = "recurrence") -> Recurrence? {
        if case .recurrence(let value)? = attributes[name] { value } else { nil }
    }
}
