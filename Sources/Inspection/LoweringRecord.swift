import Compiler
import Failures
import IR
import PlanBuilder

/// The modules of a pipeline: the one before all passes, and one after each pass.
public struct LoweringRecord: Sendable {
    /// A stage of the pipeline.
    public struct Stage: Sendable {
        /// The name: `source` or that of the pass. If a pass runs again, `.2`, `.3`, … is added.
        public var name: String
        /// The name of the pass; nil for the stage before all passes.
        var pass: String?
        /// The effect of the pass, in one sentence.
        public var summary: String
        /// The module after the pass.
        public var module: Module
    }

    /// The name of the stage before all passes.
    public static let source = "source"

    /// The stages in order. The first is ``source``.
    public private(set) var stages: [Stage]

    /// Runs the passes of the model.
    /// - Throws: the errors of the passes and of their verifier.
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

    /// The module from which tapes are made.
    public var lowered: Module { stages[stages.count - 1].module }

    /// The index of the stage with the name; nil if there is no such stage.
    public func index(of name: String) -> Int? { stages.firstIndex { $0.name == name } }
}

/// The error of a plan that cannot be inspected.
public typealias InspectionError = Failure<Inspection>
