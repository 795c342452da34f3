/// The special tokens that are put around the tokens of a text if they are requested.
struct PostProcessor: Sendable {
    private let before: [Int32]
    private let after: [Int32]

    /// Reads the `post_processor` of a tokenizer file. `isToken` says which ids exist.
    init(_ field: TokenizerField?, isToken: (Int32) -> Bool) throws {
        let frames = try field?.components("processors").flatMap { try Self.frames($0, isToken: isToken) } ?? []
        if let field, frames.dropLast().contains(where: \.isTemplate) {
            // The reference library would surround each token of the template.
            throw field.error("a post-processor that adds tokens after TemplateProcessing is not supported.")
        }
        // Each one surrounds the result of the one before it.
        before = frames.reversed().flatMap(\.before)
        after = frames.flatMap(\.after)
    }

    /// The tokens that one post-processor adds.
    private struct Frame {
        var before: [Int32] = []
        var after: [Int32] = []
        var isTemplate = false
    }

    private static func frames(_ field: TokenizerField, isToken: (Int32) -> Bool) throws -> [Frame] {
        let type = try field.required("type").string()
        switch type {
        case "ByteLevel":
            // This concerns only positions in the text, which are not kept.
            try field.refuseKeys(besides: "type", "add_prefix_space", "trim_offsets", "use_regex")
            return []
        case "TemplateProcessing":
            // `pair` is for two texts at once, which this program never encodes.
            try field.refuseKeys(besides: "type", "single", "pair", "special_tokens")
            return [try template(field, isToken: isToken)]
        case "BertProcessing", "RobertaProcessing":
            // `trim_offsets` and `add_prefix_space` concern positions in the text.
            try field.refuseKeys(besides: "type", "sep", "cls", "trim_offsets", "add_prefix_space")
            let before = try token(field.required("cls"), isToken: isToken)
            return [Frame(before: [before], after: [try token(field.required("sep"), isToken: isToken)])]
        default:
            throw field.error("the post-processor \(type) is not supported.")
        }
    }

    /// A token, written as an array of its name and its id.
    private static func token(_ field: TokenizerField, isToken: (Int32) -> Bool) throws -> Int32 {
        let parts = try field.elements()
        guard parts.count == 2 else { throw field.error("this has to be an array of a token and its id.") }
        return try id(parts[1], isToken: isToken)
    }

    private static func id(_ field: TokenizerField, isToken: (Int32) -> Bool) throws -> Int32 {
        let id = try field.tokenID()
        guard isToken(id) else { throw field.error("there is no token with the id \(id).") }
        return id
    }

    private static func template(
        _ field: TokenizerField, isToken: (Int32) -> Bool
    ) throws -> Frame {
        var frame = Frame(isTemplate: true)
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
                    let id = try id(idField, isToken: isToken)
                    if textWasSeen { frame.after.append(id) } else { frame.before.append(id) }
                }
            } else {
                throw piece.error("this has to hold a Sequence or a SpecialToken.")
            }
        }
        guard textWasSeen else { throw field.error("the template for one text does not hold the sequence A.") }
        return frame
    }

    /// The tokens of a text with the special tokens around them.
    func addSpecialTokens(to tokens: [Int32]) -> [Int32] {
        before.isEmpty && after.isEmpty ? tokens : before + tokens + after
    }
}
