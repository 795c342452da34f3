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
