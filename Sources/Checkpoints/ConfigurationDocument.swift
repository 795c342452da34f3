import Foundation
import Safetensors

/// The top level of a JSON configuration file, with typed access by key. Errors name file and key.
///
/// Nested objects are not read, because no relevant key has one. A null counts as an absent key, as in the library that
/// writes these files.
struct ConfigurationDocument {
    /// The file's name in messages.
    let name: String
    private let values: [String: Value]

    /// - Throws: ``CheckpointError`` if the text is not a JSON object.
    init(json: String, name: String) throws {
        self.name = name
        do {
            values = try JSONDecoder().decode([String: Value].self, from: Data(json.utf8))
        } catch DecodingError.typeMismatch {
            throw CheckpointError("\(name): is not a JSON object")
        } catch {
            throw CheckpointError("\(name): is not valid JSON")
        }
    }

    /// A JSON value of the kinds that occur in configurations.
    private enum Value: Decodable {
        case null
        case truth(Bool)
        case number(Double)
        case text(String)
        case list([Value])
        case other

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .null
            } else if let value = try? container.decode(Bool.self) {
                self = .truth(value)
            } else if let value = try? container.decode(Double.self) {
                self = .number(value)
            } else if let value = try? container.decode(String.self) {
                self = .text(value)
            } else if decoder.codingPath.count < 2, let values = try? container.decode([Value].self) {
                self = .list(values)
            } else {
                self = .other
            }
        }

        /// The value's description in messages.
        var description: String {
            switch self {
            case .null: "null"
            case .truth(let value): "\(value)"
            case .number(let value): Int(exactly: value).map(String.init) ?? "\(value)"
            case .text(let value): quoted(value)
            case .list: "a list"
            case .other: "an object"
            }
        }

        /// A whole number, which some writers of these files write with a fraction of zero.
        var integer: Int? {
            guard case .number(let value) = self else { return nil }
            // Beyond 2^53 a double is not the number that the file shows; nothing here is that large.
            return value.magnitude < 0x1p53 ? Int(exactly: value) : nil
        }
    }

    private subscript(key: String) -> Value? {
        switch values[key] {
        case .null, nil: nil
        case let value?: value
        }
    }

    func has(_ key: String) -> Bool { self[key] != nil }

    func error(_ key: String, _ problem: String) -> CheckpointError {
        CheckpointError("\(name): the key \(quoted(key)) \(problem)")
    }

    private func mismatch(_ key: String, _ value: Value, _ expected: String) -> CheckpointError {
        error(key, "is \(value.description), and \(expected) is needed")
    }

    /// The value that `read` finds for a required key.
    func required<T>(_ key: String, _ read: (String) throws -> T?) throws -> T {
        guard let value = try read(key) else { throw error(key, "is missing") }
        return value
    }

    /// A whole number in `range`; nil if the key is absent.
    func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let value = self[key] else { return nil }
        guard let integer = value.integer else { throw mismatch(key, value, "a whole number") }
        guard range.contains(integer) else {
            throw mismatch(key, value, "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    /// One whole number or a list of them, each in `range`; nil if the key is absent.
    func integers(_ key: String, in range: ClosedRange<Int>) throws -> [Int]? {
        guard case .list(let values)? = self[key] else {
            return try integer(key, in: range).map { [$0] }
        }
        return try values.map { value in
            guard let integer = value.integer, range.contains(integer) else {
                throw error(
                    key,
                    "lists \(value.description), and numbers from \(range.lowerBound) to \(range.upperBound) are needed"
                )
            }
            return integer
        }
    }

    /// A number for which `isValid` holds; nil if the key is absent.
    /// - Parameter expected: the requirement, for the message: "a positive number".
    func number(_ key: String, _ expected: String, _ isValid: (Double) -> Bool) throws -> Double? {
        guard let value = self[key] else { return nil }
        guard case .number(let number) = value, number.isFinite, isValid(number) else {
            throw mismatch(key, value, expected)
        }
        return number
    }

    /// A Boolean; nil if the key is absent.
    func truth(_ key: String) throws -> Bool? {
        guard let value = self[key] else { return nil }
        guard case .truth(let truth) = value else { throw mismatch(key, value, "true or false") }
        return truth
    }

    /// A string; nil if the key is absent.
    func text(_ key: String) throws -> String? {
        guard let value = self[key] else { return nil }
        guard case .text(let text) = value else { throw mismatch(key, value, "a string") }
        return text
    }

    /// The strings of a list; nil if the key is absent.
    func texts(_ key: String) throws -> [String]? {
        guard let value = self[key] else { return nil }
        guard case .list(let values) = value else { throw mismatch(key, value, "a list of strings") }
        return try values.map { value in
            guard case .text(let text) = value else {
                throw error(key, "lists \(value.description), and strings are needed")
            }
            return text
        }
    }
}
