import Foundation
import Safetensors

/// The end of the command when a mapped file cannot be read any more: somebody cut it short, or its disk failed. The
/// system says so by a signal, in the middle of whatever reads the file.
enum MappingFault {
    /// Handles SIGBUS from now on.
    static func watch() {
        // Initialize the globals now: a signal handler must not do that.
        _ = MappedRegions.path(at: 0)
        AtomicFile.removeUnfinished()
        var action = sigaction()
        action.sa_flags = SA_SIGINFO
        action.__sigaction_handler.sa_sigaction = { number, info, _ in
            guard let address = info?.pointee._sifields._sigfault.si_addr,
                let path = MappedRegions.path(at: UInt(bitPattern: address))
            else {
                // The fault is the program's own: it comes again, and ends the process as usual.
                signal(number, SIG_DFL)
                return
            }
            AtomicFile.removeUnfinished()
            MappingFault.write("Error: ")
            _ = Foundation.write(STDERR_FILENO, path, strlen(path))
            MappingFault.write(": this plan or checkpoint was cut short while it was in use, or its disk failed\n")
            _exit(1)
        }
        sigaction(SIGBUS, &action, nil)
    }

    private static func write(_ text: StaticString) {
        _ = Foundation.write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
    }
}
