import Foundation
import Reports
import Testing

/// The command under test. It runs in a process, as it does for a user.
enum EchelonCommand {
    /// The time limit of a process. Nothing here takes longer than a few seconds, so a process that exceeds it hangs.
    static let patience = Duration.seconds(120)

    /// The command next to the test bundle, where a build puts both.
    static func executable() throws -> URL {
        let bundle = URL(filePath: CommandLine.arguments[0])
        let candidates = [bundle, Bundle.main.executableURL ?? bundle].map {
            $0.deletingLastPathComponent().appending(path: "echelon")
        }
        guard let found = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0.path) }) else {
            throw CommandFault("There is no command at \(candidates[0].path); build the product echelon first.")
        }
        return found.absoluteURL
    }

    /// Runs the command until it ends.
    /// - Parameters:
    ///   - input: the standard input, which is empty by default.
    ///   - folder: the current folder of the process; nil for that of this process.
    ///   - executable: the file to run; nil for ``executable()``.
    ///   - caches: the folder for files that the command keeps; nil for one that is empty and exists as long as the run.
    ///   - memoryLimit: the bytes that the command takes for those of the machine; nil for the machine's own.
    ///   - environment: variables in addition to those of this process.
    /// - Throws: ``CommandFault`` if it hangs or a signal ends it.
    static func run(
        _ arguments: [String], input: Data = Data(), in folder: String? = nil, executable: URL? = nil,
        caches: String? = nil, memoryLimit: Int? = nil, environment: [String: String] = [:]
    ) throws -> CommandRun {
        try RunningCommand(
            arguments, input: input, in: folder, executable: executable, caches: caches, memoryLimit: memoryLimit,
            environment: environment
        ).wait()
    }

    static func run(_ arguments: String...) throws -> CommandRun { try run(arguments) }
}

/// The results of a process that has ended.
struct CommandRun {
    var status: Int32
    var output: Data
    var errors: String

    var text: String { String(decoding: output, as: UTF8.self) }

    /// The standard output of a run that has to have succeeded.
    func succeeded(_ location: SourceLocation = #_sourceLocation) throws -> CommandRun {
        try #require(status == 0, "\(errors)", sourceLocation: location)
        return self
    }

    /// Decodes the standard output, which is one JSON value.
    func json<Value: Decodable>(_ type: Value.Type, _ location: SourceLocation = #_sourceLocation) throws -> Value {
        try ReportJSON.value(type, from: succeeded(location).output)
    }

    /// Expects the form of every failure: its status, one line on standard error, and nothing on standard output.
    /// - Parameters:
    ///   - fragments: the texts that the line has to contain.
    ///   - expected: 1, or 64 for a mistake in the command line.
    func expectRefusal(
        _ fragments: String..., status expected: Int32 = 1, location: SourceLocation = #_sourceLocation
    ) {
        #expect(status == expected, "\(errors)", sourceLocation: location)
        #expect(output.isEmpty, "\(text)", sourceLocation: location)
        #expect(errors.hasPrefix("Error: ") && errors.hasSuffix("\n"), "\(errors)", sourceLocation: location)
        #expect(errors.count(where: \.isNewline) == 1, "\(errors)", sourceLocation: location)
        for fragment in fragments { #expect(errors.contains(fragment), "\(errors)", sourceLocation: location) }
    }

    /// Expects the refusal of a command line: status 64, and a hint of the correct usage.
    func expectUsageError(_ fragment: String, location: SourceLocation = #_sourceLocation) {
        #expect(status == 64, "\(errors)", sourceLocation: location)
        #expect(output.isEmpty, "\(text)", sourceLocation: location)
        #expect(errors.contains(fragment), "\(errors)", sourceLocation: location)
        #expect(errors.contains("Usage: echelon"), "\(errors)", sourceLocation: location)
    }
}

/// A process that may still run. Its output goes to files, because a full pipe would make it wait.
final class RunningCommand {
    private let arguments: [String]
    private let process = Process()
    private let folder: TemporaryFolder
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - output: the destination of standard output in place of a file of this object.
    ///   - errors: the destination of standard error in place of a file of this object.
    init(
        _ arguments: [String], input: Data = Data(), in workingFolder: String? = nil, executable: URL? = nil,
        output: String? = nil, errors: String? = nil, caches: String? = nil, memoryLimit: Int? = nil,
        environment additions: [String: String] = [:]
    ) throws {
        self.arguments = arguments
        folder = try TemporaryFolder()
        process.executableURL = try executable ?? EchelonCommand.executable()
        process.arguments = arguments
        if let workingFolder { process.currentDirectoryURL = URL(filePath: workingFolder) }
        var environment = ProcessInfo.processInfo.environment
        // A crash has to end the process at once, instead of printing a backtrace for half a minute.
        environment["SWIFT_BACKTRACE"] = "enable=no"
        // The width of help lines is that of the terminal, so it is fixed here.
        environment["COLUMNS"] = "80"
        environment["XDG_CACHE_HOME"] = caches ?? folder.file("caches")
        if let memoryLimit { environment["ECHELON_MEMORY_LIMIT"] = "\(memoryLimit)" }
        process.environment = environment.merging(additions) { $1 }
        try input.write(to: URL(filePath: folder.file("stdin")))
        for name in ["stdout", "stderr"] { try Data().write(to: URL(filePath: folder.file(name))) }
        process.standardInput = try FileHandle(forReadingFrom: URL(filePath: folder.file("stdin")))
        process.standardOutput = try FileHandle(forWritingTo: URL(filePath: output ?? folder.file("stdout")))
        process.standardError = try FileHandle(forWritingTo: URL(filePath: errors ?? folder.file("stderr")))
        process.terminationHandler = { [ended] _ in ended.signal() }
        try Self.withoutBlockedSignals(process.run)
    }

    /// The threads that run tests block signals. A process that is started there would not receive Ctrl-C.
    private static func withoutBlockedSignals(_ work: () throws -> Void) rethrows {
        var none = sigset_t()
        var blocked = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &blocked)
        defer { pthread_sigmask(SIG_SETMASK, &blocked, nil) }
        try work()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    var isRunning: Bool { process.isRunning }

    /// The standard output so far.
    var outputSoFar: Data { (try? Data(contentsOf: URL(filePath: folder.file("stdout")))) ?? Data() }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// - Throws: ``CommandFault`` if it hangs or a signal ends it.
    func wait() throws -> CommandRun {
        let name = "echelon " + arguments.joined(separator: " ")
        let (seconds, _) = EchelonCommand.patience.components
        guard ended.wait(timeout: .now() + .seconds(Int(seconds))) == .success else {
            send(SIGKILL)
            throw CommandFault("\(name) hangs.")
        }
        let errors = String(decoding: try Data(contentsOf: URL(filePath: folder.file("stderr"))), as: UTF8.self)
        guard process.terminationReason == .exit else {
            throw CommandFault("\(name) was ended by signal \(process.terminationStatus). \(errors)")
        }
        return CommandRun(status: process.terminationStatus, output: outputSoFar, errors: errors)
    }
}

/// The error of a command that misbehaved in a way that no input may cause, or of a test that cannot be run.
struct CommandFault: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// Waits for a condition, for as long as a command may take.
/// - Parameter microseconds: the time between two checks.
/// - Throws: ``CommandFault`` if it does not come.
func waitUntil(every microseconds: UInt32 = 10_000, _ condition: () throws -> Bool) throws {
    let start = ContinuousClock.now
    while try !condition() {
        guard ContinuousClock.now - start < EchelonCommand.patience else {
            throw CommandFault("What the test waits for does not come.")
        }
        usleep(microseconds)
    }
}
