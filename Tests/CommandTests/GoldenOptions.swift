import GoldenRuns
import Samplers

/// The command lines that repeat recorded runs.
extension GoldenRuns.Autoregressive {
    var options: [String] {
        [
            "--sampler", "autoregressive", "--recurrence", "\(recurrence)", "--max-new-tokens", "\(new_tokens)",
            "--kv-budget", "\(cacheBudget)",
        ]
    }
}

extension GoldenRuns.Adaptive {
    var options: [String] {
        let settings = settings
        let options = [
            "--sampler", "adaptive", "--recurrence", "\(settings.recurrence)", "--max-new-tokens", "\(new_tokens)",
            "--criterion", settings.criterion.rawValue, "--exit-threshold", "\(settings.exitThreshold)",
        ]
        return settings.warmStart ? options + ["--warm-start"] : options
    }
}

extension GoldenRuns.Speculative {
    /// - Parameter promptCount: The length of the prompt.
    func options(promptCount: Int) -> [String] {
        let settings = settings
        return [
            "--sampler", "speculative", "--recurrence", "\(settings.recurrence)", "--draft-recurrence",
            "\(settings.draftRecurrence)", "--lookahead", "\(settings.lookahead)", "--accept-threshold",
            "\(settings.acceptThreshold)", "--max-new-tokens", "\(sequence.count - promptCount)",
        ]
    }
}

extension GoldenRuns.Settings {
    var options: [String] {
        let settings = diffusion
        var options = [
            "--sampler", "diffusion", "--max-new-tokens", "\(new_tokens)", "--headway", "\(settings.headway)",
            "--embedding-ema", "\(settings.embeddingEMA)", "--state-noise", "\(settings.stateNoise)",
            "--inner-recurrence", "\(settings.innerRecurrence)", "--recurrence", "\(settings.recurrence)",
            "--freeze", settings.freezeRule.rawValue, "--exit-threshold", "\(settings.exitThreshold)",
            "--max-wavefront", "\(settings.maxWavefront)", "--noise-form", settings.noiseForm.rawValue,
            "--noise-schedule", settings.noiseSchedule.rawValue,
        ]
        if settings.warmStart { options.append("--warm-start") }
        if !settings.prefill { options.append("--no-prefill") }
        return options
    }
}
