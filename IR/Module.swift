/// The keys and values of one attention block for every position of every sequence. The text form is
/// `cache @name : f32[heads,dim]`, followed by `recurrent` if the cache keeps entries of several recurrences.
public struct Cache: Hashable, Sendable {
    /// The name, without `@`.
    public var name: String
    /// The type `f32[heads,dim]` of a position's keys, and of its values.
    public var type: TensorType
    /// Whether the caller's budget B applies: recurrence t then uses entry t mod B of a position, see ``CacheState``.
    public var isRecurrent: Bool

    public init(_ name: String, _ type: TensorType, isRecurrent: Bool) {
        self.name = name
        self.type = type
        self.isRecurrent = isRecurrent
    }
}

/// A value that a function returns, and the name by which callers know it: `return %s.4 as state`. The name is the
/// value's own if the text gives none.
public struct NamedResult: Hashable, Sendable {
    public var name: String
    public var value: Value

    public init(_ name: String, _ value: Value) {
        self.name = name
        self.value = value
    }
}

/// A function: named parameters, operations in order, named results.
public struct Function: Hashable, Sendable {
    public var name: String
    public var parameters: [Value]
    public var operations: [Operation]
    public var results: [NamedResult]

    public init(_ name: String, parameters: [Value], operations: [Operation] = [], results: [NamedResult] = []) {
        self.name = name
        self.parameters = parameters
        self.operations = operations
        self.results = results
    }

    /// The values that the function returns.
    public var returns: [Value] { results.map(\.value) }
}

/// A whole program: the input and the output of a pass.
public struct Module: Hashable, Sendable {
    public var weights: [Weight]
    public var caches: [Cache]
    public var functions: [Function]

    public init(weights: [Weight] = [], caches: [Cache] = [], functions: [Function] = []) {
        self.weights = weights
        self.caches = caches
        self.functions = functions
    }

    /// The first weight with the name; nil if there is no such weight. The search is linear.
    public func weight(_ name: String) -> Weight? { weights.first { $0.name == name } }
    /// The first cache with the name; nil if there is no such cache. The search is linear.
    public func cache(_ name: String) -> Cache? { caches.first { $0.name == name } }
    /// The first function with the name; nil if there is no such function. The search is linear.
    public func function(_ name: String) -> Function? { functions.first { $0.name == name } }
}
