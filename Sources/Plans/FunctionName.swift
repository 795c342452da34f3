/// The name of a model's function: what it computes, and what its head returns. In plans and in the IR it is spelled
/// `decode` or `decode.logits`.
public struct FunctionName: Hashable, Sendable, CustomStringConvertible {
    /// The computation of a function.
    public enum Kind: String, CaseIterable, Hashable, Sendable {
        /// The prelude, `recurrences` iterations of the core, the coda and the head, for the many rows of prompts.
        case prefill
        /// The computation of `prefill` for one row per sequence.
        case decode
        /// One step of diffusion forcing: the prelude, the embedding EMA, the state noise, `recurrences` iterations of
        /// the core, the coda, the head, and the change of every state.
        case step
        /// `recurrences` iterations of the core on states and prelude outputs of an earlier call, the coda and the head.
        case resume
    }

    /// The values that the head returns for every row.
    public enum Head: String, CaseIterable, Hashable, Sendable {
        /// The token of the largest logit.
        case token
        /// All logits, and the latents before the coda.
        case logits
        /// Nothing: neither the coda nor the head run.
        case state
    }

    public var kind: Kind
    public var head: Head

    public init(_ kind: Kind, _ head: Head = .token) {
        self.kind = kind
        self.head = head
    }

    /// - Returns: nil if no function of a model has this name.
    public init?(_ text: String) {
        let names = Kind.allCases.flatMap { kind in Head.allCases.map { FunctionName(kind, $0) } }
        guard let name = names.first(where: { $0.description == text }) else { return nil }
        self = name
    }

    public var description: String { head == .token ? kind.rawValue : "\(kind.rawValue).\(head.rawValue)" }
}

extension ScheduledFunction {
    /// The name of a function's copy that is unrolled, `decode.r32`, or of the looping form, `decode`.
    public static func label(_ name: String, unrolled: Int?) -> String { unrolled.map { "\(name).r\($0)" } ?? name }

    /// The name with the recurrences that the tape is unrolled for, as ``FunctionName/label(_:unrolled:)`` gives it.
    public var label: String { Self.label(name, unrolled: unrolled) }
}

extension PlanSettings {
    /// The usual number of recurrences of a function: those that it is unrolled for, or else those that the plan was
    /// compiled for.
    public func recurrences(of function: ScheduledFunction) -> Int {
        function.unrolled ?? (FunctionName(function.name)?.kind == .step ? innerRecurrence : recurrence)
    }
}
