/// A set of characters in a pattern of Oniguruma's dialect, written as a pattern of PCRE2 that matches one of them.
///
/// PCRE2 before 10.45 has neither classes inside classes nor intersections, so look-aheads express them.
indirect enum RegexCharacterSet: Sendable {
    /// A part of a PCRE2 class.
    struct Item: Sendable {
        let text: String
        /// Whether each character comes with its other cases.
        let isClosedUnderCase: Bool
    }

    case items([Item])
    case complement(RegexCharacterSet)
    case union([RegexCharacterSet])
    case intersection([RegexCharacterSet])

    /// A set that is the same if case is ignored.
    static func closed(_ text: String) -> RegexCharacterSet {
        .items([Item(text: text, isClosedUnderCase: true)])
    }

    /// A set to which ignoring case may add.
    static func open(_ text: String) -> RegexCharacterSet {
        .items([Item(text: text, isClosedUnderCase: false)])
    }

    var negated: RegexCharacterSet {
        if case .complement(let set) = self { return set }
        return .complement(self)
    }

    /// The union of `sets`; the items of all sets that are lists are in one list.
    static func joined(_ sets: [RegexCharacterSet]) -> RegexCharacterSet {
        var items: [Item] = []
        var others: [RegexCharacterSet] = []
        for set in sets {
            if case .items(let more) = set { items += more } else { others.append(set) }
        }
        if others.isEmpty { return .items(items) }
        if items.isEmpty, others.count == 1 { return others[0] }
        return .union(items.isEmpty ? others : [.items(items)] + others)
    }

    /// A pattern that matches one character of the set.
    var pattern: String {
        switch self {
        case .items(let items): items.isEmpty ? "(?!)" : "[\(items.map(\.text).joined())]"
        case .complement(.items(let items)): items.isEmpty ? "(?s:.)" : "[^\(items.map(\.text).joined())]"
        case .complement(let set): "(?:(?!\(set.pattern))(?s:.))"
        case .union(let sets): "(?:\(sets.map(\.pattern).joined(separator: "|")))"
        case .intersection(let sets):
            "(?:\(sets.dropLast().map { "(?=\($0.pattern))" }.joined())\(sets.last?.pattern ?? "(?s:.)"))"
        }
    }

    /// Whether the set is a list of items or everything else. If case is ignored, both libraries add the other cases to
    /// the items, and negate afterwards.
    var isPlain: Bool {
        switch self {
        case .items, .complement(.items): true
        case .complement, .union, .intersection: false
        }
    }

    var isClosedUnderCase: Bool {
        switch self {
        case .items(let items): items.allSatisfy(\.isClosedUnderCase)
        case .complement(let set): set.isClosedUnderCase
        case .union(let sets), .intersection(let sets): sets.allSatisfy(\.isClosedUnderCase)
        }
    }
}

extension RegexCharacterSet {
    static let whiteSpace = closed(#"\p{White_Space}"#)
    static let decimalDigit = closed(#"\p{Nd}"#)
    static let hexadecimalDigit = closed("0-9A-Fa-f")
    /// The characters of `[[:word:]]` and, inside a class, of `\w`.
    static let word = closed(#"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}"#)
    /// The characters of `\w` outside a class: those and the superscripts and fractions of Latin-1.
    static let wordOutsideClasses = joined([word, closed(#"\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE}"#)])

    /// The sets that have a name in brackets, such as `[[:alpha:]]`.
    static let bracketNames: [String: RegexCharacterSet] = [
        "alnum": closed(#"\p{Alphabetic}\p{Nd}"#),
        "alpha": closed(#"\p{Alphabetic}"#),
        "ascii": open(#"\x{0}-\x{7F}"#),
        "blank": closed(#"\p{Zs}\x{9}"#),
        "cntrl": closed(#"\p{Cc}"#),
        "digit": decimalDigit,
        "graph": closed(#"\p{White_Space}\p{Cc}\p{Cn}\p{Cs}"#).negated,
        "lower": open(#"\p{Lowercase}"#),
        "print": closed(#"\p{Cc}\p{Cn}\p{Cs}\p{Zl}\p{Zp}"#).negated,
        "punct": closed(#"\p{P}\p{S}"#),
        "space": whiteSpace,
        "upper": open(#"\p{Uppercase}"#),
        "word": word,
        "xdigit": hexadecimalDigit,
    ]

    /// The sets that have another name or another meaning in `\p{…}`; keys are in lower case, without `_`, `-`, space.
    static let propertyNames: [String: RegexCharacterSet] = {
        var names = bracketNames
        names["punct"] = closed(#"\p{P}"#)
        names["assigned"] = closed(#"\p{Cn}"#).negated
        for (name, category) in longCategoryNames { names[name] = .category(category) }
        names["lc"] = .category("L&")
        return names
    }()

    /// The set of a general category, by its name of one or two letters.
    static func category(_ name: String) -> RegexCharacterSet {
        let dependsOnCase = ["lu", "ll", "lt"].contains(name.lowercased())
        return dependsOnCase ? open("\\p{\(name)}") : closed("\\p{\(name)}")
    }

    /// The long names of the general categories (Unicode, UAX #44, table 12).
    private static let longCategoryNames = [
        "letter": "L", "casedletter": "L&", "uppercaseletter": "Lu", "lowercaseletter": "Ll", "titlecaseletter": "Lt",
        "modifierletter": "Lm", "otherletter": "Lo", "mark": "M", "combiningmark": "M", "nonspacingmark": "Mn",
        "spacingmark": "Mc", "enclosingmark": "Me", "number": "N", "decimalnumber": "Nd", "letternumber": "Nl",
        "othernumber": "No", "punctuation": "P", "connectorpunctuation": "Pc", "dashpunctuation": "Pd",
        "openpunctuation": "Ps", "closepunctuation": "Pe", "initialpunctuation": "Pi", "finalpunctuation": "Pf",
        "otherpunctuation": "Po", "symbol": "S", "mathsymbol": "Sm", "currencysymbol": "Sc", "modifiersymbol": "Sk",
        "othersymbol": "So", "separator": "Z", "spaceseparator": "Zs", "lineseparator": "Zl",
        "paragraphseparator": "Zp", "other": "C", "control": "Cc", "format": "Cf", "surrogate": "Cs",
        "privateuse": "Co", "unassigned": "Cn",
    ]
}
