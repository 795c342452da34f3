/// The rules by which the pre-tokenizers with a fixed pattern cut text.
enum SplitRules {
    typealias Rule = (pattern: String, behavior: SplitBehavior, invert: Bool)

    /// White space is dropped.
    static let whiteSpace: Rule = (#"\p{White_Space}"#, .removed, false)

    /// Words and runs of other characters; white space is dropped. Words are those of UTS #18, annex C.
    static let words: Rule = (
        #"[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}]++"#
            + #"|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}\p{White_Space}]++"#,
        .removed, true
    )

    /// Each punctuation character, with the symbols of ASCII.
    static func punctuation(_ behavior: SplitBehavior) -> Rule { (#"[\p{P}$+<=>^`|~]"#, behavior, false) }

    /// Each character that Unicode counts as a number.
    static func digits(_ behavior: SplitBehavior) -> Rule { (#"\p{N}"#, behavior, false) }

    /// Stretches of `length` characters.
    static func fixedLength(_ length: Int) -> Rule { ("(?s:.{1,\(length)}+)", .isolated, false) }

    /// Runs of one script. Hiragana and katakana count as Han; a space belongs to every script, and so does a character
    /// whose script is not listed. Those before the first run are dropped, as in the reference library.
    static let scripts: Rule = {
        let han = #"[\p{sc:Han}\p{sc:Hiragana}\p{sc:Katakana}\x{30FC}]"#
        let listed = (["Hiragana", "Katakana"] + scriptNames).map { "\\p{sc:\($0)}" }.joined()
        let every = "(?:[^\(listed)]| )*+"
        let runs = scriptNames.map { name in
            switch name {
            case "Han": "(?:\(han)\(every))++"
            case "Common": #"(?:(?![ \x{30FC}])\p{sc:Common}"# + "\(every))++"
            default: "(?:\\p{sc:\(name)}\(every))++"
            }
        }
        return (runs.joined(separator: "|"), .removed, true)
    }()

    /// The scripts of Unicode 9, which the reference library knows, apart from hiragana and katakana.
    private static let scriptNames = """
        Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki \
        Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee \
        Common Coptic Cuneiform Cypriot Cyrillic Deseret Devanagari Duployan Egyptian_Hieroglyphs Elbasan Ethiopic \
        Georgian Glagolitic Gothic Grantha Greek Gujarati Gurmukhi Han Hangul Hanunoo Hatran Hebrew Imperial_Aramaic \
        Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Kayah_Li Kharoshthi Khmer \
        Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Malayalam Mandaic \
        Manichaean Marchen Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro \
        Multani Myanmar Nabataean New_Tai_Lue Newa Nko Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian \
        Old_Permic Old_Persian Old_South_Arabian Old_Turkic Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau \
        Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting \
        Sinhala Sora_Sompeng Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil \
        Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Ugaritic Vai Warang_Citi Yi
        """.split(separator: " ").map(String.init)
}
