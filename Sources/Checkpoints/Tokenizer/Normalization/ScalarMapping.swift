/// A normalization that looks at one character at a time.
enum ScalarMapping: Sendable {
    case lowercase
    /// Drops all marks.
    case stripMarks
    /// Drops nonspacing marks.
    case stripNonspacingMarks
    /// Drops control characters and makes each white space a space, as BERT's tokenizer does.
    case cleanText
    /// Puts spaces around CJK ideographs.
    case spaceIdeographs
    /// Drops control characters and makes separators spaces: the rule `nmt` of SentencePiece.
    case cleanForTranslation

    /// The text that a character becomes.
    func text(of scalar: Unicode.Scalar) -> String {
        let category = scalar.properties.generalCategory
        switch self {
        case .lowercase:
            return scalar.properties.lowercaseMapping
        case .stripMarks:
            return [.nonspacingMark, .spacingMark, .enclosingMark].contains(category) ? "" : String(scalar)
        case .stripNonspacingMarks:
            return category == .nonspacingMark ? "" : String(scalar)
        case .cleanText:
            if "\t\n\r".unicodeScalars.contains(scalar) { return " " }
            let isControl = [.control, .format, .privateUse].contains(category)
            if isControl || scalar == "\u{FFFD}" { return "" }
            return scalar.properties.isWhitespace ? " " : String(scalar)
        case .spaceIdeographs:
            return Self.ideographs.contains { $0.contains(scalar.value) } ? " \(scalar) " : String(scalar)
        case .cleanForTranslation:
            switch scalar.value {
            case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: return ""
            case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD: return " "
            default: return String(scalar)
            }
        }
    }

    /// The blocks of ideographs that BERT's tokenizer knows.
    private static let ideographs: [ClosedRange<UInt32>] = [
        0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF,
        0xF900...0xFAFF, 0x2F800...0x2FA1F,
    ]
}
