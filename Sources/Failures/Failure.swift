/// A failure, described by a sentence for the user: what is wrong, where, and what can be done about it.
///
/// Modules name their own by an alias, such as `PlanError` for `Failure<Plan>`. The subject only tells these types apart.
public struct Failure<Subject>: Error, Hashable, CustomStringConvertible {
    public var description: String

    public init(_ description: String) { self.description = description }
}
