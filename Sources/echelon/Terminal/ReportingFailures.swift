import ArgumentParser
import Foundation

/// Runs a command's work and reports every failure as one sentence on standard error and an exit status.
func reportingFailures(_ work: () throws -> Void) throws {
    Interrupt.watch()
    // A file that reaches the limit on its size then fails to be written, as it does on a full disk.
    signal(SIGXFSZ, SIG_IGN)
    do {
        try work()
        try Interrupt.check()
    } catch let error as ExitCode {
        throw error
    } catch let error as Interrupted {
        Terminal.note("\(error)")
        throw ExitCode(error.status)
    } catch {
        Terminal.note("Error: \(error)")
        throw ExitCode.failure
    }
}
