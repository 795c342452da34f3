/// A value during rendering: the Python values that templates can see.
///
/// Values are immutable, as in the sandbox in which transformers renders. Namespaces, loops and functions are references:
/// they stay the same object in a list or a variable.
enum RenderValue {
    /// The value of a missing variable or attribute; the text says what is missing.
    case undefined(String)
    case none
    case boolean(Bool)
    case integer(Int)
    case float(Double)
    case string(String)
    /// Text that is escaped for HTML already, the result of `escape` and `safe`: what is added to it is escaped.
    case markup(String)
    case sequence(SequenceKind, RenderItems)
    case stream(RenderStream)
    case dictionary(RenderDictionary)
    case namespace(RenderNamespace)
    case loop(RenderLoop)
    case function(RenderFunction)

    enum SequenceKind {
        case list, tuple
        case range(RenderRange)
        /// An element of what `groupby` returns: a tuple whose parts are also the attributes `grouper` and `list`.
        case group
        case view(View)

        /// The results of `keys()`, `values()` and `items()`: they can be visited and counted, not indexed.
        enum View: String { case keys, values, items }

        /// Python's type; kinds of the same type can be equal.
        enum PythonType { case list, tuple, range, view }

        var type: PythonType {
            switch self {
            case .list: .list
            case .tuple, .group: .tuple
            case .range: .range
            case .view: .view
            }
        }

        var isView: Bool { type == .view }
        /// Whether sequences of this kind can be joined, repeated and ordered.
        var isGrowing: Bool { type == .list || type == .tuple }
        /// The kind of a part of such a sequence, or of several of them.
        var grown: SequenceKind { type == .list ? .list : .tuple }
    }

    /// Python's name of the type, for messages.
    var typeName: String {
        switch self {
        case .undefined: "an undefined value"
        case .none: "none"
        case .boolean: "a boolean"
        case .integer: "an integer"
        case .float: "a float"
        case .string, .markup: "a string"
        case .sequence(let kind, _):
            switch kind.type {
            case .list: "a list"
            case .tuple: "a tuple"
            case .range: "a range"
            case .view: "a dictionary's view"
            }
        case .stream: "a generator"
        case .dictionary: "a dictionary"
        case .namespace: "a namespace"
        case .loop: "the loop variable"
        case .function: "a function"
        }
    }

    /// The number of levels of values that hold values. A namespace starts anew, because the evaluator empties it.
    var depth: Int {
        switch self {
        case .sequence(_, let items): items.depth
        case .stream(let stream): stream.depth
        case .dictionary(let dictionary): dictionary.depth
        case .loop(let loop): loop.items.depth
        case .function(let function): function.depth
        case .undefined, .none, .boolean, .integer, .float, .string, .markup, .namespace: 0
        }
    }

    /// The number of values inside this one, as often as they occur. A long text counts as several.
    var weight: Int {
        switch self {
        case .string(let text), .markup(let text): 1 + text.utf8.count / 64
        case .sequence(_, let items): items.weight
        case .dictionary(let dictionary): dictionary.weight
        default: 1
        }
    }

    /// The value, as an ordinary text if it is escaped text.
    var withoutMarkup: RenderValue {
        if case .markup(let text) = self { .string(text) } else { self }
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
        case .string(let text), .markup(let text): !text.isEmpty
        case .sequence(_, let items): !items.elements.isEmpty
        case .dictionary(let dictionary): !dictionary.entries.isEmpty
        case .loop(let loop): !loop.items.elements.isEmpty
        case .stream, .namespace, .function: true
        }
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
        case .sequence(let kind, let items):
            switch kind.type {
            case .list, .view: false
            case .range: true
            case .tuple: items.elements.allSatisfy(\.isHashable)
            }
        case .dictionary: false
        case .undefined, .none, .boolean, .integer, .float, .string, .markup, .stream, .namespace, .loop, .function:
            true
        }
    }

    static func == (left: RenderValue, right: RenderValue) -> Bool {
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.markup, _), (_, .markup): return left.withoutMarkup == right.withoutMarkup
        case (.string(let a), .string(let b)): return a.utf8.elementsEqual(b.utf8)
        case (.sequence(let kind, let a), .sequence(let other, let b)):
            return kind.type == other.type && a.elements == b.elements
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
        case .string(var text), .markup(var text):
            text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        case .sequence(_, let items):
            for element in items.elements { element.hash(into: &hasher) }
        default:
            hasher.combine(number)
        }
    }
}
