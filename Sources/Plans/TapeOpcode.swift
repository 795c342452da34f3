import IR

/// The work of one instruction of a tape: an operation of the IR, or the copy that scheduling adds.
public enum TapeOpcode: Hashable, Sendable {
    case operation(Opcode)
    /// A copy of a carried value or a result to its place.
    case copy

    /// A loop: executes the instructions that follow, in the number of its integer, once for each recurrence of the
    /// call.
    public static let `repeat` = TapeOpcode.operation(.repeat)

    /// The name in plans, profiles and listings.
    public var name: String {
        switch self {
        case .operation(let opcode): opcode.rawValue
        case .copy: "copy"
        }
    }

    /// The instruction that a plan calls by this name; nil if there is no such instruction.
    public init?(name: String) {
        if name == TapeOpcode.copy.name {
            self = .copy
        } else if let opcode = Opcode(rawValue: name) {
            self = .operation(opcode)
        } else {
            return nil
        }
    }

    /// The operation that the instruction executes; nil for a copy.
    public var operation: Opcode? {
        switch self {
        case .operation(let opcode): opcode
        case .copy: nil
        }
    }

    /// The division of the work among threads.
    public var division: WorkDivision {
        switch self {
        case .operation(let opcode): opcode.traits.division
        case .copy: .rows
        }
    }

    /// The group in which pages color and sort the instruction.
    public var family: OpcodeFamily {
        switch self {
        case .operation(let opcode): opcode.traits.family
        case .copy: .move
        }
    }

    /// The meaning in a few plain words.
    public var summary: String {
        switch self {
        case .operation(let opcode): opcode.traits.summary
        case .copy: "Moves a carried value or a result to its place."
        }
    }

    /// The kinds of instructions, in the order of ``Opcode``.
    public static let all = Opcode.allCases.map(TapeOpcode.operation) + [.copy]
}

/// A plan stores an instruction by its name.
extension TapeOpcode: Codable {
    public init(from decoder: any Decoder) throws {
        let name = try decoder.singleValueContainer().decode(String.self)
        guard let opcode = TapeOpcode(name: name) else { throw UnknownInstruction(name: name) }
        self = opcode
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(name)
    }
}

/// The error of an instruction that this version does not have. A plan of a newer version may use one.
struct UnknownInstruction: Error {
    var name: String
}
