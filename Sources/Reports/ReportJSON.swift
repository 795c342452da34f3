import Foundation

/// The JSON spelling of all reports: keys in snake case and in alphabetical order, on one line.
package enum ReportJSON {
    private static let infinity = (positive: "inf", negative: "-inf", nan: "nan")

    package static func text(of value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: infinity.positive, negativeInfinity: infinity.negative, nan: infinity.nan)
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// Reads what ``text(of:)`` gave.
    package static func value<Value: Decodable>(_ type: Value.Type = Value.self, from data: Data) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .custom { SwiftName(snakeCase: $0[$0.count - 1].stringValue) }
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: infinity.positive, negativeInfinity: infinity.negative, nan: infinity.nan)
        return try decoder.decode(type, from: data)
    }

    /// A key as Swift spells it, `embeddingEMA` for `embedding_ema`. Snake case loses the acronym, so the standard
    /// strategy of `JSONDecoder` does not find it.
    private struct SwiftName: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init(snakeCase key: String) {
            let words = key.split(separator: "_")
            stringValue = words.dropFirst().reduce(words.first.map(String.init) ?? key) {
                $0 + ($1 == "ema" ? "EMA" : $1.prefix(1).uppercased() + $1.dropFirst())
            }
        }

        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
