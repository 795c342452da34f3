import IR

/// The operations of the IR for `--list-operations`, from their records.
struct OperationList {
    private struct Entry: Encodable {
        var name: String
        /// The operation in the text form.
        var form: String
        var meaning: String
        var summary: String
        var family: OpcodeFamily
        /// How threads share the work.
        var division: String
        /// The element types of results that may be stored otherwise than as f32.
        var storable: [String]
        var isPure: Bool
        /// Whether fusion makes it, and no architecture is written in it.
        var isFused: Bool

        init(_ opcode: Opcode) {
            let traits = opcode.traits
            name = opcode.rawValue
            form = opcode.form
            meaning = traits.meaning
            summary = traits.summary
            family = traits.family
            division = traits.division.rawValue
            storable = traits.storableElements.map(\.rawValue)
            isPure = traits.isPure
            isFused = traits.isFused
        }
    }

    private let entries = Opcode.allCases.map(Entry.init)

    func write(json: Bool) throws {
        if json { return try Terminal.writeJSON(entries) }
        try Terminal.write(entries.map { "\($0.form)\n    \($0.meaning)\n" }.joined())
    }
}
