import ArgumentParser

/// The option for the number of threads.
struct ThreadOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: "Threads to run on (default: OMP_NUM_THREADS, else the cores that this process may use).")
    var threads: Int?

    func validate() throws {
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads is \(threads); it has to be from 1 to 1024.")
        }
    }
}
