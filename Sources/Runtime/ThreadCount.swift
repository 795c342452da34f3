import CExecutor

/// How many threads a model runs on when nobody says: `OMP_NUM_THREADS`, else as many as the machine has cores.
public var defaultThreads: Int { Int(ech_default_threads()) }
