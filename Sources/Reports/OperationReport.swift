import IR

/// One operation of the IR in the JSON array that `opt --list-operations --json` prints.
package struct OperationReport: Codable, Hashable, Sendable {
    package var name: String
    /// The operation in the text form.
    package var form: String
    package var meaning: String
    package var summary: String
    package var family: OpcodeFamily
    /// How threads share the work.
    package var division: String
    /// The element types that a result may be stored in instead of f32.
    package var storable: [String]
    package var isPure: Bool
    /// Whether fusion makes the operation; no architecture is written with it.
    package var isFused: Bool

    package init(_ opcode: Opcode) {
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
