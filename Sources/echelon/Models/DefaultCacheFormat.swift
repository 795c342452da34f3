import Plans
import Runtime

extension CacheFormat {
    /// The default cache format: f32 if every matrix is f32, so that the plan stays an exact reference. Otherwise bf16,
    /// because the packed weights are already rounded at least as coarsely.
    init(for schedule: Schedule) { self = schedule.weights.contains { $0.format != .f32 } ? .bf16 : .f32 }
}
