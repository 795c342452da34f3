import Safetensors

/// The top level of a JSON configuration file, with typed access by key. Errors name file and key.
///
/// A null counts as an absent key, as in the library that writes these files. Of a key that occurs twice, the last value
/// counts, as in Python.
public struct ConfigurationDocument {
    /// The file's name in messages.
    public let name: String
    /// All keys with their values, in order.
    public let members: [(key: String, value: OrderedJSON)]
    private let values: [String: OrderedJSON]

    /// - Throws: ``CheckpointError`` if the text is not a JSON object.
    public init(json: String, name: String) throws {
        self.name = name
        let value: OrderedJSON
        do throws(OrderedJSON.SyntaxError) {
            value = try OrderedJSON.parse(Array(json.utf8))
        } catch {
            throw CheckpointError("\(name): is not valid JSON: \(error.message), at byte \(error.offset)")
        }
        guard case .object(let members) = value else { throw CheckpointError("\(name): is not a JSON object") }
        self.members = members.map { ($0.key, $0.value) }
        values = Dictionary(self.members) { _, last in last }
    }

    public subscript(key: String) -> OrderedJSON? {
        switch values[key] {
        case .null, nil: nil
        case let value?: value
        }
    }

    /// The members of an object, in order; nil if the key is absent.
    public func members(_ key: String) throws -> [(key: String, value: OrderedJSON)]? {
        guard let value = self[key] else { return nil }
        guard case .object(let members) = value else { throw mismatch(key, value, "an object") }
        return members.map { ($0.key, $0.value) }
    }

    /// The object under a key, as a document of its own whose errors name both keys; nil if the key is absent.
    public func object(_ key: String) throws -> ConfigurationDocument? {
        try members(key).map { ConfigurationDocument(name: "\(name), in \(quoted(key))", members: $0) }
    }

    private init(name: String, members: [(key: String, value: OrderedJSON)]) {
        self.name = name
        self.members = members
        values = Dictionary(members) { _, last in last }
    }

    public func has(_ key: String) -> Bool { self[key] != nil }

    public func error(_ key: String, _ problem: String) -> CheckpointError {
        CheckpointError("\(name): the key \(quoted(key)) \(problem)")
    }

    private func mismatch(_ key: String, _ value: OrderedJSON, _ expected: String) -> CheckpointError {
        error(key, "is \(value.description), and \(expected) is needed")
    }

    /// The value that `read` finds for a required key.
    public func required<T>(_ key: String, _ read: (String) throws -> T?) throws -> T {
        guard let value = try read(key) else { throw error(key, "is missing") }
        return value
    }

    /// A whole number in `range`; nil if the key is absent.
    public func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let value = self[key] else { return nil }
        guard let integer = value.integer else { throw mismatch(key, value, "a whole number") }
        guard range.contains(integer) else {
            throw mismatch(key, value, "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    /// One whole number or a list of them, each in `range`; nil if the key is absent.
    public func integers(_ key: String, in range: ClosedRange<Int>) throws -> [Int]? {
        guard case .array(let values)? = self[key] else {
            return try integer(key, in: range).map { [$0] }
        }
        return try values.map { try element($0, key, in: range) }
    }

    /// Lists of whole numbers, each in `range`; nil if the key is absent.
    public func lists(_ key: String, in range: ClosedRange<Int>) throws -> [[Int]]? {
        guard let value = self[key] else { return nil }
        guard case .array(let lists) = value else { throw mismatch(key, value, "a list of lists") }
        return try lists.map { list in
            guard case .array(let values) = list, !values.isEmpty else {
                throw error(key, "lists \(list.description), and lists of numbers are needed")
            }
            return try values.map { try element($0, key, in: range) }
        }
    }

    private func element(_ value: OrderedJSON, _ key: String, in range: ClosedRange<Int>) throws -> Int {
        guard let integer = value.integer, range.contains(integer) else {
            throw error(
                key,
                "lists \(value.description), and numbers from \(range.lowerBound) to \(range.upperBound) are needed")
        }
        return integer
    }

    /// A number for which `isValid` holds; nil if the key is absent.
    /// - Parameter expected: the requirement, for the message: "a positive number".
    public func number(_ key: String, _ expected: String, _ isValid: (Double) -> Bool) throws -> Double? {
        guard let value = self[key] else { return nil }
        guard case .number(let number) = value, number.isFinite, isValid(number) else {
            throw mismatch(key, value, expected)
        }
        return number
    }

    /// A Boolean; nil if the key is absent.
    public func truth(_ key: String) throws -> Bool? {
        guard let value = self[key] else { return nil }
        guard case .bool(let truth) = value else { throw mismatch(key, value, "true or false") }
        return truth
    }

    /// A string; nil if the key is absent.
    public func text(_ key: String) throws -> String? {
        guard let value = self[key] else { return nil }
        guard case .string(let text) = value else { throw mismatch(key, value, "a string") }
        return text
    }

    /// One string or a list of them; nil if the key is absent.
    public func oneOrMoreTexts(_ key: String) throws -> [String]? {
        if case .string(let text)? = self[key] { return [text] }
        return try texts(key)
    }

    /// The strings of a list; nil if the key is absent.
    public func texts(_ key: String) throws -> [String]? {
        guard let value = self[key] else { return nil }
        guard case .array(let values) = value else { throw mismatch(key, value, "a list of strings") }
        return try values.map { value in
            guard case .string(let text) = value else {
                throw error(key, "lists \(value.description), and strings are needed")
            }
            return text
        }
    }

    /// The strings of an object, by key; nil if the key is absent.
    public func textsByKey(_ key: String) throws -> [String: String]? {
        guard let members = try members(key) else { return nil }
        let pairs = try members.map { member in
            guard case .string(let text) = member.value else {
                throw error(key, "holds \(member.value.description), and strings are needed")
            }
            return (member.key, text)
        }
        return Dictionary(pairs) { _, last in last }
    }
}

extension OrderedJSON {
    /// The value's description in messages.
    public var description: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let value): Int(exactly: value).map(String.init) ?? "\(value)"
        case .string(let value): quoted(value)
        case .array: "a list"
        case .object: "an object"
        }
    }

    /// A whole number, which some writers of these files write with a fraction of zero; nil for anything else.
    public var integer: Int? {
        guard case .number(let value) = self else { return nil }
        // Beyond 2^53 a double is not the number that the file shows; nothing here is that large.
        return value.magnitude < 0x1p53 ? Int(exactly: value) : nil
    }
}
