/// The names and ids of all tokens: those of the model and the added ones.
struct TokenNames: Sendable {
    /// The names by id; nil for an id without a token.
    private var contents: [String?] = []
    private var special: Set<Int32> = []
    private var ids = ByteStringTable()

    /// - Throws: `TokenizerError` if two tokens have the same id, or one token has two.
    init(model: BPEModel, added: [(field: TokenizerField, token: AddedToken)], file: String) throws {
        let largest = max(model.tokens.lazy.map(\.id).max() ?? -1, added.lazy.map(\.token.id).max() ?? -1)
        guard largest >= 0 else { throw TokenizerError("\(file): there are no tokens in it.") }
        contents = Array(repeating: nil, count: Int(largest) + 1)
        ids = ByteStringTable(minimumCapacity: model.tokens.count + added.count)
        for (content, id) in model.tokens {
            if let other = contents[Int(id)] {
                throw TokenizerError(
                    "\(file): model.vocab: the tokens \(other.debugDescription) and \(content.debugDescription) "
                        + "have the same id \(id).")
            }
            contents[Int(id)] = content
            _ = ids.insert(content, value: id)
        }
        for (field, token) in added {
            let name = token.content.debugDescription
            if let id = ids.value(of: token.content) {
                guard id == token.id else {
                    throw field.error("the token \(name) has the id \(token.id) here and \(id) elsewhere.")
                }
            } else {
                if let other = contents[Int(token.id)] {
                    throw field.error("the token \(name) has the id \(token.id) of \(other.debugDescription).")
                }
                contents[Int(token.id)] = token.content
                _ = ids.insert(token.content, value: token.id)
            }
            if token.isSpecial { special.insert(token.id) }
        }
    }

    /// One more than the largest id.
    var count: Int { contents.count }

    func token(_ id: Int32) -> String? {
        id >= 0 && Int(id) < contents.count ? contents[Int(id)] : nil
    }

    func id(of token: String) -> Int32? { ids.value(of: token) }

    func isSpecial(_ id: Int32) -> Bool { special.contains(id) }
}
