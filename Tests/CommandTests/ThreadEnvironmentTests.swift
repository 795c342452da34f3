import Foundation
import Testing

/// Environment variables that OpenMP's runtime reads, with values at which it would end the process.
@Suite struct ThreadEnvironmentTests {
    @Test(arguments: [
        ("OMP_NUM_THREADS", ""), ("OMP_NUM_THREADS", " "), ("OMP_NUM_THREADS", "-1"), ("OMP_NUM_THREADS", "0"),
        ("OMP_NUM_THREADS", "two"), ("OMP_NUM_THREADS", "99999999999999999999"), ("OMP_NUM_THREADS", "2,1"),
        ("OMP_THREAD_LIMIT", ""), ("OMP_THREAD_LIMIT", "-3"), ("OMP_THREAD_LIMIT", "1"), ("OMP_STACKSIZE", "1"),
        ("OMP_STACKSIZE", "16k"), ("OMP_STACKSIZE", "many"), ("OMP_STACKSIZE", "900000000g"), ("KMP_STACKSIZE", "1b"),
        ("KMP_ALL_THREADS", "0"), ("OMP_MAX_ACTIVE_LEVELS", "0"), ("OPENBLAS_NUM_THREADS", "-1"),
    ])
    func `a variable that makes no sense does no harm`(_ name: String, _ value: String) throws {
        let arguments = ["generate", try TestModels.wordmathBF16Plan, "2 + 3 = ?", "--max-new-tokens", "2"]
        let plain = try EchelonCommand.run(arguments).succeeded().text
        let run = try EchelonCommand.run(arguments, environment: [name: value])
        #expect(try run.succeeded().text == plain)
        #expect(!run.errors.contains("OMP: Error"), "\(run.errors)")
    }

    @Test func `a number of threads that is ignored is named`() throws {
        let run = try EchelonCommand.run(
            ["generate", "2 + 3 = ?", "--max-new-tokens", "1"], environment: ["OMP_NUM_THREADS": "-1"])
        #expect(try run.succeeded().errors.contains("OMP_NUM_THREADS is \"-1\""))
    }

    @Test(arguments: [["--threads", "1024"], []])
    func `more threads than there are cores run on the cores, and a line says so`(_ option: [String]) throws {
        let run = try EchelonCommand.run(
            ["generate", "2 + 3 = ?", "--max-new-tokens", "2"] + option,
            environment: option.isEmpty ? ["OMP_NUM_THREADS": "1000"] : [:])
        let name = option.isEmpty ? "OMP_NUM_THREADS is 1000" : "--threads is 1024"
        #expect(try run.succeeded().errors.contains("\(name), more than"), "\(run.errors)")
    }

    @Test func `threads that the system refuses are no crash`() throws {
        let limited = ["sh", "-c", #"ulimit -v 400000; exec "$@""#, "sh", try EchelonCommand.executable().path]
        let run = try RunningCommand(
            limited + ["generate", "2 + 3 = ?", "--max-new-tokens", "2", "--threads", "64"],
            executable: URL(filePath: "/usr/bin/env")
        ).wait()
        #expect(run.status == 0 || run.status == 1)
        #expect(!run.errors.contains("OMP: Error"), "\(run.errors)")
    }
}
