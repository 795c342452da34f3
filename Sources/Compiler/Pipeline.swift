import IR

/// What to compile for.
public struct CompilerOptions: Hashable, Sendable {
    /// The element types that matrices are stored in.
    public var weights: MatrixFormats
    /// Functions to unroll, and for how many recurrences.
    public var specializations: [Specialization]

    public init(
        weights: ElementType = .f32, rules: [MatrixFormats.Rule] = [], specializations: [Specialization] = []
    ) {
        self.weights = MatrixFormats(weights, rules: rules)
        self.specializations = specializations
    }
}

/// The passes in the order in which they run. A verifier checks the module after each.
public struct Pipeline: Sendable {
    public var passes: [any Pass]

    public init(passes: [any Pass]) { self.passes = passes }

    /// From an architecture's functions to what ``schedule(_:specializations:)`` takes.
    public init(_ options: CompilerOptions) {
        self.init(passes: [
            SpecializeRecurrences(options.specializations),
            SplitConcatenatedLinear(),
            HoistInvariants(),
            UnrollRecurrences(),
            FuseAttentionInputs(),
            FuseGate(),
            FuseResidualNorm(),
            FuseArgmax(),
            LowerWeights(options.weights),
            FuseConversions(),
            DropDeadCode(),
        ])
    }

    /// - Parameter observe: called with each pass and the module after it.
    /// - Throws: ``CompilerError``, a verifier's error, or what `observe` throws.
    public func run(_ module: Module, observe: (any Pass, Module) throws -> Void = { _, _ in }) throws -> Module {
        try verify(module)
        return try passes.reduce(module) { module, pass in
            let result = try pass.run(module)
            do {
                try verify(result)
            } catch {
                throw CompilerError("After the pass \(pass.name): \(error)")
            }
            try observe(pass, result)
            return result
        }
    }
}
