/// The reading of a pattern in a tokenizer file.
extension TokenizerField {
    /// The pattern that this object holds, as one string under the key `Regex` or `String`.
    func pattern() throws -> RegexPattern {
        try refuseKeys(besides: "Regex", "String")
        let regex = try member("Regex")?.string()
        let text = try member("String")?.string()
        do throws(RegexPattern.Failure) {
            switch (regex, text) {
            case (let regex?, nil): return try RegexPattern(regex)
            case (nil, let text?): return try RegexPattern(literal: text)
            case (nil, nil), (_?, _?): break
            }
        } catch {
            throw self.error("the pattern cannot be used: \(error.message).")
        }
        throw error("this has to hold one string, under the key Regex or String.")
    }
}
