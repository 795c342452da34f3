import Checkpoints
import IR

/// A family of retrofitted models (arXiv 2511.07384). The two differ in the place of their norms.
protocol Retrofit: Architecture {
    static var norms: RavenGraph.Norms { get }
    var configuration: RetrofitConfiguration { get }
    init(_ configuration: RetrofitConfiguration)
}

extension Retrofit {
    public static func claims(_ configuration: ConfigurationDocument, tensors: Set<String>?) throws -> Bool {
        guard try RavenClass.claims(configuration), try RavenClass.isRetrofit(configuration, tensors: tensors) else {
            return false
        }
        return try RetrofitConfiguration.isOLMo(configuration, tensors: tensors) == (norms == .after)
    }

    public init(_ configuration: ConfigurationDocument, tensors: Set<String>?) throws {
        self.init(try RetrofitConfiguration(configuration))
    }

    public var shape: ArchitectureShape { configuration.shape }
    public var vocabularyMatrices: VocabularyMatrices {
        RavenClass.vocabularyMatrices(isTied: configuration.tiesEmbeddings)
    }
    public func graph(context: Int) -> any LoopedGraph { configuration.graph(Self.norms, context: context) }
}

/// A retrofitted Llama 3.2 or TinyLlama.
public struct RetrofittedLlama: Retrofit, Hashable {
    public static let record = ArchitectureRecord(
        name: "retrofitted-llama", title: "retrofitted Llama", paper: "arXiv 2511.07384",
        checkpoints: [
            "smcleish/Recurrent-Llama-3.2-train-recurrence-4", "smcleish/Recurrent-Llama-3.2-train-recurrence-8",
            "smcleish/Recurrent-Llama-3.2-train-recurrence-16", "smcleish/Recurrent-Llama-3.2-train-recurrence-32",
            "smcleish/Recurrent-TinyLlama-3T-train-recurrence-4",
            "smcleish/Recurrent-TinyLlama-3T-train-recurrence-8",
            "smcleish/Recurrent-TinyLlama-3T-train-recurrence-16",
            "smcleish/Recurrent-TinyLlama-3T-train-recurrence-32",
        ],
        loopWord: "recurrence", injectsInput: true, readsEarly: true, sharesCaches: true,
        stopTokens: .tokenizerOnly,
        notes: ["A text ends with the tokenizer's own end token: the ids in config.json are of another vocabulary."])

    static let norms = RavenGraph.Norms.before
    let configuration: RetrofitConfiguration

    init(_ configuration: RetrofitConfiguration) { self.configuration = configuration }
}

/// A retrofitted OLMo-2.
public struct RetrofittedOLMo: Retrofit, Hashable {
    public static let record = ArchitectureRecord(
        name: "retrofitted-olmo", title: "retrofitted OLMo", paper: "arXiv 2511.07384",
        checkpoints: [
            "smcleish/Recurrent-OLMo-2-0425-train-recurrence-4", "smcleish/Recurrent-OLMo-2-0425-train-recurrence-8",
            "smcleish/Recurrent-OLMo-2-0425-train-recurrence-16",
            "smcleish/Recurrent-OLMo-2-0425-train-recurrence-32",
        ],
        loopWord: "recurrence", injectsInput: true, readsEarly: true, sharesCaches: true,
        stopTokens: .tokenizerOnly,
        notes: ["A text ends with the tokenizer's own end token: the ids in config.json are of another vocabulary."])

    static let norms = RavenGraph.Norms.after
    let configuration: RetrofitConfiguration

    init(_ configuration: RetrofitConfiguration) { self.configuration = configuration }
}
