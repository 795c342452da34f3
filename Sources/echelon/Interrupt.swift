import Dispatch
import Foundation
import Synchronization

/// Ctrl-C, asked about between steps: what is written is finished or removed, and the command ends with status 130.
enum Interrupt {
    private static let requested = Atomic<Bool>(false)
    // Unsafe only by type: made once, never touched again, and dispatch sources may be used from any thread.
    nonisolated(unsafe) private static let source: any DispatchSourceSignal = {
        signal(SIGINT, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler {
            // Whoever presses a second time does not want to wait for the end of the step.
            if requested.exchange(true, ordering: .relaxed) { _exit(status) }
        }
        source.resume()
        return source
    }()

    /// What a shell expects of a command that Ctrl-C ended: 128 + SIGINT.
    static let status: Int32 = 130

    /// From now on Ctrl-C only sets ``isRequested``.
    static func watch() { _ = source }

    static var isRequested: Bool { requested.load(ordering: .relaxed) }

    /// - Throws: ``Interrupted`` after Ctrl-C.
    static func check() throws {
        if isRequested { throw Interrupted() }
    }
}

/// The user pressed Ctrl-C.
struct Interrupted: Error, CustomStringConvertible {
    var description: String { "Interrupted." }
}
