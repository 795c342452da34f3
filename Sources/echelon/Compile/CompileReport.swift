import Plans

/// What `compile` tells about the plan that it wrote.
struct CompileReport: Encodable {
    /// A function's sizes, with what a call of it costs.
    struct Function: Encodable {
        var sizes: FunctionReport
        var call: Call

        private enum CodingKeys: CodingKey { case call }

        /// The keys of the sizes, and `call` beside them.
        func encode(to encoder: any Encoder) throws {
            try sizes.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(call, forKey: .call)
        }
    }

    /// A call of one row, at the first position.
    struct Call: Encodable {
        var recurrences: Int
        /// Those in a loop count once an iteration, as barriers do.
        var instructions: Int
        var barriers: Int
        var weightBytes: Int
    }

    var plan: String
    var bytes: Int
    var hasWeights: Bool
    var seconds: Double
    var settings: PlanSettings
    var functions: [Function]

    init(_ plan: Plan, path: String, took duration: Duration) {
        let (settings, schedule) = (plan.contents.settings, plan.contents.schedule)
        self.plan = path
        bytes = plan.byteCount
        hasWeights = plan.hasWeights
        seconds = duration / .seconds(1)
        self.settings = settings
        functions = schedule.functions.map { function in
            let usual = function.name.hasPrefix("step") ? settings.innerRecurrence : settings.recurrence
            let recurrences = function.unrolled ?? usual
            let cost = TapeCost(of: function, in: schedule, rows: 1, recurrences: recurrences, context: 0)
            return Function(
                sizes: FunctionReport(function),
                call: Call(
                    recurrences: recurrences, instructions: cost.instructions, barriers: cost.barriers,
                    weightBytes: cost.weightBytes))
        }
    }

    var text: String {
        let stored = hasWeights ? "\(settings.weights.rawValue) weights" : "no weights"
        return "\(plan): \(megabytes(bytes)), \(stored), \(functions.count) functions, in \(decimals(seconds, 1)) s"
    }
}
