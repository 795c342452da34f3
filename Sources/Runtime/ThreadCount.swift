import CExecutor

/// The default number of threads of a model: `OMP_NUM_THREADS`, or the number of cores if it is not set.
public var defaultThreads: Int { Int(ech_default_threads()) }
