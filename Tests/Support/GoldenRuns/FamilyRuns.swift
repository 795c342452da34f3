import Foundation
import RepositoryFiles
import Samplers

/// The recorded runs of a small random checkpoint of one family: greedy, from zero states, through stop tokens.
public struct FamilyRuns: Decodable, Sendable {
    /// The families with recorded runs, by the names of their folders and of their architectures.
    public static let names = ["ouro", "retrofitted-llama", "retrofitted-olmo", "nanbeige"]

    public struct EarlyExit: Decodable, Sendable {
        /// The index of its prompt.
        public var prompt: Int
        public var threshold: Float
        public var new_tokens: Int
        var total_ut_steps: Int
        /// The prompt, then the generated tokens.
        public var sequence: [Int32]
        /// The number of loops after which each generated token was read out.
        public var steps: [Int]

        /// Every position gets all its loops, whenever it is read out.
        public var settings: AdaptiveSettings {
            var settings = AdaptiveSettings(criterion: .exitGate)
            settings.recurrence = total_ut_steps
            settings.exitThreshold = threshold
            settings.completesDepth = true
            return settings
        }
    }

    public var prompts: [[Int32]]
    public var autoregressive: [GoldenRuns.Autoregressive]
    public var early_exit: [EarlyExit]?

    /// The folder of a family's checkpoint and recordings.
    public static func folder(_ name: String) -> URL { Repository.golden.appending(path: "families/\(name)") }

    public init(of name: String) throws {
        self = try GoldenFile.decode(FamilyRuns.self, "families/\(name)/golden.json")
    }
}
