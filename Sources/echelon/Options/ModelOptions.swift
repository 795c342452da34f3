import ArgumentParser
import PlanBuilder
import Plans
import Runtime

/// The options that say how a model is opened and run.
struct ModelOptions: ParsableArguments {
    @OptionGroup var planning: PlanOptions

    @Option(
        help: """
            Number format of the key-value caches: f32; bf16, which halves their memory and bandwidth but rounds them; or \
            int8, which halves them again and rounds more (default: f32 if every matrix is f32, else bf16).
            """)
    var cacheFormat: CacheFormat?

    @OptionGroup var threading: ThreadOptions

    /// Opens a plan as ``PlanOptions/plan(at:_:)`` does, and requires that it holds its weights.
    func plan(at path: String?, _ settings: CompilationSettings? = nil) throws -> Plan {
        let plan = try planning.plan(at: path, settings)
        try plan.requireWeights()
        return plan
    }

    /// Makes a model that runs the plan.
    /// - Parameters:
    ///   - sequences: The number of sequences.
    ///   - context: The number of positions that the work needs in each; nil for the plan's context, unchecked.
    /// - Throws: ``RuntimeError`` if the caches of that many positions do not fit into memory.
    func model(_ plan: Plan, sequences: Int = 1, context: Int? = nil, cacheBudget: Int = 1) throws -> PlanModel {
        let schedule = plan.contents.schedule
        let format = cacheFormat ?? CacheFormat(for: schedule)
        if let context {
            try CacheMemory(of: schedule, format: format, budget: cacheBudget)
                .check(sequences: sequences, positions: min(context, plan.contents.settings.context))
        }
        return try PlanModel(
            plan, sequences: sequences, context: context, cacheBudget: cacheBudget, cacheFormat: format,
            threads: threading.resolved())
    }
}
