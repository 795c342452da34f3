import Foundation

/// The normalization that a SentencePiece model was trained with, as its compiled map from texts to texts.
///
/// The map is a trie in the form of a double array (Aoe, "An efficient digital search algorithm by using a double-array
/// structure", with the units of the library darts-clone), and the results, each ended by a zero byte. SentencePiece
/// looks for the longest key, but the reference library takes the shortest of those that begin a grapheme cluster.
struct PrecompiledMap: Sendable {
    private let units: [UInt32]
    private let results: [UInt8]

    /// The maximum length in bytes of a grapheme cluster that is looked up as a whole; of longer ones, the characters are.
    private static let maxClusterLength = 5

    /// Reads the map from a field that holds it in base64.
    init(_ field: TokenizerField) throws {
        guard let data = Data(base64Encoded: try field.string()), data.count >= 4 else {
            throw field.error("this is not a character map in base64.")
        }
        func word(at offset: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(data[data.startIndex + offset + $1]) << UInt32(8 * $1) }
        }
        let size = Int(word(at: 0))
        guard size > 0, size % 4 == 0, size <= data.count - 4 else {
            throw field.error("the trie of the character map has a size that cannot be: \(size) bytes.")
        }
        units = stride(from: 4, to: 4 + size, by: 4).map(word)
        results = Array(data.dropFirst(4 + size))
        guard String(validating: results, as: UTF8.self) != nil else {
            throw field.error("the results of the character map are not UTF-8.")
        }
    }

    /// Normalizes a text.
    func apply(_ text: inout NormalizedText) {
        var output: [UInt8] = []
        output.reserveCapacity(text.bytes.count)
        for cluster in String(decoding: text.bytes, as: UTF8.self) {
            if cluster.utf8.count <= Self.maxClusterLength, let result = result(of: cluster.utf8) {
                output += result
            } else {
                for scalar in cluster.unicodeScalars {
                    let character = String(scalar).utf8
                    output += result(of: character) ?? ArraySlice(character)
                }
            }
            if output.isEmpty { text.beginsAtStart = false }
        }
        text.bytes = output
    }

    /// The result of the shortest key that `text` begins with; nil if there is none.
    private func result(of text: some Sequence<UInt8>) -> ArraySlice<UInt8>? {
        guard var unit = units.first else { return nil }
        var node = Self.offset(unit)
        for byte in text {
            node ^= Int(byte)
            guard byte != 0, units.indices.contains(node) else { return nil }
            unit = units[node]
            // The label of a unit: its byte, and a bit that marks values.
            guard unit & 0x8000_00FF == UInt32(byte) else { return nil }
            node ^= Self.offset(unit)
            guard units.indices.contains(node) else { return nil }
            let hasValue = unit >> 8 & 1 == 1
            if hasValue {
                let start = Int(units[node] & 0x7FFF_FFFF)
                // A damaged map may point into the middle of a character.
                guard results.indices.contains(start), results[start] & 0xC0 != 0x80 else { return nil }
                return results[start...].prefix { $0 != 0 }
            }
        }
        return nil
    }

    /// The distance from a unit to its children.
    private static func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 1 << 9) >> 6) }
}
