/// The special tokens that are put around the tokens of a text if they are requested.
struct PostProcessor: Sendable {
    private let before: [Int32]
    private let after: [Int32]

    /// Reads the `post_processor` of a tokenizer file. `isToken` says which ids exist.
    init(_ field: TokenizerField?, isToken: (Int32) -> Bool) throws {
        let templates = try field.map { try Self.templates($0, isToken: isToken) } ?? []
        if templates.count > 1, let field {
            throw field.error("more than one TemplateProcessing is not supported.")
        }
        (before, after) = templates.first ?? ([], [])
    }

    private static func templates(
        _ field: TokenizerField, isToken: (Int32) -> Bool
    ) throws -> [(before: [Int32], after: [Int32])] {
        let type = try field.required("type").string()
        switch type {
        case "ByteLevel":
            // This concerns only positions in the text, which are not kept.
            try field.refuseKeys(besides: "type", "add_prefix_space", "trim_offsets", "use_regex")
            return []
        case "Sequence":
            try field.refuseKeys(besides: "type", "processors")
            return try field.required("processors").elements().flatMap { try templates($0, isToken: isToken) }
        case "TemplateProcessing":
            // `pair` is for two texts at once, which this program never encodes.
            try field.refuseKeys(besides: "type", "single", "pair", "special_tokens")
            return [try template(field, isToken: isToken)]
        default:
            throw field.error(
                "the post-processor \(type) is not supported; ByteLevel, TemplateProcessing and Sequence are.")
        }
    }

    private static func template(
        _ field: TokenizerField, isToken: (Int32) -> Bool
    ) throws -> (before: [Int32], after: [Int32]) {
        var before: [Int32] = []
        var after: [Int32] = []
        var textWasSeen = false
        for piece in try field.required("single").elements() {
            if let sequence = try piece.member("Sequence") {
                guard try sequence.required("id").string() == "A", !textWasSeen else {
                    throw piece.error("a template for one text has to hold the sequence A once, and no other.")
                }
                textWasSeen = true
            } else if let special = try piece.member("SpecialToken") {
                let name = try special.required("id").string()
                guard let token = try field.member("special_tokens")?.member(name) else {
                    throw special.error("\(name) is not among the template's special_tokens.")
                }
                for idField in try token.required("ids").elements() {
                    let id = try idField.tokenID()
                    guard isToken(id) else { throw idField.error("there is no token with the id \(id).") }
                    if textWasSeen { after.append(id) } else { before.append(id) }
                }
            } else {
                throw piece.error("this has to hold a Sequence or a SpecialToken.")
            }
        }
        guard textWasSeen else { throw field.error("the template for one text does not hold the sequence A.") }
        return (before, after)
    }

    /// The tokens of a text with the special tokens around them.
    func addSpecialTokens(to tokens: [Int32]) -> [Int32] {
        before.isEmpty && after.isEmpty ? tokens : before + tokens + after
    }
}
