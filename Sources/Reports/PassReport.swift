import Compiler

/// One pass in the JSON array that `opt --list-passes --json` prints.
package struct PassReport: Codable, Hashable, Sendable {
    package var name: String
    package var summary: String
    /// The form of the parameters; absent if the pass takes none.
    package var parameters: String?
    /// The passes that have to run earlier.
    package var follows: [Predecessor]
    /// Why the pass cannot be left out; absent if it can.
    package var necessity: String?

    package init(_ pass: any Pass) {
        name = pass.name
        summary = pass.summary
        parameters = (type(of: pass) as? any ParameterizedPass.Type)?.parameterForm
        follows = pass.follows
        necessity = pass.necessity
    }
}
