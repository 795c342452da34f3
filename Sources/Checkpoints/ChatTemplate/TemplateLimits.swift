/// The resources that a template may use. Templates are untrusted and must not hang or crash the program. Each limit is
/// far above the needs of chat templates, and exceeding one is an ordinary error.
enum TemplateLimits {
    /// The maximum number of bytes of a template's source. Published chat templates stay below 20 kB.
    static let sourceBytes = 1 << 20
    /// The maximum nesting of blocks, brackets and operators in the source: the depth of the parser's recursion.
    static let nesting = 100
    /// The maximum nesting of evaluation, including macro calls: the depth of the evaluator's recursion.
    static let evaluationDepth = 150
    /// The maximum nesting of lists and dictionaries: the depth of the recursion of printing, comparing and releasing a
    /// value.
    static let valueDepth = 50
    /// The maximum number of values inside a value, counted as often as they occur, so that a list of lists that share
    /// their elements cannot describe more than can be visited.
    static let valueWeight = 1 << 22
    /// The maximum number of evaluated nodes and visited elements in one rendering.
    static let steps = 2_000_000
    /// The maximum number of bytes of text and elements made in one rendering, including dropped ones.
    static let bytes = 256 << 20
    /// The maximum width and precision of a number or a text that is formatted.
    static let formatWidth = 100_000
    /// The number of bytes charged for a namespace, or for a scope that a function keeps.
    static let referenceBytes = 256
    /// The maximum number of elements of a `range`, that of Jinja2's sandbox (`MAX_RANGE`).
    static let rangeLength = 100_000
}

/// The resources that one rendering has used so far.
final class TemplateBudget {
    private var steps = 0
    private var bytes = 0

    /// Accounts for `count` evaluated nodes or visited elements.
    func visit(_ count: Int = 1) throws {
        guard count <= TemplateLimits.steps - steps else {
            throw TemplateFault("the template takes more than \(TemplateLimits.steps) steps; it may loop without end")
        }
        steps += count
    }

    /// Accounts for a walk over a text's code points, several of which count as one step.
    func visit(text: String) throws {
        try visit(text.utf8.count / 8)
    }

    /// Accounts for `count` bytes that are about to be made. Called before the memory is taken.
    func make(bytes count: Int) throws {
        guard count <= TemplateLimits.bytes - bytes else {
            throw TemplateFault("the template makes more than \(TemplateLimits.bytes >> 20) MiB of text and lists")
        }
        bytes += count
    }
}
