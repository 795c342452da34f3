import Foundation

/// The JSON of a safetensors header, before any of it is checked.
///
/// The JSON reader keeps one value for each key, so a name that occurs twice is seen once. The check that tensors cover
/// the data section without holes then finds the bytes of the other one. If both name the same bytes, there is no harm.
struct SafetensorsHeader: Decodable {
    struct Entry: Decodable {
        var dtype: String
        var shape: [WholeNumber]
        var data_offsets: [WholeNumber]
    }

    /// An `Int` whose decoding error says where it occurred. The JSON reader does not say so for a number out of range.
    struct WholeNumber: Decodable {
        var value: Int

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            guard let value = try? container.decode(Int.self) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a whole number in range")
            }
            self.value = value
        }
    }

    static let metadataKey = "__metadata__"
    /// The maximum length of a header in the format's reference implementation, in bytes.
    static let longest = 100_000_000
    /// The number of bytes of the little-endian length before the JSON.
    static let prefix = 8

    var metadata: [String: String] = [:]
    var entries: [String: Entry] = [:]

    struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Name.self)
        for key in container.allKeys {
            if key.stringValue == Self.metadataKey {
                metadata = try container.decodeIfPresent([String: String].self, forKey: key) ?? [:]
            } else {
                entries[key.stringValue] = try container.decode(Entry.self, forKey: key)
            }
        }
    }

    /// - Throws: ``SafetensorsError`` that names `file`, and the tensor and key at fault if the JSON itself is valid.
    init(json: UnsafeRawBufferPointer, file: String) throws {
        // In this format the object starts at once. This also keeps out the byte order marks of other encodings.
        guard json.first == UInt8(ascii: "{") else {
            throw SafetensorsError(file: file, "is not a safetensors file: its header does not start with '{'")
        }
        do {
            self = try JSONDecoder().decode(SafetensorsHeader.self, from: Data(json))
        } catch let error as DecodingError {
            throw SafetensorsError(file: file, Self.explain(error))
        } catch {
            throw SafetensorsError(file: file, "the safetensors header is not valid JSON")
        }
    }

    private static func explain(_ error: DecodingError) -> String {
        let path: [any CodingKey]
        let problem: String
        switch error {
        case .keyNotFound(let key, let context):
            path = context.codingPath
            problem = "has no key \(quoted(key.stringValue))"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            // The decoder reports broken JSON without a path, and a value of the wrong kind with one.
            path = context.codingPath
            let key = path.dropFirst().first.map { quoted($0.stringValue) }
            problem =
                switch path.dropFirst().first?.stringValue {
                case "shape", "data_offsets": "has a \(key ?? "") that is not a list of whole numbers in range"
                default: key.map { "has a \($0) that is not a string" } ?? "is not described by an object"
                }
        @unknown default:
            path = []
            problem = ""
        }
        guard let name = path.first?.stringValue else { return "the safetensors header is not valid JSON" }
        return name == metadataKey
            ? "the header's \(metadataKey) is not a map of strings" : "tensor \(quoted(name)) \(problem)"
    }
}
