import Architectures
import Compiler
import IR
import NumberFormats
import Plans

/// The choices that a user can make for a compilation. ``PlanSettings`` are their outcome for one checkpoint.
public struct CompilationSettings: Hashable, Sendable {
    /// The format of matrices that no rule is for.
    public var weights: ElementType
    /// The formats of matrices by name, or by the words `embedding` and `head`. The first rule that matches counts.
    public var weightRules: [WeightRule]
    /// The recurrences of a decode to unroll; the checkpoint's own mean if nil.
    public var recurrence: Int?
    /// The recurrences of a sampler's step to unroll; nil for the usual number, which depends on the model.
    public var innerRecurrence: Int?
    /// The maximum number of rows in a call; the context if nil.
    public var maxRows: Int?
    /// The length of the longest sequence; the checkpoint's if nil.
    public var context: Int?
    /// The compiler's passes to run, in order; all in the standard order if nil.
    public var passes: [String]?

    public init(
        weights: ElementType = .f32, weightRules: [WeightRule] = [], recurrence: Int? = nil,
        innerRecurrence: Int? = nil,
        maxRows: Int? = nil, context: Int? = nil, passes: [String]? = nil
    ) {
        self.weights = weights
        self.weightRules = weightRules
        self.recurrence = recurrence
        self.innerRecurrence = innerRecurrence
        self.maxRows = maxRows
        self.context = context
        self.passes = passes
    }
}

/// Compiles an architecture's configuration to a schedule, which needs no weights: the functions, the compiler's passes,
/// and the tapes. It is deterministic, so that a plan's graphs can be shown again from its configuration at every stage.
public struct ModelCompiler: Sendable {
    /// The maximum number of recurrences that are unrolled. Each adds some hundred instructions to the tape.
    public static let maxUnrolled = UnrollRecurrences.maxIterations
    /// r' of arXiv 2510.14961, section 4.
    private static let defaultInnerRecurrence = 4

    public let architecture: any Architecture
    public internal(set) var settings: PlanSettings

    /// - Throws: ``CompilerError`` if the settings do not fit the model.
    public init(_ architecture: any Architecture, _ settings: CompilationSettings) throws {
        func bounded(_ value: Int, _ name: String, _ range: ClosedRange<Int>) throws -> Int {
            guard range.contains(value) else {
                throw CompilerError(
                    "\(name) is \(value); it has to be from \(range.lowerBound) to \(range.upperBound) for this checkpoint."
                )
            }
            return value
        }
        let shape = architecture.shape
        let context = try bounded(settings.context ?? shape.context, "The context", 1...shape.context)
        // A mean that is too deep to unroll is no mistake of the user's: such a depth runs as a loop.
        let recurrence = settings.recurrence ?? min(shape.recurrence, Self.maxUnrolled)
        let inner = settings.innerRecurrence ?? Self.innerRecurrence(architecture.facts)
        self.init(
            architecture,
            settings: PlanSettings(
                model: architecture.facts, width: shape.width, vocabulary: shape.vocabulary, context: context,
                maxRows: try bounded(settings.maxRows ?? context, "The number of rows", 1...context),
                weights: settings.weights,
                weightRules: try Self.rules(settings.weightRules, architecture.vocabularyMatrices),
                recurrence: try bounded(recurrence, "The recurrence", 0...Self.maxUnrolled),
                innerRecurrence: try bounded(inner, "The inner recurrence", 1...Self.maxUnrolled),
                passes: settings.passes ?? Pipeline.standardNames))
        _ = try pipeline
    }

    /// The recurrences of a step of the usual sampler: 4 of diffusion forcing, 1 of a lossless wavefront over a few loops.
    private static func innerRecurrence(_ model: ModelFacts) -> Int {
        model.injectsInput ? defaultInnerRecurrence : 1
    }

    /// Replaces the words `embedding` and `head` in rules by the names of those matrices.
    private static func rules(_ rules: [WeightRule], _ matrices: VocabularyMatrices) throws -> [WeightRule] {
        let formats = ["embedding", "head"].map { word in rules.first { $0.pattern == word }?.format }
        if matrices.embedding == matrices.head, let embedding = formats[0], let head = formats[1], embedding != head {
            throw CompilerError(
                "The checkpoint has one matrix for embedding and head, so it cannot be \(embedding) for one and "
                    + "\(head) for the other. Give both the same format.")
        }
        return rules.map { rule in
            switch rule.pattern {
            case "embedding": WeightRule(pattern: matrices.embedding, format: rule.format)
            case "head": WeightRule(pattern: matrices.head, format: rule.format)
            default: rule
            }
        }
    }

    /// Prepares the compilation that an existing plan came from.
    public init(_ architecture: any Architecture, settings: PlanSettings) {
        self.architecture = architecture
        self.settings = settings
    }

    /// The settings as the compiler, which knows no model, takes them: `decode` is specialized for a token at full depth
    /// and for a step of the lossless wavefront, `step` for a step of diffusion forcing.
    public var options: CompilerOptions {
        CompilerOptions(
            weights: settings.weights,
            rules: settings.weightRules,
            specializations: [FunctionName.Head.token, .logits].flatMap { head in
                let decodes = Set([settings.recurrence, settings.innerRecurrence]).sorted(by: >)
                let steps = settings.model.injectsInput ? [settings.innerRecurrence] : []
                return decodes.map { Specialization(FunctionName(.decode, head).description, recurrences: $0) }
                    + steps.map { Specialization(FunctionName(.step, head).description, recurrences: $0) }
            })
    }

    /// The passes that the settings name.
    /// - Throws: ``CompilerError`` if they cannot run together, which may be so in a plan of a newer echelon.
    public var pipeline: Pipeline {
        get throws { try Pipeline(options, passes: settings.passes) }
    }

    /// The model before any pass.
    public func sourceModule() throws -> Module { try architecture.module(context: settings.context) }

    /// Runs the passes. `observe` sees the module after each.
    public func lower(observe: (any Pass, Module) throws -> Void = { _, _ in }) throws -> Module {
        try pipeline.run(sourceModule(), observe: observe)
    }

    /// The tapes of a lowered module.
    public func schedule(_ lowered: Module) throws -> Schedule {
        try Compiler.schedule(lowered, specializations: options.specializations)
    }

    /// Everything in a plan except its weights.
    /// - Parameter documents: the checkpoint's text files by name.
    public func contents(_ lowered: Module, documents: [String: String]) throws -> PlanContents {
        PlanContents(settings: settings, schedule: try schedule(lowered), documents: documents)
    }
}
