import Compiler
import Failures
import IR
import PlanBuilder

/// A module at every stage of a pipeline: before all passes, and after each.
public struct LoweringRecord: Sendable {
    public struct Stage: Sendable {
        /// `source`, or the pass's name; of a pass that runs again, with `.2`, `.3`, … behind it.
        public var name: String
        /// The pass's name; nil before all passes.
        var pass: String?
        /// What the pass does, in a sentence.
        public var summary: String
        public var module: Module
    }

    /// The name of the stage before all passes.
    public static let source = "source"

    /// In order; the first is ``source``.
    public private(set) var stages: [Stage]

    /// Runs the model's passes, whichever they are.
    /// - Throws: what the passes or their verifier throw.
    public init(_ compiler: ModelCompiler) throws {
        var recorded = [
            Stage(name: Self.source, summary: "the model before any pass", module: try compiler.sourceModule())
        ]
        _ = try compiler.lower { pass, module in
            let runs = recorded.count { $0.pass == pass.name }
            recorded.append(
                Stage(
                    name: runs == 0 ? pass.name : "\(pass.name).\(runs + 1)", pass: pass.name, summary: pass.summary,
                    module: module))
        }
        stages = recorded
    }

    /// The module that tapes are made from.
    public var lowered: Module { stages[stages.count - 1].module }

    /// The index of a stage by its name.
    public func index(of name: String) -> Int? { stages.firstIndex { $0.name == name } }
}

/// A plan cannot be inspected.
public typealias InspectionError = Failure<Inspection>
