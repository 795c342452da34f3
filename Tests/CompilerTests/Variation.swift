import Testing

/// A change to a text, so that it only resembles what a pass looks for.
struct Variation: CustomTestStringConvertible, Sendable {
    let name: String
    let replacements: [(String, String)]

    init(_ name: String, _ replacements: (String, String)...) {
        self.name = name
        self.replacements = replacements
    }

    var testDescription: String { name }

    /// - Throws: an error if the text does not contain what is to be replaced, because the variation would test
    ///   nothing.
    func applied(to text: String) throws -> String {
        try replacements.reduce(text) { text, replacement in
            try #require(text.contains(replacement.0), "nothing to replace")
            return text.replacing(replacement.0, with: replacement.1)
        }
    }
}
