import Plans
import Runtime

/// The JSON that `compile --json` prints about a plan.
package struct CompileReport: Codable, Hashable, Sendable {
    /// A function's sizes and the cost of a call. In JSON, the keys of the sizes stand next to `call`.
    package struct Function: Codable, Hashable, Sendable {
        package var sizes: FunctionReport
        package var call: Call

        private enum CodingKeys: CodingKey { case call }

        init(_ sizes: FunctionReport, _ call: Call) {
            self.sizes = sizes
            self.call = call
        }

        package init(from decoder: any Decoder) throws {
            sizes = try FunctionReport(from: decoder)
            call = try decoder.container(keyedBy: CodingKeys.self).decode(Call.self, forKey: .call)
        }

        package func encode(to encoder: any Encoder) throws {
            try sizes.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(call, forKey: .call)
        }
    }

    /// The cost of a call with one row, at the first position.
    package struct Call: Codable, Hashable, Sendable {
        package var recurrences: Int
        /// Instructions that are executed: those in a loop count once per iteration, and so do barriers.
        package var instructions: Int
        package var barriers: Int
        package var weightBytes: Int
    }

    package var plan: String
    package var bytes: Int
    package var hasWeights: Bool
    package var seconds: Double
    package var settings: PlanSettings
    package var functions: [Function]

    package init(_ plan: Plan, path: String, took duration: Duration) {
        let (settings, schedule) = (plan.contents.settings, plan.contents.schedule)
        self.plan = path
        bytes = plan.byteCount
        hasWeights = plan.hasWeights
        seconds = duration / .seconds(1)
        self.settings = settings
        functions = schedule.functions.map { function in
            let recurrences = function.unrolled ?? settings.recurrences(of: function)
            let cost = TapeCost(of: function, in: schedule, rows: 1, recurrences: recurrences, context: 0)
            return Function(
                FunctionReport(function),
                Call(
                    recurrences: recurrences, instructions: cost.instructions, barriers: cost.barriers,
                    weightBytes: cost.weightBytes))
        }
    }
}
