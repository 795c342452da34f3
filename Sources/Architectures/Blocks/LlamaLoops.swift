import IR

/// A family whose models are one stack of layers with Llama's names that runs several times, each time with keys and
/// values of its own. Positions start from their embedding.
protocol LlamaLoops: Architecture {
    var llama: LlamaConfiguration { get }
    /// T, the number of loops of the training.
    var loops: Int { get }
}

extension LlamaLoops {
    public var shape: ArchitectureShape {
        ArchitectureShape(
            width: llama.width, vocabulary: llama.vocabulary, context: llama.context, recurrence: loops,
            trainedRecurrence: loops, stateDeviation: 0)
    }

    public var vocabularyMatrices: VocabularyMatrices { llama.vocabularyMatrices }
}
