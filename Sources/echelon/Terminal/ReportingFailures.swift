import ArgumentParser
import Foundation
import Runtime
import Safetensors
import Samplers

/// Runs a command's work and reports every failure as one sentence on standard error and an exit status: 64 for a
/// mistake in the command line, else 1.
func reportingFailures(_ work: () throws -> Void) throws {
    Interrupt.watch()
    MappingFault.watch()
    // A file that reaches the limit on its size then fails to be written, as it does on a full disk.
    signal(SIGXFSZ, SIG_IGN)
    do {
        do {
            try work()
        } catch is CallStopped {
            // The reason follows.
        }
        try Interrupt.check()
        try MappedFile.checkUnchanged()
    } catch let error as ExitCode {
        throw error
    } catch let error as Interrupted {
        Terminal.note("\(error)")
        throw ExitCode(error.status)
    } catch let error where error is UsageError || error is SettingError {
        Terminal.note("Error: \(error)")
        throw ExitCode.validationFailure
    } catch {
        Terminal.note("Error: \(error)")
        throw ExitCode.failure
    }
}
