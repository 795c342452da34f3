/// A token that is found in the raw text, before pieces are cut and merged.
struct AddedToken: Sendable {
    let id: Int32
    let content: String
    /// Whether it is a mark such as the end of a turn, which decoding can omit.
    let isSpecial: Bool
    /// Whether it is only found between word boundaries.
    let isSingleWord: Bool
    /// Whether it absorbs the white space before it.
    let stripsLeft: Bool
    /// Whether it absorbs the white space after it.
    let stripsRight: Bool
    /// Whether it is searched for in normalized text.
    let isNormalized: Bool

    init(
        id: Int32, content: String, isSpecial: Bool, isSingleWord: Bool, stripsLeft: Bool, stripsRight: Bool,
        isNormalized: Bool
    ) {
        self.id = id
        self.content = content
        self.isSpecial = isSpecial
        self.isSingleWord = isSingleWord
        self.stripsLeft = stripsLeft
        self.stripsRight = stripsRight
        self.isNormalized = isNormalized
    }

    /// Reads one of the `added_tokens` of a tokenizer file.
    init(_ field: TokenizerField) throws {
        try field.refuseKeys(
            besides: "id", "content", "special", "single_word", "lstrip", "rstrip", "normalized")
        id = try field.required("id").tokenID()
        content = try field.required("content").string()
        isSpecial = try field.bool("special", default: false)
        isSingleWord = try field.bool("single_word", default: false)
        stripsLeft = try field.bool("lstrip", default: false)
        stripsRight = try field.bool("rstrip", default: false)
        isNormalized = try field.bool("normalized", default: !isSpecial)
        guard !content.isEmpty else { throw field.error("the content of an added token is empty.") }
        guard content.utf8.count <= Self.longestContent else {
            throw field.error("the content of an added token is longer than \(Self.longestContent) bytes.")
        }
    }

    /// The maximum length of a content in bytes. Searching takes time in proportion to it.
    private static let longestContent = 4096
}
