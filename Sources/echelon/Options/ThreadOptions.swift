import ArgumentParser

/// The option for the number of threads.
struct ThreadOptions: ParsableArguments {
    @Option(parsing: .unconditional, help: "Threads to run on (default: OMP_NUM_THREADS, else the machine's cores).")
    var threads: Int?
}
