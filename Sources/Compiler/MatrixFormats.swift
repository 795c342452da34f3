import IR
import NumberFormats

/// Which element type each matrix is stored in: that of the first rule whose pattern matches its name, else the standard
/// one.
public struct MatrixFormats: Hashable, Sendable {
    /// An element type for the matrices whose names match a pattern.
    public struct Rule: Hashable, Sendable {
        public var pattern: NamePattern
        public var element: ElementType

        public init(_ pattern: String, _ element: ElementType) {
            self.pattern = NamePattern(pattern)
            self.element = element
        }

        /// Whether the rule is for this weight: by its name, or, for a range of a matrix's columns, by the matrix's.
        func covers(_ weight: Weight) -> Bool {
            pattern.matches(weight.name) || weight.columns.map { pattern.matches($0.source) } ?? false
        }
    }

    /// The element type of a matrix that no rule is for.
    public var standard: ElementType
    /// The first that matches counts.
    public var rules: [Rule]

    public init(_ standard: ElementType, rules: [Rule] = []) {
        self.standard = standard
        self.rules = rules
    }

    /// The element type that a matrix is stored in.
    public func element(of weight: Weight) -> ElementType {
        rules.first { $0.covers(weight) }?.element ?? standard
    }
}
