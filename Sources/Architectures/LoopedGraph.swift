import IR

/// The parts of a looped model, written with a function builder. ``ModelFunctions`` composes the functions of a plan of
/// them. All rows are `f32[rows,E]`.
public protocol LoopedGraph {
    /// E, the width of the residual stream.
    var width: Int { get }

    /// Everything before the recurrences: the embedding of the tokens and, if the model has them, blocks that run once.
    func prelude(_ b: inout FunctionBuilder, _ rows: RowParameters, tokens: Value) -> Value

    /// One recurrence. Blocks that keep keys and values name `.induction` as their recurrence.
    /// - Parameter input: the prelude's output, for models that read it in every recurrence.
    func recurrence(_ b: inout FunctionBuilder, _ rows: RowParameters, state: Value, input: Value) -> Value

    /// The rows that stand for a state when states are compared: the state itself, or a norm of it.
    func latents(_ b: inout FunctionBuilder, of state: Value) -> Value

    /// The output λ of a gate that says whether a position has had enough recurrences, `f32[rows,1]` from 0 to 1; nil for a
    /// model without one.
    func exitGate(_ b: inout FunctionBuilder, of state: Value) -> Value?

    /// Everything after the recurrences: blocks that run once, the last norm and the head.
    /// - Returns: the logits, `f32[rows,V]`.
    func logits(_ b: inout FunctionBuilder, _ rows: RowParameters, state: Value, latents: Value) -> Value
}

extension LoopedGraph {
    public func exitGate(_ b: inout FunctionBuilder, of state: Value) -> Value? { nil }
}

/// The parameters that every function has, for blocks that read and write caches.
public struct RowParameters {
    /// The number of each row's sequence.
    public var slot: Value
    /// Each row's place in its sequence.
    public var position: Value
    /// The recurrences that each row's position has had before the call.
    public var depth: Value
    /// The states before the call.
    public var state: Value

    init(_ b: inout FunctionBuilder, width: Int) {
        slot = b.parameter("slot", .rows(.i32))
        position = b.parameter("position", .rows(.i32))
        depth = b.parameter("depth", .rows(.i32))
        state = b.parameter("state", .rows(.f32, width))
    }
}
