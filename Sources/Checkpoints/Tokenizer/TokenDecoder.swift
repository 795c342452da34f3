/// The rule that writes tokens as text.
enum TokenDecoder: Sendable {
    /// The characters of a token stand for bytes, and the bytes of all tokens together are UTF-8.
    case byteLevel
    /// Tokens stand for themselves, with a space between two of them. This is the meaning of a file without a decoder.
    case spaced

    /// Reads the `decoder` of a tokenizer file.
    init(_ field: TokenizerField?) throws {
        let decoders = try field.map(Self.decoders) ?? []
        if decoders.count > 1, let field { throw field.error("more than one decoder is not supported.") }
        self = decoders.first ?? .spaced
    }

    private static func decoders(_ field: TokenizerField) throws -> [TokenDecoder] {
        let type = try field.required("type").string()
        switch type {
        case "ByteLevel":
            // Its settings are those of the pre-tokenizer of the same name and mean nothing here.
            try field.refuseKeys(besides: "type", "add_prefix_space", "trim_offsets", "use_regex")
            return [.byteLevel]
        case "Sequence":
            try field.refuseKeys(besides: "type", "decoders")
            let decoders = try field.required("decoders").elements().flatMap(decoders)
            guard !decoders.isEmpty else { throw field.error("the sequence of decoders is empty.") }
            return decoders
        default:
            throw field.error("the decoder \(type) is not supported; ByteLevel and Sequence are.")
        }
    }

    /// The bytes that a token adds to the text.
    func bytes(of token: String, isFirst: Bool) -> [UInt8] {
        switch self {
        case .byteLevel: ByteLevelAlphabet.bytes(of: token) ?? Array(token.utf8)
        case .spaced: (isFirst ? [] : [UInt8(ascii: " ")]) + token.utf8
        }
    }
}
