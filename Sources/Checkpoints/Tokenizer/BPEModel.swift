/// A byte-pair encoding model: the tokens, and the pairs of them that merge in order of preference.
///
/// Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword Units", section 3.2.
struct BPEModel: Sendable {
    struct Merge: Sendable {
        /// The rank of the merge; lower ranks merge first.
        var rank: UInt32
        var result: Int32
    }

    /// The rule for a character that is not a token.
    struct Unknown: Sendable {
        var token: Int32
        /// Whether adjacent unknown characters become one token together.
        var fuses: Bool
    }

    private(set) var vocabulary = ByteStringTable()
    /// The tokens in the order of the file.
    private(set) var tokens: [(content: String, id: Int32)] = []
    private var merges: [UInt64: Merge] = [:]
    /// The prefix of each character of a piece but the first.
    let continuingSubwordPrefix: [UInt8]
    /// The suffix of the last character of a piece.
    let endOfWordSuffix: [UInt8]
    let unknown: Unknown?
    /// The name of the token for unknown characters if it is not in the vocabulary. Byte-level models often name one that
    /// is not, and do without it.
    let missingUnknown: String?
    /// The tokens for the 256 bytes of characters that are not tokens, if the model has them; -1 for a byte without a
    /// token.
    let byteFallback: [Int32]?
    /// Whether a piece that is a token stays whole instead of being merged.
    let ignoresMerges: Bool

    /// Reads the `model` of a tokenizer file.
    init(_ field: TokenizerField) throws {
        let type = try field.member("type")?.string() ?? "BPE"
        guard type == "BPE" else { throw field.error("the model type \(type) is not supported; BPE is.") }
        try field.refuseKeys(
            besides: "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
            "byte_fallback", "ignore_merges", "vocab", "merges")
        if let dropout = try field.member("dropout"), try dropout.number() != 0 {
            throw dropout.error("dropout is for training and is not supported; it has to be null or 0.")
        }
        continuingSubwordPrefix = Array(try field.member("continuing_subword_prefix")?.string().utf8 ?? "".utf8)
        endOfWordSuffix = Array(try field.member("end_of_word_suffix")?.string().utf8 ?? "".utf8)
        ignoresMerges = try field.bool("ignore_merges", default: false)
        (vocabulary, tokens) = try Self.readVocabulary(field.required("vocab"))

        let fuses = try field.bool("fuse_unk", default: false)
        let unknownName = try field.member("unk_token")?.string()
        unknown = unknownName.flatMap { [vocabulary] name in
            vocabulary.value(of: name).map { Unknown(token: $0, fuses: fuses) }
        }
        missingUnknown = unknown == nil ? unknownName : nil
        byteFallback = try field.bool("byte_fallback", default: false) ? Self.byteTokens(vocabulary) : nil
        try readMerges(field.required("merges"))
    }

    private static func readVocabulary(
        _ field: TokenizerField
    ) throws -> (ByteStringTable, [(content: String, id: Int32)]) {
        let members = try field.members()
        var vocabulary = ByteStringTable(minimumCapacity: members.count)
        var tokens: [(content: String, id: Int32)] = []
        tokens.reserveCapacity(members.count)
        for member in members {
            guard let id = TokenizerField.tokenID(member.value) else {
                throw field.error(
                    "the id of the token \(member.key.debugDescription) has to be a whole number from 0 to "
                        + "\(TokenizerField.largestTokenID).")
            }
            guard vocabulary.insert(member.key, value: id) else {
                throw field.error("the token \(member.key.debugDescription) appears more than once.")
            }
            tokens.append((member.key, id))
        }
        return (vocabulary, tokens)
    }

    private static func byteTokens(_ vocabulary: ByteStringTable) -> [Int32] {
        (0..<256).map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return vocabulary.value(of: "<0x\(byte < 16 ? "0" : "")\(digits)>") ?? -1
        }
    }

    private mutating func readMerges(_ field: TokenizerField) throws {
        guard case .array(let elements) = field.value else { throw field.error("this has to be an array.") }
        merges.reserveCapacity(elements.count)
        var rank: UInt32 = 0
        for (index, element) in elements.enumerated() {
            func error(_ message: String) -> TokenizerError {
                TokenizerField(value: element, path: "\(field.path)[\(index)]", file: field.file).error(message)
            }
            let left: Substring.UTF8View
            let right: Substring.UTF8View
            switch element {
            case .string(let text) where text.hasPrefix("#version"):
                continue  // the head of the text files from which such lists were made
            case .string(let text):
                let parts = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
                guard parts.count == 2 else { throw error("a merge has to be two tokens with one space between them.") }
                (left, right) = (parts[0], parts[1])
            case .array(let pair):
                guard pair.count == 2, case .string(let first) = pair[0], case .string(let second) = pair[1] else {
                    throw error("a merge has to be two tokens.")
                }
                (left, right) = (first[...].utf8, second[...].utf8)
            default:
                throw error("a merge has to be a string or an array of two strings.")
            }
            func id(_ bytes: some Sequence<UInt8>) throws -> Int32 {
                let token = Array(bytes)
                guard let id = token.withUnsafeBufferPointer(vocabulary.value(of:)) else {
                    let name = String(decoding: token, as: UTF8.self).debugDescription
                    throw error("the merge needs the token \(name), which is not in the vocabulary.")
                }
                return id
            }
            let pair = Self.key(try id(left), try id(right))
            guard right.count >= continuingSubwordPrefix.count else {
                throw error("the second token of the merge is shorter than continuing_subword_prefix.")
            }
            let result = try id(Array(left) + right.dropFirst(continuingSubwordPrefix.count))
            merges[pair] = Merge(rank: rank, result: result)
            rank += 1
        }
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// The token that `left` followed by `right` merges into; nil if they do not merge.
    func merge(_ left: Int32, _ right: Int32) -> Merge? {
        merges[Self.key(left, right)]
    }
}
