/// The contents of a module's caches: the keys and values of every cache, sequence slot and position, at one or several
/// recurrences.
///
/// A recurrent cache keeps B entries a position, B being the budget: recurrence t writes entry t mod B. A position that
/// has had n recurrences is read at recurrence t from entry (t < n ? t : n − 1) mod B, that is, at the recurrence of the
/// reader, or the last one that the position took if that was earlier. B = 1 shares one entry between all recurrences.
/// Other caches keep one entry.
public struct CacheState: Sendable {
    /// B, at least 1.
    public let budget: Int
    private var positions: [Key: Position] = [:]

    private struct Key: Hashable {
        var cache: String
        var slot: Int32
        var position: Int32
    }

    private struct Position {
        /// n: the recurrences that the position has had after the call that wrote it last.
        var depth: Int
        var entries: [Int: Entry] = [:]
    }

    /// The keys and values of one position at one recurrence, `heads · dim` numbers each.
    struct Entry {
        var keys: ArraySlice<Float>
        var values: ArraySlice<Float>
    }

    /// Empty caches. A budget below 1 counts as 1.
    public init(budget: Int = 1) { self.budget = max(1, budget) }

    /// The index of the entry that belongs to recurrence t.
    private func index(_ recurrence: Int, _ cache: Cache) -> Int { cache.isRecurrent ? recurrence % budget : 0 }

    mutating func write(
        _ entry: Entry, to cache: Cache, slot: Int32, position: Int32, recurrence: Int, depth: Int
    ) {
        let key = Key(cache: cache.name, slot: slot, position: position)
        let index = index(recurrence, cache)
        positions[key, default: Position(depth: depth)].depth = depth
        positions[key]?.entries[index] = entry
    }

    /// The entry that a reader at recurrence t uses for a position; nil if the position has not been written.
    func read(_ cache: Cache, slot: Int32, position: Int32, recurrence: Int) -> Entry? {
        guard let found = positions[Key(cache: cache.name, slot: slot, position: position)] else { return nil }
        return found.entries[index(max(0, min(recurrence, found.depth - 1)), cache)]
    }
}
