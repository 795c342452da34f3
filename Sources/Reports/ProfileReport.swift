import Runtime

/// The JSON that `profile --json` prints. The time of an instruction is its average over the threads, so that shares add
/// up to 1.
package struct ProfileReport: Codable, Hashable, Sendable {
    package var probe: BenchReport.Probe
    package var model: BenchReport.Model
    /// The generation; absent if single calls were profiled.
    package var generation: Generated?
    /// The time from the start of the first call to the end of the last.
    package var wallMs: Double
    /// The part of `wallMs` between calls: sampling, and the sampler's preparation of calls.
    package var betweenCallsMs: Double
    /// The calls of each function, longest first.
    package var calls: [Calls]
    /// The time inside calls, from their first instruction to their last.
    package var tapeMs: Double
    /// The kinds of instructions, longest first.
    package var kinds: [Kind]
    /// Waiting for other threads, between instructions and at the end of calls.
    package var barriers: Barriers
    package var events: Int
    /// Executions of instructions beyond the limit on events. No other figure includes them.
    package var droppedEvents: Int

    package init(
        probe: BenchReport.Probe, model: BenchReport.Model, generation: Generated? = nil, wallMs: Double,
        betweenCallsMs: Double, calls: [Calls], tapeMs: Double, kinds: [Kind], barriers: Barriers, events: Int,
        droppedEvents: Int
    ) {
        self.probe = probe
        self.model = model
        self.generation = generation
        self.wallMs = wallMs
        self.betweenCallsMs = betweenCallsMs
        self.calls = calls
        self.tapeMs = tapeMs
        self.kinds = kinds
        self.barriers = barriers
        self.events = events
        self.droppedEvents = droppedEvents
    }

    package struct Generated: Codable, Hashable, Sendable {
        package var sampler: SamplerKind
        package var tokens: Int
        package var tokensPerSecond: Double

        package init(sampler: SamplerKind, tokens: Int, tokensPerSecond: Double) {
            self.sampler = sampler
            self.tokens = tokens
            self.tokensPerSecond = tokensPerSecond
        }
    }

    /// All calls of one tape.
    package struct Calls: Codable, Hashable, Sendable {
        package var name: String
        package var count: Int
        package var minRows: Int
        package var maxRows: Int
        package var ms: Double
        /// The fraction of `wallMs`.
        package var share: Double
        package var floorMs: Double
        /// `floorMs` over `ms`.
        package var floorShare: Double

        private enum CodingKeys: String, CodingKey {
            case name, count, ms, share, floorMs, floorShare
            // JSON keeps the keys that it always had.
            case minRows = "leastRows"
            case maxRows = "mostRows"
        }

        package init(
            name: String, count: Int, minRows: Int, maxRows: Int, ms: Double, share: Double, floorMs: Double,
            floorShare: Double
        ) {
            self.name = name
            self.count = count
            self.minRows = minRows
            self.maxRows = maxRows
            self.ms = ms
            self.share = share
            self.floorMs = floorMs
            self.floorShare = floorShare
        }
    }

    /// All executions of one kind of instruction.
    package struct Kind: Codable, Hashable, Sendable {
        package var kind: String
        package var count: Int
        package var ms: Double
        /// The fraction of `tapeMs`.
        package var share: Double
        package var bytes: Int
        package var gbS: Double
        package var floorMs: Double
        /// `floorMs` over `ms`.
        package var floorShare: Double

        package init(
            kind: String, count: Int, ms: Double, share: Double, bytes: Int, gbS: Double, floorMs: Double,
            floorShare: Double
        ) {
            self.kind = kind
            self.count = count
            self.ms = ms
            self.share = share
            self.bytes = bytes
            self.gbS = gbS
            self.floorMs = floorMs
            self.floorShare = floorShare
        }
    }

    package struct Barriers: Codable, Hashable, Sendable {
        package var count: Int
        package var ms: Double
        /// The fraction of `tapeMs`.
        package var share: Double

        package init(count: Int, ms: Double, share: Double) {
            self.count = count
            self.ms = ms
            self.share = share
        }
    }
}
