import Foundation
import Synchronization

/// The temporary files that this process is writing, in a form that a signal handler may read, so that it can remove
/// them before it ends the process.
enum UnfinishedFiles {
    /// Addresses of paths as C strings, 0 for a free place. Taking an address out transfers ownership of the string, so
    /// it is never read after it was freed. There are more places than a program writes files at a time; a file beyond
    /// them stays behind if a signal ends the process at once.
    private nonisolated(unsafe) static let paths = {
        let places = UnsafeMutableBufferPointer<Atomic<UInt>>.allocate(capacity: 16)
        for place in places.indices { places.initializeElement(at: place, to: Atomic(0)) }
        return places
    }()

    /// - Returns: the place to pass to ``remove(_:)``; nil if all are taken.
    static func add(_ path: String) -> Int? {
        guard let copy = FilePath.withCString(path, { strdup($0) }) else { return nil }
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

    /// Removes the files themselves. Calls only what a signal handler may call; the strings are not freed.
    static func unlinkAll() {
        for place in paths.indices {
            let address = paths[place].exchange(0, ordering: .acquiringAndReleasing)
            if let path = UnsafePointer<CChar>(bitPattern: address) { unlink(path) }
        }
    }
}
