/// A token that a document other than `tokenizer.json` declares. The tokenizer learns it, or takes its flags from it.
public struct DeclaredToken: Hashable, Sendable {
    public let content: String
    /// The place of the declaration, for messages.
    let place: String
    /// The id that the declaration gives; nil if it gives none.
    var id: Int32?
    var isSpecial: Bool
    var isSingleWord = false
    var stripsLeft = false
    var stripsRight = false
    var isNormalized: Bool
    /// Whether the flags count for a token that the tokenizer has, too.
    var flagsWin: Bool

    /// A token with its usual flags, which say nothing about a token that the tokenizer has.
    init(content: String, place: String, isSpecial: Bool) {
        self.content = content
        self.place = place
        self.isSpecial = isSpecial
        isNormalized = !isSpecial
        flagsWin = false
    }

    /// The token of a JSON value: its text, or an object with `content` and flags.
    /// - Returns: nil for any other value.
    init?(_ value: OrderedJSON, place: String, id: Int32? = nil) {
        switch value {
        case .string(let text):
            self.init(content: text, place: place, isSpecial: true)
        case .object(let members):
            func flag(_ key: String) -> Bool? {
                if case .bool(let flag)? = members.last(where: { $0.key == key })?.value { flag } else { nil }
            }
            guard case .string(let text)? = members.last(where: { $0.key == "content" })?.value else { return nil }
            self.init(content: text, place: place, isSpecial: flag("special") ?? false)
            isSingleWord = flag("single_word") ?? false
            stripsLeft = flag("lstrip") ?? false
            stripsRight = flag("rstrip") ?? false
            isNormalized = flag("normalized") ?? !isSpecial
            flagsWin = id != nil
        case .null, .bool, .number, .array: return nil
        }
        self.id = id
    }
}

extension AddedToken {
    /// The added tokens of a tokenizer after declarations, in the order in which transformers adds them.
    ///
    /// A token that the tokenizer has keeps its id, and it stays special if it was. Any other gets the next id, as the
    /// tokenizers library numbers it.
    /// - Parameters:
    ///   - added: the `added_tokens` of the tokenizer file.
    ///   - declared: the declarations, of which the first counts for a token that the tokenizer lacks.
    ///   - vocabulary: the tokens of the model.
    /// - Throws: `TokenizerError` if a declaration gives another id than the next one.
    static func merged(
        _ added: [(TokenizerField, AddedToken)], _ declared: [DeclaredToken], vocabulary: [(content: String, id: Int32)]
    ) throws -> [(TokenizerField, AddedToken)] {
        guard !declared.isEmpty else { return added }
        var merged = added
        let contents = Set(declared.map(\.content))
        let known = Dictionary(vocabulary.filter { contents.contains($0.content) }.map { ($0.content, $0.id) }) { $1 }
        var next = max(Int32(clamping: vocabulary.count), (added.map(\.1.id).max() ?? -1) + 1)
        for token in declared where !token.content.isEmpty {
            let field = TokenizerField(value: .null, path: "", file: token.place)
            if let index = merged.firstIndex(where: { $0.1.content == token.content }) {
                guard token.flagsWin else { continue }
                let old = merged[index].1
                merged[index].1 = AddedToken(token, id: old.id, isSpecial: token.isSpecial || old.isSpecial)
            } else if let id = known[token.content] {
                merged.append((field, AddedToken(token, id: id, isSpecial: token.isSpecial)))
            } else {
                guard token.id ?? next == next else {
                    throw field.error(
                        "the token \(token.content.debugDescription) is to have the id \(token.id ?? next), and the next "
                            + "free id of the tokenizer is \(next); its tokenizer.json lacks tokens in between.")
                }
                merged.append((field, AddedToken(token, id: next, isSpecial: token.isSpecial)))
                next += 1
            }
        }
        return merged
    }

    private init(_ token: DeclaredToken, id: Int32, isSpecial: Bool) {
        self.init(
            id: id, content: token.content, isSpecial: isSpecial, isSingleWord: token.isSingleWord,
            stripsLeft: token.stripsLeft, stripsRight: token.stripsRight, isNormalized: token.isNormalized)
    }
}
