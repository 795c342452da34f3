import IR
import NumberFormats
import Plans

/// The formats that matrices are stored in: for each the format of the first rule whose pattern matches its name, or the
/// standard one if there is no such rule.
public struct MatrixFormats: Hashable, Sendable {
    /// The format of a matrix that no rule is for.
    public var standard: ElementType
    /// The rules, of which the first that matches counts.
    public var rules: [WeightRule]

    public init(_ standard: ElementType, rules: [WeightRule] = []) {
        self.standard = standard
        self.rules = rules
    }

    /// The format that a matrix is stored in.
    public func format(of weight: Weight) -> ElementType { rules.first { $0.covers(weight) }?.format ?? standard }
}

extension WeightRule {
    /// Whether the rule is for this weight: by its name, or by that of a tensor that it is made of.
    func covers(_ weight: Weight) -> Bool {
        let pattern = NamePattern(pattern)
        return pattern.matches(weight.name) || weight.pieces.contains { pattern.matches($0.tensor) }
    }
}
