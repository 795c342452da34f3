// Sizes of padded extents. Those that come from a plan file are checked: a result is nil if it overflows or an extent is
// negative.

extension Int {
    /// The next multiple of `multiple`.
    func roundedUp(to multiple: Int) -> Int { (self + multiple - 1) / multiple * multiple }
}

func checkedRoundedUp(_ extent: Int, to multiple: Int) -> Int? {
    extent < 0 ? nil : checkedSum(extent, multiple - 1).map { $0 / multiple * multiple }
}

func checkedSum(_ a: Int?, _ b: Int) -> Int? {
    guard let (sum, overflow) = a?.addingReportingOverflow(b) else { return nil }
    return overflow ? nil : sum
}

func checkedProduct(_ factors: Int?...) -> Int? {
    factors.reduce(1) { partial, factor in
        guard let partial, let factor, factor >= 0 else { return nil }
        let (value, overflow) = partial.multipliedReportingOverflow(by: factor)
        return overflow ? nil : value
    }
}
