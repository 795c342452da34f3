import NumberFormats

/// The JSON of `echelon models`: the families of models, or one model.
package struct ModelsReport: Codable, Sendable {
    package var families: [Family]
    /// The model that was asked for; nil if none was.
    package var model: Model?

    package init(families: [Family], model: Model? = nil) {
        self.families = families
        self.model = model
    }

    package struct Family: Codable, Sendable {
        package var name: String
        package var title: String
        package var paper: String
        package var checkpoints: [String]
        /// The word for one run of the recurrent block.
        package var loopWord: String
        package var injectsInput: Bool
        package var readsEarly: Bool
        package var sharesCaches: Bool
        package var hasExitGate: Bool
        package var samplers: [Sampler]
        package var notes: [String]

        package init(
            name: String, title: String, paper: String, checkpoints: [String], loopWord: String, injectsInput: Bool,
            readsEarly: Bool, sharesCaches: Bool, hasExitGate: Bool, samplers: [Sampler], notes: [String]
        ) {
            self.name = name
            self.title = title
            self.paper = paper
            self.checkpoints = checkpoints
            self.loopWord = loopWord
            self.injectsInput = injectsInput
            self.readsEarly = readsEarly
            self.sharesCaches = sharesCaches
            self.hasExitGate = hasExitGate
            self.samplers = samplers
            self.notes = notes
        }

        enum CodingKeys: String, CodingKey {
            case name, title, paper, checkpoints, samplers, notes
            case loopWord = "loop_word"
            case injectsInput = "injects_input"
            case readsEarly = "reads_early"
            case sharesCaches = "shares_caches"
            case hasExitGate = "has_exit_gate"
        }
    }

    package struct Sampler: Codable, Sendable {
        package var name: SamplerKind
        /// The reason why the sampler cannot run the family; nil if it can.
        package var obstacle: String?

        package init(name: SamplerKind, obstacle: String?) {
            self.name = name
            self.obstacle = obstacle
        }
    }

    package struct Model: Codable, Sendable {
        package var family: String
        package var width: Int
        package var vocabulary: Int
        package var context: Int
        /// The default number of recurrences.
        package var recurrence: Int
        package var parameters: Int
        /// The bytes of all weights in each format.
        package var weightBytes: [String: Int]
        /// The number of cache entries of a position in each recurrent block, by default.
        package var cacheBudget: Int
        /// The bytes of a position's keys and values in each cache format, with that number of entries.
        package var cacheBytesPerPosition: [String: Int]
        /// The tensors that the model reads from its checkpoint.
        package var tensors: [Tensor]

        package init(
            family: String, width: Int, vocabulary: Int, context: Int, recurrence: Int, parameters: Int,
            weightBytes: [String: Int], cacheBudget: Int, cacheBytesPerPosition: [String: Int], tensors: [Tensor]
        ) {
            self.family = family
            self.width = width
            self.vocabulary = vocabulary
            self.context = context
            self.recurrence = recurrence
            self.parameters = parameters
            self.weightBytes = weightBytes
            self.cacheBudget = cacheBudget
            self.cacheBytesPerPosition = cacheBytesPerPosition
            self.tensors = tensors
        }

        enum CodingKeys: String, CodingKey {
            case family, width, vocabulary, context, recurrence, parameters, tensors
            case weightBytes = "weight_bytes"
            case cacheBudget = "cache_budget"
            case cacheBytesPerPosition = "cache_bytes_per_position"
        }
    }

    package struct Tensor: Codable, Sendable {
        package var name: String
        package var shape: [Int]

        package init(name: String, shape: [Int]) {
            self.name = name
            self.shape = shape
        }
    }
}
