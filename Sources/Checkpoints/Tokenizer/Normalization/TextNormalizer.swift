import Foundation

/// The normalization of text before it is cut: a list of steps, one after another.
struct TextNormalizer: Sendable {
    private enum Step {
        /// A normalization form of Unicode (UAX #15).
        case form(Form)
        case scalars(ScalarMapping)
        case strip(left: Bool, right: Bool)
        case replace(RegexPattern, by: [UInt8])
        case prepend([UInt8])
        case precompiled(PrecompiledMap)
        /// Writes bytes in the alphabet of byte-level vocabularies.
        case byteLevel
    }

    private enum Form: String, CaseIterable {
        case nfc = "NFC"
        case nfd = "NFD"
        case nfkc = "NFKC"
        case nfkd = "NFKD"

        func apply(_ text: String) -> String {
            switch self {
            case .nfc: text.precomposedStringWithCanonicalMapping
            case .nfd: text.decomposedStringWithCanonicalMapping
            case .nfkc: text.precomposedStringWithCompatibilityMapping
            case .nfkd: text.decomposedStringWithCompatibilityMapping
            }
        }
    }

    private let steps: [Step]

    /// Reads the `normalizer` of a tokenizer file.
    init(_ field: TokenizerField?) throws {
        steps = try field?.components("normalizers").flatMap(Self.steps) ?? []
    }

    private static func steps(_ field: TokenizerField) throws -> [Step] {
        let type = try field.required("type").string()
        if let form = Form(rawValue: type) {
            try field.refuseKeys(besides: "type")
            return [.form(form)]
        }
        switch type {
        case "Lowercase":
            try field.refuseKeys(besides: "type")
            return [.scalars(.lowercase)]
        case "StripAccents":
            try field.refuseKeys(besides: "type")
            return [.scalars(.stripMarks)]
        case "Nmt":
            try field.refuseKeys(besides: "type")
            return [.scalars(.cleanForTranslation)]
        case "ByteLevel":
            try field.refuseKeys(besides: "type")
            return [.byteLevel]
        case "Strip":
            try field.refuseKeys(besides: "type", "strip_left", "strip_right")
            return [
                .strip(
                    left: try field.required("strip_left").bool(), right: try field.required("strip_right").bool())
            ]
        case "Prepend":
            try field.refuseKeys(besides: "type", "prepend")
            return [.prepend(try field.required("prepend").bytes())]
        case "Replace":
            try field.refuseKeys(besides: "type", "pattern", "content")
            let content = try field.required("content").bytes()
            return [.replace(try field.required("pattern").pattern(), by: content)]
        case "Precompiled":
            try field.refuseKeys(besides: "type", "precompiled_charsmap")
            return [.precompiled(try PrecompiledMap(field.required("precompiled_charsmap")))]
        case "BertNormalizer":
            return try bertSteps(field)
        default:
            throw field.error("the normalizer \(type) is not supported.")
        }
    }

    private static func bertSteps(_ field: TokenizerField) throws -> [Step] {
        try field.refuseKeys(besides: "type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase")
        let lowercases = try field.required("lowercase").bool()
        var steps: [Step] = []
        if try field.required("clean_text").bool() { steps.append(.scalars(.cleanText)) }
        if try field.required("handle_chinese_chars").bool() { steps.append(.scalars(.spaceIdeographs)) }
        if try field.bool("strip_accents", default: lowercases) {
            steps += [.form(.nfd), .scalars(.stripNonspacingMarks)]
        }
        if lowercases { steps.append(.scalars(.lowercase)) }
        return steps
    }

    /// Normalizes `text`.
    func normalize(_ text: NormalizedText) throws(RegexPattern.Failure) -> NormalizedText {
        var text = text
        for step in steps where !text.bytes.isEmpty {
            switch step {
            case .form(let form):
                // ASCII is its own normal form.
                guard text.bytes.contains(where: { $0 >= 0x80 }) else { break }
                text.bytes = Array(form.apply(String(decoding: text.bytes, as: UTF8.self)).utf8)
            case .scalars(let mapping):
                text.mapScalars { scalar, output in output += mapping.text(of: scalar).utf8 }
            case .strip(let left, let right): text.strip(left: left, right: right)
            case .replace(let pattern, let content): try text.replace(pattern, by: content)
            case .prepend(let prefix): text.bytes.insert(contentsOf: prefix, at: 0)
            case .precompiled(let map): map.apply(&text)
            case .byteLevel:
                var output: [UInt8] = []
                ByteLevelAlphabet.append(text.bytes, to: &output)
                text.bytes = output
            }
        }
        return text
    }
}
