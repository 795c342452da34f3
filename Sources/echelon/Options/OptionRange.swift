/// Checks that an option's number, if one is given, is in its range.
/// - Throws: ``UsageError`` if the number is out of range.
func requireOption(_ value: Int?, _ option: String, _ range: ClosedRange<Int>) throws {
    guard let value, !range.contains(value) else { return }
    throw UsageError("\(option) is \(value); it has to be from \(range.lowerBound) to \(range.upperBound).")
}
