import ArgumentParser
import Runtime

/// The option for the number of threads.
struct ThreadOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: "Threads to run on, up to the cores that it may use (default: OMP_NUM_THREADS, else these cores).")
    var threads: Int?

    /// The number of threads. More than there are cores would only wait for each other; a note says so if they are asked
    /// for.
    func resolved() -> Int {
        let cores = availableCores
        let wanted = threads ?? defaultThreads
        if wanted > cores {
            let source = threads == nil ? "OMP_NUM_THREADS" : "--threads"
            let most = cores == 1 ? "the one core" : "the \(cores) cores"
            Terminal.note(
                "\(source) is \(wanted), more than \(most) that this process may use: it runs on \(cores).")
        }
        return min(wanted, cores)
    }

    func validate() throws {
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads is \(threads); it has to be from 1 to 1024.")
        }
    }
}
