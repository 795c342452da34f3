/// A matrix or vector that functions read: a tensor of the checkpoint, or a range of a matrix's columns. The text form
/// is `weight @name : bf16[288,288] = @source[:, 288:576]`. Without a source, the name is also that of the tensor.
public struct Weight: Hashable, Sendable {
    /// The columns `from ..< to` of another tensor of the checkpoint.
    public struct Columns: Hashable, Sendable {
        /// The name of the whole tensor.
        public var source: String
        /// The first column.
        public var from: Int
        /// The column after the last one.
        public var to: Int

        public init(of source: String, from: Int, to: Int) {
            self.source = source
            self.from = from
            self.to = to
        }
    }

    /// The name, without `@`.
    public var name: String
    /// The type, without the extent `rows`. The element type is the one that the executor stores, independent of the
    /// checkpoint's.
    public var type: TensorType
    /// The range of columns; nil if the weight is a whole tensor of the checkpoint.
    public var columns: Columns?

    public init(_ name: String, _ type: TensorType, columns: Columns? = nil) {
        self.name = name
        self.type = type
        self.columns = columns
    }
}

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

/// A function: named parameters, operations in order, returned values.
public struct Function: Hashable, Sendable {
    public var name: String
    public var parameters: [Value]
    public var operations: [Operation]
    public var returns: [Value]

    public init(_ name: String, parameters: [Value], operations: [Operation] = [], returns: [Value] = []) {
        self.name = name
        self.parameters = parameters
        self.operations = operations
        self.returns = returns
    }
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
