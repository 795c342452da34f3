import Failures

/// A request cannot be sampled, or the output of a model cannot be used.
public typealias SamplerError = Failure<any SequenceSampler>

/// A setting is out of its range, or contradicts another.
public typealias SettingError = Failure<GenerationSettings>

/// Requires `value` to be a finite number within `range`; an infinite upper bound leaves that side open.
/// - Throws: ``SettingError`` naming the setting.
func checkSetting(_ name: String, _ value: Float, in range: ClosedRange<Float>) throws {
    guard value.isFinite, range.contains(value) else {
        let expected =
            range.upperBound.isFinite
            ? "a number from \(range.lowerBound) to \(range.upperBound)"
            : "a finite number of at least \(range.lowerBound)"
        throw SettingError("The \(name) is \(value); it has to be \(expected).")
    }
}

/// Requires `value` to be at least `minimum` and to fit 32 bits, so that no sum of settings overflows.
/// - Throws: ``SettingError`` naming the setting.
func checkSetting(_ name: String, _ value: Int, atLeast minimum: Int) throws {
    guard value >= minimum, value <= Int(Int32.max) else {
        throw SettingError("The \(name) is \(value); it has to be a whole number from \(minimum) to \(Int32.max).")
    }
}
