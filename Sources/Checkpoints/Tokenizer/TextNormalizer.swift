import Foundation

/// The normalization of text before it is cut: nothing, or Unicode normalization forms (UAX #15) one after another.
struct TextNormalizer: Sendable {
    private enum Step {
        case nfc, nfkc
    }

    private let steps: [Step]

    /// Reads the `normalizer` of a tokenizer file.
    init(_ field: TokenizerField?) throws {
        steps = try field.map(Self.steps) ?? []
    }

    private static func steps(_ field: TokenizerField) throws -> [Step] {
        let type = try field.required("type").string()
        switch type {
        case "NFC":
            try field.refuseKeys(besides: "type")
            return [.nfc]
        case "NFKC":
            try field.refuseKeys(besides: "type")
            return [.nfkc]
        case "Sequence":
            try field.refuseKeys(besides: "type", "normalizers")
            return try field.required("normalizers").elements().flatMap(steps)
        default:
            throw field.error("the normalizer \(type) is not supported; NFC, NFKC and Sequence are.")
        }
    }

    /// The UTF-8 of `bytes` normalized; `bytes` is valid UTF-8.
    func normalize(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        // ASCII is its own normal form.
        guard !steps.isEmpty, bytes.contains(where: { $0 >= 0x80 }) else { return Array(bytes) }
        var text = String(decoding: bytes, as: UTF8.self)
        for step in steps {
            switch step {
            case .nfc: text = text.precomposedStringWithCanonicalMapping
            case .nfkc: text = text.precomposedStringWithCompatibilityMapping
            }
        }
        return Array(text.utf8)
    }
}
