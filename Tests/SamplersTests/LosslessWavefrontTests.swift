import Runtime
import Samplers
import Testing

/// The lossless wavefront against autoregressive decoding, on models whose early read-outs are wrong on purpose.
@Suite struct LosslessWavefrontTests {
    private static func lossless(
        _ prompt: [Int32], r: Int, inner: Int, _ generation: GenerationSettings,
        _ correction: Correction = .init(), on model: any RecurrentModel
    ) throws -> LosslessWavefront {
        let settings = correction.settings(r: r, inner: inner)
        let sampler = try LosslessWavefront(
            prompt: prompt, settings: settings, generation: generation, shape: model.shape)
        return try #require(try Generation.run([sampler], on: model)[0] as? LosslessWavefront)
    }

    /// A schedule of read-outs.
    struct Correction {
        var schedule = DraftCorrection.everyReadOut
        var readEvery = 1
        var secondProposal: Int?

        func settings(r: Int, inner: Int) -> LosslessSettings {
            var settings = LosslessSettings()
            (settings.recurrence, settings.innerRecurrence) = (r, inner)
            (settings.correction, settings.readEvery, settings.secondProposal) = (schedule, readEvery, secondProposal)
            return settings
        }
    }

    private static func autoregressive(
        _ prompt: [Int32], r: Int, _ generation: GenerationSettings, on model: any RecurrentModel
    ) throws -> any SequenceSampler {
        var settings = AutoregressiveSettings()
        settings.recurrence = r
        let sampler = try Autoregressive(
            prompt: prompt, settings: settings, generation: generation, shape: model.shape)
        return try Generation.run([sampler], on: model)[0]
    }

    private static func settings(
        count: Int = 20, stop: [Int32] = [], temperature: Float = 0, penalty: Float = 1, seed: UInt64 = 0
    ) -> GenerationSettings {
        var generation = GenerationSettings()
        generation.maxNewTokens = count
        generation.stopTokens = stop
        generation.choice.temperature = temperature
        generation.choice.repetitionPenalty = penalty
        generation.seed = seed
        return generation
    }

    // MARK: Equality

    @Test(arguments: 0..<200)
    func `tokens, end and reason are those of autoregressive decoding`(_ seed: Int) throws {
        let random = CounterRandom(seed: UInt64(seed))
        func number(_ below: Int, _ place: Int) -> Int {
            random.integer(below: below, .headwayToken, position: place, step: 0)
        }
        let r = 1 + number(12, 0)
        let inner = 1 + number(14, 1)
        let prompt = (0..<1 + number(5, 2)).map { Int32(number(12, 10 + $0)) }
        let generation = Self.settings(
            count: number(25, 3), stop: number(3, 4) == 0 ? [Int32(number(12, 5))] : [],
            temperature: Float(number(3, 6)), penalty: number(2, 7) == 0 ? 1 : 1.5, seed: UInt64(seed) * 7)
        let correction = Correction(
            schedule: DraftCorrection.allCases[number(DraftCorrection.allCases.count, 8)], readEvery: 1 + number(4, 9),
            secondProposal: number(2, 20) == 0 ? nil : 2 + number(5, 21))
        let (wave, plain) = (UnsettledModel(), UnsettledModel())
        let found = try Self.lossless(prompt, r: r, inner: inner, generation, correction, on: wave)
        let expected = try Self.autoregressive(prompt, r: r, generation, on: plain)
        #expect(found.tokens == expected.tokens, "r \(r), r' \(inner), \(correction)")
        #expect(found.finishReason == expected.finishReason)
        // Steps counted in recurrences never exceed those of autoregressive decoding.
        #expect(found.statistics.recurrences <= expected.statistics.recurrences)
    }

    // MARK: Invariants

    /// A recurrence of a position reads the same recurrence of the positions before it, so they must have had it, or have
    /// it in the same call.
    @Test(arguments: [(8, 1), (8, 2), (8, 3), (8, 5), (8, 8), (8, 20), (32, 3)], DraftCorrection.allCases)
    func `depths never rise along the wave, and at most r over r' positions are active`(
        _ sizes: (r: Int, inner: Int), _ schedule: DraftCorrection
    ) throws {
        let (r, inner) = sizes
        let model = UnsettledModel()
        _ = try Self.lossless([1, 2, 3], r: r, inner: inner, Self.settings(), .init(schedule: schedule), on: model)
        var depths: [Int: Int] = [:]
        for call in model.calls {
            for (position, depth) in zip(call.positions, call.depths) {
                #expect(depth == 0 || depths[Int(position)] == Int(depth))
                depths[Int(position)] = Int(depth) + call.recurrences
                #expect(position == 0 || depths[Int(position) - 1, default: 0] >= depths[Int(position), default: 0])
            }
        }
        for call in model.calls.dropFirst() {
            #expect(zip(call.depths, call.depths.dropFirst()).allSatisfy { $0 >= $1 })
            #expect(call.depths.allSatisfy { Int($0) + call.recurrences <= r })
            #expect(call.tokens.count <= (r + inner - 1) / inner)
            #expect(zip(call.positions, call.positions.dropFirst()).allSatisfy { $0 + 1 == $1 })
        }
    }

    @Test(arguments: DraftCorrection.allCases, [Float(0), 1])
    func `only the rows asked for are read, and no token is shown before its position has had all recurrences`(
        _ schedule: DraftCorrection, _ temperature: Float
    ) throws {
        let model = UnsettledModel()
        let generation = Self.settings(temperature: temperature)
        let expected = try Self.autoregressive([4, 5], r: 8, generation, on: model).generated
        var sampler: any SequenceSampler = try LosslessWavefront(
            prompt: [4, 5], settings: Correction(schedule: schedule).settings(r: 8, inner: 2), generation: generation,
            shape: model.shape)
        var shown: [Int32] = []
        while let call = sampler.nextCall() {
            var result = try model.answer(call)
            if case .some(let read) = call.reads {
                for row in call.tokens.indices where !read.contains(row) { result.spoil(row) }
            }
            shown += try sampler.receive(result, of: call).newTokens
            #expect(shown == Array(sampler.tokens[2...]))
            #expect(shown == Array(expected.prefix(shown.count)))
        }
        #expect(shown.count == 20)
    }

    // MARK: Steps that can be worked out by hand

    @Test func `right drafts cost one step a token`() throws {
        let model = UnsettledModel(settles: { _ in 1 })
        let sampler = try Self.lossless([1], r: 8, inner: 2, Self.settings(count: 10), on: model)
        // The prefill gives token 1. Position 1 is final after 4 steps, and one more position after each later step.
        #expect(sampler.statistics.steps == 4 + 8)
        #expect(sampler.statistics.restarts == 0)
        #expect(model.calls.map(\.depths).prefix(6) == [[0], [0], [2, 0], [4, 2, 0], [6, 4, 2, 0], [6, 4, 2, 0]])
    }

    @Test func `a draft that changes at depth 6 restarts the positions after it`() throws {
        // Position 1 predicts its token from depth 5 on, so the read-out after 6 recurrences is the first right one.
        let model = UnsettledModel(settles: { $0 == 1 ? 5 : 1 })
        let sampler = try Self.lossless([1], r: 8, inner: 2, Self.settings(count: 4), on: model)
        // A wrong draft that changes with depth restarts its successors each time.
        #expect(sampler.statistics.restarts == 2)
        #expect(model.calls.map(\.depths).prefix(5) == [[0], [0], [2, 0], [4, 0], [6, 0]])
        #expect(sampler.generated == model.continuation(of: [1], count: 4))
    }

    @Test func `nothing is drafted after a stop token, the last token or the end of the context`() throws {
        let model = UnsettledModel(settles: { _ in 1 }, context: 8)
        _ = try Self.lossless([1, 2], r: 8, inner: 1, Self.settings(count: 50), on: model)
        #expect(model.calls.flatMap(\.positions).max() == 6)
        let short = UnsettledModel(settles: { _ in 1 })
        _ = try Self.lossless([1, 2], r: 8, inner: 1, Self.settings(count: 3), on: short)
        #expect(short.calls.flatMap(\.positions).max() == 3)
        let stopping = UnsettledModel(settles: { _ in 1 })
        let stop = stopping.continuation(of: [1, 2], count: 2)[1]
        let sampler = try Self.lossless([1, 2], r: 8, inner: 1, Self.settings(stop: [stop]), on: stopping)
        #expect(sampler.finishReason == .stop)
        #expect(stopping.calls.flatMap(\.positions).max() == 2 || sampler.generated.count == 1)
    }

    // MARK: Read-outs as needed

    /// The calls after the prefill: the depths before them, and whether they read out.
    private static func steps(_ model: UnsettledModel) -> [(depths: [Int32], readsOut: Bool)] {
        model.calls.dropFirst().map { ($0.depths, $0.head != .state) }
    }

    @Test func `when no position can enter, read-outs get rarer and positions wait for them`() throws {
        let model = UnsettledModel(settles: { _ in 1 })
        let sampler = try Self.lossless(
            [1], r: 8, inner: 1, Self.settings(count: 10), .init(schedule: .asNeeded), on: model)
        let steps = Self.steps(model)
        // Positions 1 to 9 enter in steps 1 to 9, and the last one takes steps 9 to 16, as with a read-out in every step.
        #expect(steps.count == 16 && sampler.statistics.decoding.recurrences == 16)
        #expect(steps.indices.filter { steps[$0].readsOut }.map { $0 + 1 } == Array(1...9) + [13, 16])
        // Positions of depth 7 wait for the next read-out.
        #expect(
            steps[9...].map(\.depths) == [
                [6, 5, 4, 3, 2, 1], [6, 5, 4, 3, 2], [6, 5, 4, 3], [7, 7, 7, 7, 6, 5, 4], [6, 5], [6], [7, 7, 7],
            ])
        #expect(sampler.generated == model.continuation(of: [1], count: 10))
    }

    @Test func `a wrong draft is corrected when no position can enter`() throws {
        // Position 1 is wrong before depth 4, always by the same token. Position 2 is the last one.
        let model = UnsettledModel(settles: { $0 == 1 ? 4 : 1 }, wrongTokensVary: false)
        let sampler = try Self.lossless(
            [1], r: 8, inner: 1, Self.settings(count: 3), .init(schedule: .asNeeded), on: model)
        let steps = Self.steps(model)
        // Steps 1 and 2 make the drafts. The next read-out comes four steps later, and position 2 starts again.
        #expect(steps.prefix(7).map(\.readsOut) == [true, true, false, false, false, true, true])
        #expect(steps[5].depths == [5, 4] && steps[6].depths == [6, 0])
        #expect(steps.count == 6 + 8 && sampler.statistics.restarts == 1)
        #expect(sampler.generated == model.continuation(of: [1], count: 3))
    }

    @Test func `nothing enters behind a draft that has changed in more than r' read-outs in a row`() throws {
        let model = UnsettledModel(settles: { $0 == 1 ? 7 : 1 })
        let sampler = try Self.lossless(
            [1], r: 16, inner: 1, Self.settings(count: 4), .init(schedule: .asNeeded), on: model)
        let steps = Self.steps(model)
        // The read-outs of depths 2, 3, 5 and 7 change the draft, and that of depth 9 leaves it as it is.
        #expect(
            steps.prefix(11).map(\.depths) == [
                [0], [1, 0], [2, 0], [3], [4], [5], [6], [7], [8], [9, 0], [10, 1, 0],
            ])
        #expect(steps.prefix(9).map(\.readsOut) == [true, true, true, false, true, false, true, false, true])
        #expect(sampler.statistics.restarts == 4)
        // One that is right after a single change is read at once.
        let once = UnsettledModel(settles: { $0 == 1 ? 2 : 1 })
        _ = try Self.lossless([1], r: 16, inner: 1, Self.settings(count: 4), .init(schedule: .asNeeded), on: once)
        #expect(Self.steps(once).prefix(4).map(\.depths) == [[0], [1, 0], [2, 0], [3, 1, 0]])
    }

    /// All drafts are wrong up to depth r, and some of them are stop tokens, after which nothing can enter.
    @Test(arguments: 0..<12 as Range<Int32>)
    func `waiting for read-outs never takes more recurrences than autoregressive decoding`(_ stop: Int32) throws {
        for start in 0..<12 as Range<Int32> {
            let model = UnsettledModel(settles: { _ in 12 }, wrongTokensVary: false)
            let generation = Self.settings(stop: [stop])
            let found = try Self.lossless([start], r: 12, inner: 1, generation, .init(schedule: .asNeeded), on: model)
            let expected = try Self.autoregressive([start], r: 12, generation, on: model)
            #expect(found.tokens == expected.tokens)
            #expect(found.statistics.recurrences <= expected.statistics.recurrences)
        }
    }

    // MARK: Schedules of read-outs

    /// Every position is right from the same depth on, and a position has eight steps of one recurrence. Each of three
    /// positions costs the steps until its draft is right for good, the last one all eight.
    @Test(arguments: [
        // Every wrong read-out changes the draft, until the one at the depth from which on it is right.
        (Correction(), 1, 1), (Correction(), 2, 2), (Correction(), 3, 3), (Correction(), 8, 8),
        // Steps 1, 3, 5, 7 and 8 read out.
        (Correction(readEvery: 2), 1, 1), (Correction(readEvery: 2), 2, 3), (Correction(readEvery: 2), 4, 5),
        (Correction(readEvery: 2), 8, 8),
        // Steps 1, 6 and 8.
        (Correction(readEvery: 5), 3, 6), (Correction(readEvery: 5), 7, 8), (Correction(readEvery: 100), 2, 8),
        // Steps 1 and 8.
        (Correction(schedule: .atFullDepth), 1, 1), (Correction(schedule: .atFullDepth), 2, 8),
        // Steps 1, X and 8; X is 4 if none is given.
        (Correction(schedule: .twoProposals), 1, 1), (Correction(schedule: .twoProposals), 2, 4),
        (Correction(schedule: .twoProposals), 4, 4), (Correction(schedule: .twoProposals), 5, 8),
        (Correction(schedule: .twoProposals, secondProposal: 2), 2, 2),
        (Correction(schedule: .twoProposals, secondProposal: 6), 5, 6),
        (Correction(schedule: .twoProposals, secondProposal: 9), 2, 8),
    ])
    func `a wrong draft costs the steps to the read-out that corrects it`(
        _ correction: Correction, _ settles: Int, _ cost: Int
    ) throws {
        let model = UnsettledModel(settles: { _ in settles })
        let sampler = try Self.lossless([1], r: 8, inner: 1, Self.settings(count: 5), correction, on: model)
        #expect(sampler.statistics.steps == 3 * cost + 8)
        #expect(sampler.generated == model.continuation(of: [1], count: 5))
    }

    /// Position 1 is right at depth 2 only: right, wrong and right again.
    @Test func `a read-out that is skipped cannot change a right draft`() throws {
        func steps(_ correction: Correction) throws -> Int {
            let model = UnsettledModel(settles: { $0 == 1 ? 5 : 1 }, alsoRightAt: 2)
            return try Self.lossless([1], r: 8, inner: 2, Self.settings(count: 3), correction, on: model)
                .statistics.steps
        }
        // Depths 2, 4, 6 and 8 are read out; depth 4 is wrong, so depth 6 corrects the draft again after step 3.
        #expect(try steps(Correction()) == 3 + 4)
        // Depths 2, 6 and 8; and 2 and 8.
        #expect(try steps(Correction(readEvery: 2)) == 1 + 4)
        #expect(try steps(Correction(schedule: .atFullDepth)) == 1 + 4)
    }

    @Test func `a step's record tells the draft that changed and the positions that it dropped`() throws {
        // Position 1 is wrong after 2 recurrences and right after 4, when position 2 has had one step.
        let model = UnsettledModel(settles: { $0 == 1 ? 3 : 1 })
        let sampler = try LosslessWavefront(
            prompt: [1], settings: Correction().settings(r: 8, inner: 2), generation: Self.settings(count: 4),
            shape: model.shape)
        var records: [StepRecord] = []
        _ = try Generation.run([sampler], on: model) { event in
            if let record = event.record { records.append(record) }
            return true
        }
        let right = model.continuation(of: [1], count: 2)[1]
        let change = DraftChange(position: 2, old: records[0].tokens[2], new: right, dropped: 1)
        #expect(records.map(\.change) == [nil, change] + [DraftChange?](repeating: nil, count: records.count - 2))
        #expect(change.old != right)
        // The dropped position was computed; the draft ends before it.
        #expect(records[1].recurrences.suffix(2) == [4, 2] && records[1].tokens.count == 3)
    }

    @Test func `drafts and restarts are counted`() throws {
        let model = UnsettledModel(settles: { $0 == 1 ? 3 : 1 })
        let sampler = try Self.lossless([1], r: 8, inner: 2, Self.settings(count: 4), on: model)
        // Positions 1, 2 and 3 draft once each. Position 2 restarts in the step in which it would have drafted first.
        #expect(sampler.statistics.drafts == 3)
        #expect(sampler.statistics.restarts == 1)
        // At r' = r the first read-out is the last, so there is no draft.
        let whole = try Self.lossless([1], r: 8, inner: 8, Self.settings(count: 4), on: model)
        #expect(whole.statistics.drafts == 0)
        #expect(try Self.autoregressive([1], r: 8, Self.settings(count: 4), on: model).statistics.drafts == nil)
    }

    // MARK: Settings

    @Test func `settings out of range are refused by name`() throws {
        let changes: [(name: String, change: (inout LosslessSettings) -> Void)] = [
            ("recurrence", { $0.recurrence = 0 }), ("inner recurrence", { $0.innerRecurrence = 0 }),
            ("between read-outs", { $0.readEvery = 0 }), ("second proposal", { $0.secondProposal = 1 }),
        ]
        for (name, change) in changes {
            var settings = LosslessSettings()
            change(&settings)
            let error = #expect(throws: SettingError.self) { try settings.validate() }
            #expect(error?.description.contains(name) == true)
        }
    }
}

extension ModelResult {
    /// Replaces a row's token or logits by what no sampler can use.
    fileprivate mutating func spoil(_ row: Int) {
        if !tokens.isEmpty { tokens[row] = -1 }
        for element in 0..<(logits.values.isEmpty ? 0 : logits.width) {
            logits.values[row * logits.width + element] = .nan
        }
    }
}

/// A model that reads out the right token of a position only from a depth on that the position's prefix decides, and
/// before that a wrong token, which usually changes with the depth.
private final class UnsettledModel: RecurrentModel {
    let shape: ModelShape
    private(set) var calls: [RaggedCall] = []
    private var tokens: [Int32: [Int32]] = [:]
    private let settles: (Int) -> Int
    private let alsoRight: Int?
    private let wrongTokensVary: Bool

    /// - Parameters:
    ///   - settles: the depth from which on a position is right; by default a number from 1 to 8 that looks random.
    ///   - alsoRight: an earlier depth at which all positions are right.
    ///   - wrongTokensVary: whether a position's wrong token changes from depth to depth.
    init(
        settles: @escaping (Int) -> Int = { 1 + ($0 &* 2_654_435_761 >> 7) % 8 }, alsoRightAt alsoRight: Int? = nil,
        wrongTokensVary: Bool = true, context: Int = 64
    ) {
        self.wrongTokensVary = wrongTokensVary
        self.settles = settles
        self.alsoRight = alsoRight
        shape = ModelShape(width: 1, vocabulary: 12, context: context)
    }

    func evaluate(_ call: RaggedCall) throws -> ModelResult {
        calls.append(call)
        for row in call.tokens.indices {
            var known = tokens[call.slots[row]] ?? []
            let position = Int(call.positions[row])
            guard position <= known.count else { throw RuntimeError("Position \(position) has nothing before it.") }
            if position == known.count { known.append(0) }
            known[position] = call.tokens[row]
            tokens[call.slots[row]] = known
        }
        var result = ModelResult(states: call.states, logits: Latents(width: shape.vocabulary))
        for row in call.tokens.indices {
            let prefix = Array(tokens[call.slots[row], default: []][...Int(call.positions[row])])
            let token = readOut(prefix, depth: Int(call.depths[row]) + call.recurrences)
            switch call.head {
            case .token: result.tokens.append(token)
            case .logits: result.logits.values += (0..<12).map { $0 == token ? 2 : Float(($0 * 5 + token) % 7) / 7 }
            case .state: break
            }
        }
        return result
    }

    private func readOut(_ prefix: [Int32], depth: Int) -> Int32 {
        let right = nextToken(after: prefix)
        let settled = settles(prefix.count - 1)
        // With fewer recurrences in all than it needs to settle, the model is just wrong, by any sampler.
        return depth >= settled || depth == alsoRight
            ? right : (right + (wrongTokensVary ? Int32(1 + depth % 11) : 1)) % 12
    }

    private func nextToken(after tokens: [Int32]) -> Int32 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for token in tokens { hash = (hash ^ UInt64(token)) &* 0x0000_0100_0000_01b3 }
        return Int32(hash >> 33) % 12
    }

    func continuation(of prompt: [Int32], count: Int) -> [Int32] {
        var tokens = prompt
        for _ in 0..<count { tokens.append(nextToken(after: tokens)) }
        return Array(tokens[prompt.count...])
    }
}
