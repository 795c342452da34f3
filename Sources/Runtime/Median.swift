/// The middle of some measurements, the lower one of two; 0 of none.
public func median(_ values: [Double]) -> Double {
    values.isEmpty ? 0 : values.sorted()[(values.count - 1) / 2]
}
