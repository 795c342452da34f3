import Checkpoints
import Foundation
import GoldenRuns
import NumberFormats
import PlanBuilder
import Plans
import RepositoryFiles
import Runtime
import Samplers

/// The models with which the recorded runs of Tests/Golden are repeated.
enum GoldenFiles {
    static let folder = Repository.golden
    static let wordmath = Repository.wordmath

    /// Compiles a checkpoint in memory, with the loops unrolled as for the runs.
    static func plan(
        _ folder: URL, weights: ElementType = .f32, recurrence: Int? = nil, innerRecurrence: Int = 4,
        passes: [String]? = nil
    ) throws -> Plan {
        let settings = CompilationSettings(
            weights: weights, recurrence: recurrence, innerRecurrence: innerRecurrence, passes: passes)
        return try CheckpointCompiler(Checkpoint(folder: folder.path), settings).plan()
    }

    static func plan(_ name: String, weights: ElementType = .f32) throws -> Plan {
        try plan(folder.appending(path: name), weights: weights)
    }

    /// The settings of the runs of random checkpoints: greedy, from zero states, through stop tokens.
    static func settings(newTokens: Int) -> GenerationSettings {
        var settings = GenerationSettings()
        settings.maxNewTokens = newTokens
        settings.initScale = 0
        settings.ignoreStopTokens = true
        return settings
    }
}
