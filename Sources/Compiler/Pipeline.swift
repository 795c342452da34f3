import IR
import NumberFormats
import Plans

/// The options of a compilation.
public struct CompilerOptions: Hashable, Sendable {
    /// The element types in which matrices are stored.
    public var weights: MatrixFormats
    /// The functions to unroll, and their numbers of recurrences.
    public var specializations: [Specialization]

    public init(
        weights: ElementType = .f32, rules: [WeightRule] = [], specializations: [Specialization] = []
    ) {
        self.weights = MatrixFormats(weights, rules: rules)
        self.specializations = specializations
    }
}

/// A list of passes in the order in which they run. The verifier checks the module after each.
///
///     let options = CompilerOptions(weights: .bf16, specializations: [Specialization("decode", recurrences: 32)])
///     let lowered = try Pipeline(options).run(module)
public struct Pipeline: Sendable {
    public var passes: [any Pass]

    public init(passes: [any Pass]) { self.passes = passes }

    /// All passes, in the standard order: from an architecture's functions to what ``schedule(_:specializations:)``
    /// takes.
    public init(_ options: CompilerOptions) {
        self.init(passes: [
            SpecializeRecurrences(options.specializations),
            SplitConcatenatedLinear(),
            HoistInvariants(),
            UnrollRecurrences(),
            FuseAttentionInputs(),
            FuseNormedHeads(),
            FuseGate(),
            FuseResidualNorm(),
            FuseArgmax(),
            LowerWeights(options.weights),
            FuseConversions(),
            DropDeadCode(),
        ])
    }

    /// The names of all passes, in the standard order.
    public static let standardNames = Pipeline(CompilerOptions()).passes.map(\.name)

    /// A pipeline of the named passes, in the given order.
    /// - Throws: ``CompilerError`` if there is no such pass, if one is named twice, if one has to follow another that
    ///   comes later, or if one that is left out is necessary for these options.
    public init(_ options: CompilerOptions, passes names: [String]) throws {
        let all = Pipeline(options).passes
        passes = try names.map { name in
            guard let pass = all.first(where: { $0.name == name }) else { throw Self.unknown(name) }
            return pass
        }
        // A pass's name also names the stage after it.
        var named: Set<String> = []
        if let twice = names.first(where: { !named.insert($0).inserted }) {
            throw CompilerError("The pass \(twice) is named twice; a model runs each pass at most once.")
        }
        try checkOrder()
        for pass in all where !named.contains(pass.name) {
            if let reason = pass.necessity {
                throw CompilerError("The pass \(pass.name) cannot be left out: \(reason).")
            }
        }
    }

    /// Checks that every pass comes after those that it has to follow, as far as they run at all.
    /// - Throws: ``CompilerError`` with the reason.
    func checkOrder() throws {
        for (index, pass) in passes.enumerated() {
            let later = Set(passes[(index + 1)...].map(\.name))
            let earlier = passes[..<index].map(\.name)
            // A pass that runs again later is checked there.
            if later.contains(pass.name) { continue }
            for predecessor in pass.follows
            where later.contains(predecessor.pass) && !earlier.contains(predecessor.pass) {
                throw CompilerError(
                    "The pass \(predecessor.pass) has to run before \(pass.name): \(predecessor.reason).")
            }
        }
    }

    /// The error for a name that no pass has, with the one that was probably meant.
    public static func unknown(_ name: String) -> CompilerError {
        let hint = nearestName(to: name, among: standardNames).map { " Did you mean \($0)?" } ?? ""
        return CompilerError(
            "There is no pass '\(name)'.\(hint) The passes are \(standardNames.joined(separator: ", ")).")
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
