/// A matrix or vector that functions read: a tensor of the checkpoint, or a range of a matrix's columns.
/// Written `weight @name : bf16[288,288] = @source[:, 288:576]`; without a source its name is the tensor's.
public struct Weight: Hashable, Sendable {
    /// Columns `from ..< to` of another tensor of the checkpoint.
    public struct Columns: Hashable, Sendable {
        /// The whole tensor's name.
        public var source: String
        /// The first column, and the one after the last.
        public var from: Int
        public var to: Int

        public init(of source: String, from: Int, to: Int) {
            self.source = source
            self.from = from
            self.to = to
        }
    }

    public var name: String
    /// Always of fixed extents. The element type is the one it is stored in for the executor, whatever the checkpoint's.
    public var type: TensorType
    /// Nil for a whole tensor of the checkpoint.
    public var columns: Columns?

    public init(_ name: String, _ type: TensorType, columns: Columns? = nil) {
        self.name = name
        self.type = type
        self.columns = columns
    }
}

/// Keys and values of one attention block for every position of every sequence.
/// Written `cache @name : f32[heads,dim]`, with `recurrent` after it when it keeps entries of several recurrences.
public struct Cache: Hashable, Sendable {
    public var name: String
    /// `f32[heads,dim]`: one position's keys, and as many values.
    public var type: TensorType
    /// Whether the caller's budget B applies: recurrence t then uses entry t mod B of a position. See ``CacheState``.
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

/// A whole program: what passes take and give.
public struct Module: Hashable, Sendable {
    public var weights: [Weight]
    public var caches: [Cache]
    public var functions: [Function]

    public init(weights: [Weight] = [], caches: [Cache] = [], functions: [Function] = []) {
        self.weights = weights
        self.caches = caches
        self.functions = functions
    }

    /// The first declaration of that name, or nil; all three search the list.
    public func weight(_ name: String) -> Weight? { weights.first { $0.name == name } }
    public func cache(_ name: String) -> Cache? { caches.first { $0.name == name } }
    public func function(_ name: String) -> Function? { functions.first { $0.name == name } }
}
