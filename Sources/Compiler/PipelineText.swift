// The text form of pipelines, for command lines that compile no model:
//
//     passes = pass { "," pass }
//     pass   = name [ "=" parameter { "+" parameter } ]
//
// as in `specialize-recurrences=decode:32,unroll-recurrences,lower-weights=bf16`. None of the signs means anything to a
// shell.

extension Pipeline {
    /// Reads the spelling of a pipeline. A pass may run several times. The empty text is the pipeline without passes.
    /// - Throws: ``CompilerError`` for a name that no pass has, for parameters that are missing, unexpected or
    ///   unreadable, and for an order in which a pass comes before one that it has to follow.
    public init(parsing text: String) throws {
        let all = Pipeline(CompilerOptions()).passes
        passes = try Self.names(text).map { word in
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard let pass = all.first(where: { $0.name == name }) else { throw Self.unknown(name) }
            let parameters = parts.count < 2 ? nil : parts[1].split(separator: "+", omittingEmptySubsequences: false)
            guard let type = type(of: pass) as? any ParameterizedPass.Type else {
                guard parameters == nil else { throw CompilerError("The pass \(name) takes no parameters.") }
                return pass
            }
            guard let parameters else {
                throw CompilerError("The pass \(name) needs parameters: \(name)=\(type.parameterForm).")
            }
            return try type.init(parameters: parameters)
        }
        try checkOrder()
    }

    /// The words of a list of passes; none for the empty text.
    public static func names(_ text: String) -> [String] {
        text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
}
