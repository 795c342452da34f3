/// The settings of Metaspace, as a pre-tokenizer and as a decoder: a character that stands for a space.
struct Metaspace: Sendable {
    /// The texts that get the character in front.
    enum PrependScheme: String, CaseIterable {
        case always
        /// The piece at the start of the whole text.
        case first
        case never
    }

    /// The character, in UTF-8.
    let replacement: [UInt8]
    let scheme: PrependScheme
    /// Whether the pre-tokenizer cuts before each character.
    let splits: Bool

    /// Reads the settings, also in the older form with `add_prefix_space` and `str_rep`.
    init(_ field: TokenizerField) throws {
        try field.refuseKeys(
            besides: "type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep")
        replacement = try field.required("replacement").character()
        splits = try field.bool("split", default: true)
        var scheme = PrependScheme.always
        let addsSpace = try field.bool("add_prefix_space", default: true)
        if let schemeField = try field.member("prepend_scheme") {
            scheme = try schemeField.choice(of: PrependScheme.self)
            guard addsSpace || scheme == .never else {
                throw schemeField.error("\(scheme.rawValue) does not agree with add_prefix_space, which is false.")
            }
        }
        self.scheme = addsSpace ? scheme : .never
    }
}
