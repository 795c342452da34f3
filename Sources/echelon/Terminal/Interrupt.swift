import Foundation
import Safetensors
import Synchronization

/// Ctrl-C, a closed terminal and a request to end, asked about between steps: what is written is finished or removed, and
/// the command ends with the status that a shell expects of a command that a signal ended, 128 + the signal.
enum Interrupt {
    /// The first signal that came; 0 before.
    private static let received = Atomic<Int32>(0)
    private static let endsAtOnce = Atomic<Bool>(false)

    /// From now on Ctrl-C (SIGINT), SIGTERM and SIGHUP only set ``isRequested``, until the second time or during
    /// ``endingAtOnce(_:)``.
    static func watch() {
        // Makes the globals, which the handler must find made: making them is not allowed in a signal handler.
        endsAtOnce.store(false, ordering: .relaxed)
        received.store(0, ordering: .relaxed)
        AtomicFile.removeUnfinished()
        for number in [SIGINT, SIGTERM, SIGHUP] {
            let previous = signal(number) { number in
                let (isFirst, _) = Interrupt.received.compareExchange(expected: 0, desired: number, ordering: .relaxed)
                // Whoever presses a second time does not want to wait for the end of the step.
                guard !isFirst || Interrupt.endsAtOnce.load(ordering: .relaxed) else { return }
                AtomicFile.removeUnfinished()
                _exit(Interrupt.status(of: number))
            }
            // `nohup` has its command ignore the end of the terminal.
            if number == SIGHUP, unsafeBitCast(previous, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) {
                signal(number, SIG_IGN)
            }
        }
    }

    private static func status(of number: Int32) -> Int32 { 128 + number }

    static var isRequested: Bool { received.load(ordering: .relaxed) != 0 }

    /// - Throws: ``Interrupted`` after a signal.
    static func check() throws {
        let number = received.load(ordering: .relaxed)
        if number != 0 { throw Interrupted(status: status(of: number)) }
    }

    /// Waits for input, during which a signal ends the command: nothing is begun, and nobody would ask ``isRequested``.
    static func endingAtOnce<Result>(_ wait: () throws -> Result) throws -> Result {
        endsAtOnce.store(true, ordering: .relaxed)
        defer { endsAtOnce.store(false, ordering: .relaxed) }
        try check()
        return try wait()
    }
}

/// The user, or the system, wants the command to end.
struct Interrupted: Error, CustomStringConvertible {
    /// What the command ends with.
    var status: Int32
    var description: String { "Interrupted." }
}
