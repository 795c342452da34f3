import Foundation
import Synchronization

/// The files that are mapped into memory, in a table that a signal handler may read.
public enum MappedRegions {
    private struct Region {
        var start: UInt
        var end: UInt
        /// The path, ended by a zero. It is never freed, since a handler may be reading it.
        var path: UnsafePointer<CChar>?
    }

    /// A program maps a plan, or the shards of a checkpoint. Further files are not in the table.
    private static let capacity = 512
    nonisolated(unsafe) private static let regions: UnsafeMutablePointer<Region> = {
        let regions = UnsafeMutablePointer<Region>.allocate(capacity: capacity)
        regions.initialize(repeating: Region(start: 0, end: 0, path: nil), count: capacity)
        return regions
    }()
    private static let writers = Mutex<Void>(())

    static func add(_ bytes: UnsafeRawBufferPointer, path: String) {
        guard let start = bytes.baseAddress, let copy = FilePath.withCString(path, { strdup($0) }) else { return }
        writers.withLock { _ in
            guard let unused = (0..<capacity).first(where: { regions[$0].end == 0 }) else { return free(copy) }
            regions[unused] = Region(
                start: UInt(bitPattern: start), end: UInt(bitPattern: start) + UInt(bytes.count), path: copy)
        }
    }

    static func remove(_ bytes: UnsafeRawBufferPointer) {
        let start = UInt(bitPattern: bytes.baseAddress)
        writers.withLock { _ in
            for index in 0..<capacity where regions[index].end > 0 && regions[index].start == start {
                regions[index].end = 0
            }
        }
    }

    /// The path of the file that an address belongs to, nil if there is none. It reads memory and nothing else, so a
    /// signal handler may call it after a first call outside of it.
    public static func path(at address: UInt) -> UnsafePointer<CChar>? {
        for index in 0..<capacity where address >= regions[index].start && address < regions[index].end {
            return regions[index].path
        }
        return nil
    }
}
