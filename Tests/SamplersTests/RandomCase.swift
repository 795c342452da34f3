import Samplers

/// Random settings of a test that compares two samplers, as a function of a seed.
struct RandomCase {
    private let seed: Int
    private let random: CounterRandom

    init(_ seed: Int) {
        self.seed = seed
        random = CounterRandom(seed: UInt64(seed))
    }

    /// A number of a range; another for each `place`.
    func number(_ range: ClosedRange<Int>, _ place: Int) -> Int {
        range.lowerBound + random.integer(below: range.count, .headwayToken, position: place, step: 0)
    }

    /// 1 to 5 tokens.
    func prompt(vocabulary: Int) -> [Int32] {
        (0..<number(1...5, 100)).map { Int32(number(0...vocabulary - 1, 101 + $0)) }
    }

    /// Rules that leave some of 12 tokens in every place.
    private func rules() -> TokenRules {
        var rules = TokenRules()
        rules.suppressed = [Int32(number(0...11, 120))]
        rules.suppressedAtBegin = [Int32(number(0...11, 121))]
        rules.forbiddenSequences = [[Int32(number(0...11, 122)), Int32(number(0...11, 123))]]
        rules.noRepeatNGram = number(0...1, 124) * 2
        rules.minNewTokens = number(0...6, 125)
        return rules
    }

    /// Lengths, stop tokens, rules, temperatures and penalties of all kinds.
    func generation() -> GenerationSettings {
        var generation = GenerationSettings()
        generation.maxNewTokens = number(0...24, 110)
        generation.stopTokens = number(0...2, 111) == 0 ? [Int32(number(0...11, 112))] : []
        generation.choice.temperature = Float(number(0...2, 113))
        generation.choice.repetitionPenalty = number(0...1, 114) == 0 ? 1 : 1.5
        generation.initScale = Float(number(0...1, 115))
        generation.seed = UInt64(seed) * 7
        if number(0...1, 116) == 0 { generation.rules = rules() }
        return generation
    }
}
