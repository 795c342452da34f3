import Plans

/// The memory that the caches of a plan take in one format, with one budget of entries for each position.
public struct CacheMemory: Hashable, Sendable {
    /// The format of keys and values.
    public let format: CacheFormat
    /// B, the number of entries of a position in each recurrent cache.
    public let budget: Int
    /// The bytes that a position takes in all caches together, `Int.max` if they are more.
    public let bytesPerPosition: Int

    public init(of schedule: Schedule, format: CacheFormat, budget: Int) {
        self.format = format
        self.budget = budget
        bytesPerPosition = schedule.caches.reduce(0) { sum, cache in
            sum.saturatingSum(format.entryBytes(of: cache).saturatingProduct(cache.isRecurrent ? budget : 1))
        }
    }

    /// Refuses sequences whose caches do not fit into memory. A session maps memory without reserving it, so the process
    /// would be killed when it writes them.
    /// - Parameters:
    ///   - sequences: the number of sequences.
    ///   - positions: the number of positions of each sequence.
    ///   - available: the bytes that there are; nil if that is not known, which refuses nothing.
    /// - Throws: ``RuntimeError`` that says what is needed, what there is, and what to do.
    public func check(sequences: Int = 1, positions: Int, available: Int? = AvailableMemory().bytes) throws {
        let needed = bytesPerPosition.saturatingProduct(positions).saturatingProduct(sequences)
        guard let available, needed > available else { return }
        let each = sequences == 1 ? "" : "\(sequences) sequences of "
        let entries = budget == 1 ? "one entry" : "\(budget) entries"
        throw RuntimeError(
            "The caches of \(each)\(positions) positions need \(Self.text(needed)) of memory as \(format.rawValue) with "
                + "\(entries) for each, and \(Self.text(available)) are available; \(remedies).")
    }

    private var remedies: String {
        var remedies = ["use a shorter prompt or a smaller --max-new-tokens"]
        if budget > 1 {
            remedies.append("a smaller --kv-budget (or --recurrence, if the sampler keeps an entry for each)")
        }
        // Cases are in the order of their sizes, the largest first.
        let smaller = CacheFormat.allCases.drop { $0 != format }.dropFirst().map(\.rawValue)
        if !smaller.isEmpty { remedies.append("--cache-format " + smaller.joined(separator: " or ")) }
        return remedies.joined(separator: ", or ")
    }

    private static func text(_ bytes: Int) -> String {
        let megabytes = bytes / 1_000_000
        return megabytes < 10_000 ? "\(megabytes) MB" : "\(megabytes / 1000) GB"
    }
}

extension Int {
    /// The sum of this number and another, limited to `Int.max`. Both are at least 0.
    fileprivate func saturatingSum(_ other: Int) -> Int {
        let (sum, isTooLarge) = addingReportingOverflow(other)
        return isTooLarge ? .max : sum
    }

    /// The product of this number and another, limited to `Int.max`. Both are at least 0.
    fileprivate func saturatingProduct(_ other: Int) -> Int {
        let (product, isTooLarge) = multipliedReportingOverflow(by: other)
        return isTooLarge ? .max : product
    }
}
