/// A value during rendering: the Python values that templates can see.
///
/// Values are immutable, as in the sandbox in which transformers renders; only a namespace's attributes can change.
enum RenderValue {
    /// The value of a missing variable or attribute; the text says what is missing.
    case undefined(String)
    case none
    case boolean(Bool)
    case integer(Int)
    case float(Double)
    case string(String)
    case sequence(SequenceKind, RenderItems)
    case stream(RenderStream)
    case dictionary(RenderDictionary)
    case namespace(RenderNamespace)
    case loop(RenderLoop)
    case function(RenderFunction)

    enum SequenceKind {
        case list, tuple, range
        /// The result of `keys()`, `values()` and `items()`: it can be visited and counted, not indexed.
        case view
    }

    /// Python's name of the type, for messages.
    var typeName: String {
        switch self {
        case .undefined: "an undefined value"
        case .none: "none"
        case .boolean: "a boolean"
        case .integer: "an integer"
        case .float: "a float"
        case .string: "a string"
        case .sequence(.list, _): "a list"
        case .sequence(.tuple, _): "a tuple"
        case .sequence(.range, _): "a range"
        case .sequence(.view, _): "a dictionary's view"
        case .stream: "a generator"
        case .dictionary: "a dictionary"
        case .namespace: "a namespace"
        case .loop: "the loop variable"
        case .function: "a function"
        }
    }

    /// The number of levels of lists and dictionaries.
    var depth: Int {
        switch self {
        case .sequence(_, let items): items.depth
        case .stream(let stream): stream.depth
        case .dictionary(let dictionary): dictionary.depth
        default: 0
        }
    }

    /// The number of values inside this one, as often as they occur. A long text counts as several.
    var weight: Int {
        switch self {
        case .string(let text): 1 + text.utf8.count / 64
        case .sequence(_, let items): items.weight
        case .stream(let stream): stream.weight
        case .dictionary(let dictionary): dictionary.weight
        default: 1
        }
    }

    var isUndefined: Bool {
        if case .undefined = self { return true }
        return false
    }

    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .boolean(let value): value
        case .integer(let value): value != 0
        case .float(let value): value != 0
        case .string(let text): !text.isEmpty
        case .sequence(_, let items): !items.elements.isEmpty
        case .dictionary(let dictionary): !dictionary.entries.isEmpty
        case .loop(let loop): !loop.elements.isEmpty
        case .stream, .namespace, .function: true
        }
    }
}

/// The elements of a sequence, with the numbers that bound a walk over them.
struct RenderItems {
    let elements: [RenderValue]
    let depth: Int
    let weight: Int

    init(_ elements: [RenderValue], budget: TemplateBudget) throws {
        try budget.make(bytes: elements.count * MemoryLayout<RenderValue>.stride)
        (depth, weight) = try Self.measure(elements)
        self.elements = elements
    }

    /// The depth and weight of something that holds `elements`. Refuses functions, namespaces and loops, because they
    /// refer to values that can change and so could contain themselves.
    static func measure(_ elements: some Sequence<RenderValue>) throws -> (depth: Int, weight: Int) {
        var depth = 0
        var weight = 1
        for element in elements {
            switch element {
            case .namespace, .loop, .function:
                throw TemplateFault("\(element.typeName) cannot be put into a list, a dictionary or a namespace")
            default: break
            }
            depth = max(depth, element.depth)
            weight += element.weight
            guard weight <= TemplateLimits.valueWeight else {
                throw TemplateFault("a list or dictionary holds more than \(TemplateLimits.valueWeight) values")
            }
        }
        guard depth < TemplateLimits.valueDepth else {
            throw TemplateFault("lists or dictionaries are nested more than \(TemplateLimits.valueDepth) levels deep")
        }
        return (depth + 1, weight)
    }
}

/// The result of `map`, `select` and similar filters: it can be visited once and is always true.
final class RenderStream {
    private var items: RenderItems?
    let depth: Int
    let weight: Int

    init(_ items: RenderItems) {
        self.items = items
        depth = items.depth
        weight = items.weight
    }

    func take() -> [RenderValue] {
        defer { items = nil }
        return items?.elements ?? []
    }
}

/// Keys and values in the order of insertion.
struct RenderDictionary {
    let entries: [(key: RenderValue, value: RenderValue)]
    private let positions: [RenderValue: Int]
    let depth: Int
    let weight: Int

    /// A key that occurs twice keeps its first place and its last value.
    init(_ pairs: [(key: RenderValue, value: RenderValue)], budget: TemplateBudget) throws {
        try budget.make(bytes: pairs.count * 4 * MemoryLayout<RenderValue>.stride)
        (depth, weight) = try RenderItems.measure(pairs.lazy.flatMap { [$0.key, $0.value] })
        var entries: [(key: RenderValue, value: RenderValue)] = []
        var positions: [RenderValue: Int] = [:]
        for pair in pairs {
            guard pair.key.isHashable else {
                throw TemplateFault("\(pair.key.typeName) cannot be a dictionary's key")
            }
            if let position = positions[pair.key] {
                entries[position].value = pair.value
            } else {
                positions[pair.key] = entries.count
                entries.append(pair)
            }
        }
        self.entries = entries
        self.positions = positions
    }

    subscript(key: RenderValue) -> RenderValue? {
        key.isHashable ? positions[key].map { entries[$0].value } : nil
    }
}

/// `namespace(…)`: attributes that a template can set from any scope.
final class RenderNamespace {
    private(set) var attributes: [String: RenderValue] = [:]

    func set(_ name: String, to value: RenderValue) throws {
        _ = try RenderItems.measure(CollectionOfOne(value))
        attributes[name] = value
    }
}

/// The variable `loop`: the progress of a `for`.
final class RenderLoop {
    let elements: [RenderValue]
    var index = 0

    init(_ elements: [RenderValue]) { self.elements = elements }
}

/// A value that a template can call.
final class RenderFunction {
    let name: String
    let call: (TemplateEvaluator, RenderArguments) throws -> RenderValue

    init(_ name: String, call: @escaping (TemplateEvaluator, RenderArguments) throws -> RenderValue) {
        self.name = name
        self.call = call
    }
}

// MARK: Equality

/// Equality and hashing as in Python: `1 == 1.0 == true`, text by code points, and a list never equals a tuple.
extension RenderValue: Hashable {
    /// A number as Python compares it, booleans included.
    var number: Double? {
        switch self {
        case .boolean(let value): value ? 1 : 0
        case .integer(let value): Double(value)
        case .float(let value): value
        default: nil
        }
    }

    var isHashable: Bool {
        switch self {
        case .sequence(.tuple, let items): items.elements.allSatisfy(\.isHashable)
        case .sequence(.list, _), .sequence(.view, _), .dictionary: false
        default: true
        }
    }

    static func == (left: RenderValue, right: RenderValue) -> Bool {
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.string(let a), .string(let b)): return a.utf8.elementsEqual(b.utf8)
        case (.sequence(let kind, let a), .sequence(let other, let b)):
            return kind == other && a.elements == b.elements
        case (.dictionary(let a), .dictionary(let b)):
            return a.entries.count == b.entries.count
                && a.entries.allSatisfy { entry in b[entry.key].map { $0 == entry.value } ?? false }
        case (.stream(let a), .stream(let b)): return a === b
        case (.namespace(let a), .namespace(let b)): return a === b
        case (.loop(let a), .loop(let b)): return a === b
        case (.function(let a), .function(let b)): return a === b
        default:
            if let a = left.wholeNumber, let b = right.wholeNumber { return a == b }
            guard let a = left.number, let b = right.number else { return false }
            return a == b
        }
    }

    func hash(into hasher: inout Hasher) {
        switch self {
        case .string(var text):
            text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        case .sequence(_, let items):
            for element in items.elements { element.hash(into: &hasher) }
        default:
            hasher.combine(number)
        }
    }
}
