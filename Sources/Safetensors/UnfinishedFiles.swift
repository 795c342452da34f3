import Foundation
import Synchronization

/// The temporary files that this process is writing, kept where a signal handler may look: whoever ends the process
/// from there has no other way to remove them.
enum UnfinishedFiles {
    /// Addresses of paths as C strings, 0 where there is none. Whoever takes an address out owns the string, so that it
    /// is never read after it was freed. There are more places than a program writes files at a time; a file beyond them
    /// stays behind when a signal ends the process at once.
    private nonisolated(unsafe) static let paths = {
        let places = UnsafeMutableBufferPointer<Atomic<UInt>>.allocate(capacity: 16)
        for place in places.indices { places.initializeElement(at: place, to: Atomic(0)) }
        return places
    }()

    /// - Returns: the place to give to ``remove(_:)``, nil when all are taken.
    static func add(_ path: String) -> Int? {
        guard let copy = strdup(path) else { return nil }
        for place in paths.indices {
            let address = UInt(bitPattern: copy)
            if paths[place].compareExchange(expected: 0, desired: address, ordering: .acquiringAndReleasing).exchanged {
                return place
            }
        }
        free(copy)
        return nil
    }

    /// Forgets a file, which is complete or removed.
    static func remove(_ place: Int?) {
        guard let place else { return }
        free(UnsafeMutableRawPointer(bitPattern: paths[place].exchange(0, ordering: .acquiringAndReleasing)))
    }

    /// Removes the files themselves. Calls nothing that a signal handler may not; the strings are left to the end of
    /// the process.
    static func unlinkAll() {
        for place in paths.indices {
            let address = paths[place].exchange(0, ordering: .acquiringAndReleasing)
            if let path = UnsafePointer<CChar>(bitPattern: address) { unlink(path) }
        }
    }
}
