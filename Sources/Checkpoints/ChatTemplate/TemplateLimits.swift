/// What a template may use. A template comes with a checkpoint, from outside, so that none may hang or crash the
/// program: each limit lies far above what chat templates need, and passing one is an error like any other.
enum TemplateLimits {
    /// Bytes of a template's source. Published chat templates stay below 20 kB.
    static let sourceBytes = 1 << 20
    /// Levels of blocks, brackets and operators inside each other in the source. The parser recurses this deep.
    static let nesting = 100
    /// Levels of evaluation inside each other, macro calls included. The evaluator recurses this deep.
    static let evaluationDepth = 150
    /// Lists and dictionaries inside each other. Printing, comparing and releasing a value recurse this deep.
    static let valueDepth = 50
    /// Values inside a value, counted as often as they occur, so that a list of lists that share their elements
    /// cannot describe more than can be visited.
    static let valueWeight = 1 << 22
    /// Evaluated nodes and visited elements in one rendering.
    static let steps = 2_000_000
    /// Bytes of text and elements made in one rendering, dropped ones included.
    static let bytes = 256 << 20
    /// Numbers in a `range`: what Jinja2's sandbox allows (`MAX_RANGE`).
    static let rangeLength = 100_000
}

/// What one rendering has used so far.
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

    /// Accounts for a walk over a text's code points, several of which take the time of a step.
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
