import Foundation
import Synchronization

/// Ctrl-C, asked about between steps: what is written is finished or removed, and the command ends with status 130.
enum Interrupt {
    private static let requested = Atomic<Bool>(false)
    private static let endsAtOnce = Atomic<Bool>(false)

    /// What a shell expects of a command that Ctrl-C ended: 128 + SIGINT.
    static let status: Int32 = 130

    /// From now on Ctrl-C only sets ``isRequested``, until the second time or during ``endingAtOnce(_:)``.
    static func watch() {
        // Makes the globals, which the handler must find made: making them is not allowed in a signal handler.
        endsAtOnce.store(false, ordering: .relaxed)
        requested.store(false, ordering: .relaxed)
        signal(SIGINT) { _ in
            // Whoever presses a second time does not want to wait for the end of the step.
            let isRepeated = Interrupt.requested.exchange(true, ordering: .relaxed)
            if isRepeated || Interrupt.endsAtOnce.load(ordering: .relaxed) { _exit(Interrupt.status) }
        }
    }

    static var isRequested: Bool { requested.load(ordering: .relaxed) }

    /// - Throws: ``Interrupted`` after Ctrl-C.
    static func check() throws {
        if isRequested { throw Interrupted() }
    }

    /// Waits for input, during which Ctrl-C ends the command: nothing is begun, and nobody would ask ``isRequested``.
    static func endingAtOnce<Result>(_ wait: () throws -> Result) throws -> Result {
        endsAtOnce.store(true, ordering: .relaxed)
        defer { endsAtOnce.store(false, ordering: .relaxed) }
        try check()
        return try wait()
    }
}

/// The user pressed Ctrl-C.
struct Interrupted: Error, CustomStringConvertible {
    var description: String { "Interrupted." }
}
