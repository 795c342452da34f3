/// The median of some measurements: the lower of the two middle ones if their number is even, and 0 if there are none.
public func median(_ values: [Double]) -> Double {
    values.isEmpty ? 0 : values.sorted()[(values.count - 1) / 2]
}
