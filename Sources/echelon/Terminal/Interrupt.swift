import Foundation
import Runtime
import Safetensors
import Synchronization

/// Requests to end: Ctrl-C, a closed terminal or SIGTERM. They stop the model's call that is running, and commands check
/// for them between steps. Files are then finished or removed, and the command ends with the status 128 + the signal's
/// number, as shells expect.
enum Interrupt {
    /// The first signal that was received; 0 before.
    private static let received = Atomic<Int32>(0)
    private static let endsAtOnce = Atomic<Bool>(false)

    /// Handles SIGINT (Ctrl-C), SIGTERM and SIGHUP from now on. The first signal sets ``isRequested``. A second signal, or
    /// any signal during ``endingAtOnce(_:)``, ends the process.
    static func watch() {
        // Initialize the globals now: a signal handler must not do that.
        endsAtOnce.store(false, ordering: .relaxed)
        received.store(0, ordering: .relaxed)
        AtomicFile.removeUnfinished()
        for number in [SIGINT, SIGTERM, SIGHUP] {
            let previous = signal(number) { number in
                CallStop.request()
                let (isFirst, _) = Interrupt.received.compareExchange(expected: 0, desired: number, ordering: .relaxed)
                // A second Ctrl-C means that the user does not want to wait until files are finished.
                guard !isFirst || Interrupt.endsAtOnce.load(ordering: .relaxed) else { return }
                AtomicFile.removeUnfinished()
                _exit(Interrupt.status(of: number))
            }
            // Under `nohup`, a command ignores SIGHUP.
            if number == SIGHUP, unsafeBitCast(previous, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) {
                signal(number, SIG_IGN)
            }
        }
    }

    private static func status(of number: Int32) -> Int32 { 128 + number }

    static var isRequested: Bool { received.load(ordering: .relaxed) != 0 }

    /// Checks for a request to end.
    /// - Throws: ``Interrupted`` after a signal.
    static func check() throws {
        let number = received.load(ordering: .relaxed)
        if number != 0 { throw Interrupted(status: status(of: number)) }
    }

    /// Waits for input. A signal ends the process meanwhile: there is nothing to finish, and nothing checks ``isRequested``.
    static func endingAtOnce<Result>(_ wait: () throws -> Result) throws -> Result {
        endsAtOnce.store(true, ordering: .relaxed)
        defer { endsAtOnce.store(false, ordering: .relaxed) }
        try check()
        return try wait()
    }
}

/// A request by the user or the system to end the command.
struct Interrupted: Error, CustomStringConvertible {
    /// The exit status of the command.
    var status: Int32
    var description: String { "Interrupted." }
}
