/// `namespace(…)`: attributes that a template can set from any scope.
final class RenderNamespace {
    private(set) var attributes: [(name: String, value: RenderValue)] = []
    private var positions: [String: Int] = [:]

    subscript(name: String) -> RenderValue? { positions[name].map { attributes[$0].value } }

    func set(_ name: String, to value: RenderValue) throws {
        guard !name.hasPrefix("_") else {
            throw TemplateFault("a namespace has no attribute '\(name)', because names that begin with '_' are private")
        }
        _ = try RenderItems.measure(CollectionOfOne(value))
        if let position = positions[name] {
            attributes[position].value = value
        } else {
            positions[name] = attributes.count
            attributes.append((name, value))
        }
    }

    /// Drops the attributes, which may refer to the namespace itself.
    func clear() { (attributes, positions) = ([], [:]) }
}

/// The variable `loop`: the progress of a `for`.
final class RenderLoop {
    let items: RenderItems
    /// The number of loops around this one that called it; 0 for the outermost.
    let depth: Int
    var index = 0
    /// The arguments of the last call of `loop.changed`.
    var lastChanged: [RenderValue]?
    /// Renders the loop's body with other elements; nil if the loop is not recursive.
    let recurse: ((TemplateEvaluator, RenderValue) throws -> RenderValue)?

    init(
        _ items: RenderItems, depth: Int, recurse: ((TemplateEvaluator, RenderValue) throws -> RenderValue)?
    ) {
        self.items = items
        self.depth = depth
        self.recurse = recurse
    }
}

/// A value that a template can call.
final class RenderFunction {
    let name: String
    /// The text that printing the function writes; nil for functions whose text would be an address in memory.
    let shown: String?
    /// Attributes besides the call: those of macros, cyclers and `dict`.
    let attributes: (String) throws -> RenderValue?
    /// The levels of the values that the function holds, and itself.
    let depth: Int
    let isCallable: Bool
    let call: (TemplateEvaluator, RenderArguments) throws -> RenderValue

    init(
        _ name: String, shown: String? = nil, depth: Int = 0, isCallable: Bool = true,
        attributes: @escaping (String) throws -> RenderValue? = { _ in nil },
        call: @escaping (TemplateEvaluator, RenderArguments) throws -> RenderValue
    ) {
        self.name = name
        self.shown = shown
        self.depth = depth
        self.isCallable = isCallable
        self.attributes = attributes
        self.call = call
    }
}
