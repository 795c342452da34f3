/// Arguments that are text and begin with a dash, such as the prompt `-5 + 7 = ?`. The parser takes them for options.
enum DashedText {
    /// The arguments with such texts moved behind `--`, where the parser takes everything as it is. An argument is such a
    /// text if it has a space before any `=`: no option has one. After a word like `--system` it is the option's value,
    /// and joined to it.
    static func separated(_ arguments: [String]) -> [String] {
        let end = arguments.firstIndex(of: "--") ?? arguments.count
        var kept: [String] = []
        var texts: [String] = []
        for argument in arguments[..<end] {
            if !isText(argument) {
                kept.append(argument)
            } else if let option = kept.last, takesValue(option) {
                kept[kept.count - 1] = "\(option)=\(argument)"
            } else {
                texts.append(argument)
            }
        }
        if texts.isEmpty { return kept + arguments[end...] }
        return kept + ["--"] + texts + arguments[end...].dropFirst()
    }

    /// The advice for a command line that the parser refuses; nil if no argument looks like a text that begins with a dash.
    static func advice(for arguments: [String]) -> String? {
        let end = arguments.firstIndex(of: "--") ?? arguments.count
        let texts = arguments[..<end].indices.filter { index in
            let isValue = index > 0 && takesValue(arguments[index - 1])
            return isText(arguments[index]) || isNumber(arguments[index]) && !isValue
        }
        guard let text = texts.first.map({ arguments[$0] }) else { return nil }
        return "If \"\(text)\" is the prompt, put -- before it: everything after -- is text."
    }

    private static func isText(_ argument: String) -> Bool {
        guard argument.hasPrefix("-"), let name = argument.split(separator: "=", maxSplits: 1).first else {
            return false
        }
        return name.contains(where: \.isWhitespace)
    }

    /// Whether an argument begins like a negative number. No option does.
    private static func isNumber(_ argument: String) -> Bool {
        argument.hasPrefix("-") && (argument.dropFirst().first?.isNumber ?? false)
    }

    private static func takesValue(_ argument: String) -> Bool { argument.hasPrefix("--") && !argument.contains("=") }
}
