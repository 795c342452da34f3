/// A hash table from byte strings to numbers that is searched without copying the key.
///
/// Keys are bytes and not `String`, because strings compare by canonical equivalence and tokens by their bytes.
/// Open addressing with linear probing; at most half of the slots are in use.
struct ByteStringTable: Sendable {
    private var slots: [Int32]
    private var hashes: [UInt32] = []
    private var values: [Int32] = []
    /// The keys one after another; key `k` ends at `ends[k]` and begins at the end of the previous one.
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    init(minimumCapacity: Int = 0) {
        var size = 16
        while size < minimumCapacity * 2 { size *= 2 }
        slots = Array(repeating: -1, count: size)
    }

    var count: Int { values.count }

    func value(of key: UnsafeBufferPointer<UInt8>) -> Int32? {
        let entry = slots[slot(of: key, hash: Self.hash(key))]
        return entry < 0 ? nil : values[Int(entry)]
    }

    func value(of key: String) -> Int32? {
        var key = key
        return key.withUTF8 { value(of: $0) }
    }

    /// Adds a new key. Returns false and changes nothing if it exists already.
    mutating func insert(_ key: UnsafeBufferPointer<UInt8>, value: Int32) -> Bool {
        let hash = Self.hash(key)
        let slot = slot(of: key, hash: hash)
        guard slots[slot] < 0 else { return false }
        slots[slot] = Int32(values.count)
        hashes.append(hash)
        values.append(value)
        bytes.append(contentsOf: key)
        ends.append(bytes.count)
        if values.count * 2 > slots.count { grow() }
        return true
    }

    mutating func insert(_ key: String, value: Int32) -> Bool {
        var key = key
        return key.withUTF8 { insert($0, value: value) }
    }

    /// Swift's hash is seeded anew in each process, so no text can be made to collide on purpose.
    private static func hash(_ key: UnsafeBufferPointer<UInt8>) -> UInt32 {
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(key))
        return UInt32(truncatingIfNeeded: hasher.finalize())
    }

    /// The slot that holds `key`, or the free one in which it belongs.
    private func slot(of key: UnsafeBufferPointer<UInt8>, hash: UInt32) -> Int {
        let mask = slots.count - 1
        var slot = Int(hash) & mask
        while slots[slot] >= 0, !holds(Int(slots[slot]), key, hash) { slot = (slot + 1) & mask }
        return slot
    }

    private func holds(_ entry: Int, _ key: UnsafeBufferPointer<UInt8>, _ hash: UInt32) -> Bool {
        guard hashes[entry] == hash else { return false }
        let start = entry == 0 ? 0 : ends[entry - 1]
        guard ends[entry] - start == key.count else { return false }
        return bytes.withUnsafeBufferPointer { bytes in
            for index in 0..<key.count where bytes[start + index] != key[index] { return false }
            return true
        }
    }

    private mutating func grow() {
        slots = Array(repeating: -1, count: slots.count * 2)
        let mask = slots.count - 1
        for entry in hashes.indices {
            var slot = Int(hashes[entry]) & mask
            while slots[slot] >= 0 { slot = (slot + 1) & mask }
            slots[slot] = Int32(entry)
        }
    }
}
