/// Rules that forbid tokens, or demand one, whatever their logits. Each depends on the tokens before alone, so a draft
/// obeys them as the same token of autoregressive decoding does.
///
/// They mean what the keys of the same names mean in the transformers library.
public struct TokenRules: Hashable, Sendable, Codable {
    /// Tokens that are never generated, `suppress_tokens`.
    public var suppressed: [Int32] = []
    /// Tokens that are not generated right after the prompt, `begin_suppress_tokens`.
    public var suppressedAtBegin: [Int32] = []
    /// Sequences that are never completed, `bad_words_ids`. One token that ends the generation may be.
    public var forbiddenSequences: [[Int32]] = []
    /// n: no n tokens in a row occur twice, `no_repeat_ngram_size`; 0 if they may.
    public var noRepeatNGram = 0
    /// The number of new tokens before the first that may end the generation, `min_new_tokens`.
    public var minNewTokens = 0
    /// The number of tokens, with the prompt, before the first that may end the generation, `min_length`.
    public var minLength = 0
    /// The only token that may follow a prompt of one token, `forced_bos_token_id`.
    public var forcedFirst: Int32?
    /// The only tokens that may be the last one if no other has ended the generation, `forced_eos_token_id`.
    public var forcedLast: [Int32] = []

    public init() {}

    /// Whether no token is forbidden or demanded.
    public var isEmpty: Bool { self == TokenRules() }

    /// - Throws: ``SettingError`` naming the first rule out of its range.
    func validate() throws {
        try checkSetting("no-repeat n-gram size", noRepeatNGram, atLeast: 0)
        try checkSetting("minimum number of new tokens", minNewTokens, atLeast: 0)
        try checkSetting("minimum length", minLength, atLeast: 0)
    }

    /// Sets the logits of forbidden tokens to −∞ (sampling.md, step T0).
    /// - Parameters:
    ///   - logits: one number for each token.
    ///   - sequence: the tokens before the one that is chosen, the prompt's first.
    ///   - settings: the stop tokens and the number of new tokens.
    func apply(
        to logits: inout [Float], after sequence: ArraySlice<Int32>, promptCount: Int, _ settings: GenerationSettings
    ) {
        func forbid(_ token: Int32) {
            if logits.indices.contains(Int(token)) { logits[Int(token)] = -.infinity }
        }
        func demand(_ tokens: [Int32]) {
            for token in logits.indices { logits[token] = tokens.contains(Int32(token)) ? 0 : -.infinity }
        }
        forbidRepetition(after: sequence, forbid)
        for forbidden in forbiddenSequences {
            guard let last = forbidden.last, forbidden.count > 1 || !settings.stopTokens.contains(last) else {
                continue
            }
            if sequence.count >= forbidden.count - 1, sequence.suffix(forbidden.count - 1) == forbidden.dropLast() {
                forbid(last)
            }
        }
        let new = sequence.count - promptCount
        if new < minNewTokens || sequence.count < minLength { settings.stopTokens.forEach(forbid) }
        if let forcedFirst, sequence.count == 1 { demand([forcedFirst]) }
        if !forcedLast.isEmpty, new == settings.maxNewTokens - 1 { demand(forcedLast) }
        suppressed.forEach(forbid)
        let begin = promptCount == 1 && forcedFirst != nil ? 1 : 0
        if new == begin { suppressedAtBegin.forEach(forbid) }
    }

    /// Forbids every token that followed the last n − 1 tokens before.
    private func forbidRepetition(after sequence: ArraySlice<Int32>, _ forbid: (Int32) -> Void) {
        guard noRepeatNGram > 0, sequence.count >= noRepeatNGram else { return }
        let end = sequence.suffix(noRepeatNGram - 1)
        for start in sequence.startIndex...sequence.endIndex - noRepeatNGram
        where sequence[start..<start + noRepeatNGram - 1] == end {
            forbid(sequence[start + noRepeatNGram - 1])
        }
    }
}
