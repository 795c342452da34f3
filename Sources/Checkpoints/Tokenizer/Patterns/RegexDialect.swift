/// A translation of regular expressions from the dialect of tokenizer files to that of PCRE2.
///
/// The patterns of tokenizer files are written for Oniguruma (its document RE describes the syntax). Most of it means
/// the same to PCRE2. Constructs with another meaning are rewritten here, and those that have no counterpart are refused
/// by name, so that no pattern is silently misread:
///
/// - Classes may hold classes and intersections (`&&`), and names such as `[:alpha:]`.
/// - `\s`, `\w`, `\b` and the names of properties mean what they mean to Oniguruma; `\p{Han}` is the script, not its
///   extensions; `\h` is a hexadecimal digit, `\v` a vertical tab, `\O` any character.
/// - `(?m)` lets the dot match line feeds. `(?i)` in the middle of a group holds to the group's end, over alternatives.
/// - `{,3}` is an interval, a `+` after an interval repeats it, and a `?` after `{3}` makes it optional.
/// - `^` and `$` match at every line; that is an option of PCRE2, set where the pattern is compiled.
///
/// Ignoring case never makes one character equal to two, as it does for `ß` and `ss` in Oniguruma.
enum RegexDialect {
    struct Unsupported: Error {
        let message: String

        /// An error that names the construct.
        init(construct: String) {
            message = "\(construct) is not supported in a pattern"
        }

        init(message: String) {
            self.message = message
        }
    }

    /// The pattern for PCRE2. `isScript` says whether PCRE2 knows a script of the given name.
    static func translate(
        _ pattern: String, isScript: @escaping (String) -> Bool
    ) throws(Unsupported) -> String {
        var translator = RegexTranslator(scanner: RegexScanner(pattern, isScript: isScript))
        return try translator.translate()
    }
}
