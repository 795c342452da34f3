import NumberFormats
import Plans
import Runtime

/// What `bench --json` prints, all of one run. Times are medians in milliseconds. A floor is the larger of two times:
/// that of the bytes at the probed bandwidth, and that of the operations at the probed peak.
struct BenchReport: Encodable {
    var probe: Probe
    var model: Model
    var matrices: [Matrix] = []
    var functions: [Function] = []
    var prefill: Prefill?
    var autoregressive: Autoregressive?
    var diffusion: [Diffusion] = []
    var tapes: [FunctionReport] = []
    var shares: [Shares] = []
    var overhead: Overhead?

    struct Probe: Encodable {
        /// The median of all samples of the run, and the least and the most of them.
        var readGbS: Double
        var readGbSLeast: Double
        var readGbSMost: Double
        /// Of the format that most of the weights have.
        var peakTflops: Double
        var peaks: [Peak]
        var threads: Int
        var instructionSet: String

        /// The machine in a line.
        /// - Parameter range: whether to tell between which bandwidths it was.
        func text(range: Bool) -> String {
            let spread = range ? " (\(decimals(readGbSLeast, 1)) to \(decimals(readGbSMost, 1)))" : ""
            let peaks = peaks.map { "\($0.product) \(decimals($0.tflops, 3))" }.joined(separator: ", ")
            return "reads \(decimals(readGbS, 1)) GB/s\(spread), multiplies \(peaks) TFLOP/s; \(threads) threads, "
                + instructionSet
        }
    }

    struct Peak: Encodable {
        var product: String
        var tflops: Double
    }

    struct Model: Encodable {
        var name: String
        var weights: ElementType
        var cacheFormat: CacheFormat
        var bytes: Int
        var width: Int

        init(_ model: PlanModel, named name: String) {
            let settings = model.plan.contents.settings
            self.name = name
            weights = settings.weights
            cacheFormat = model.cacheFormat
            bytes = model.plan.byteCount
            width = settings.width
        }

        /// The model in a line.
        var text: String {
            "\(name): \(megabytes(bytes)), \(weights.rawValue) weights, \(cacheFormat.rawValue) caches"
        }
    }

    /// One product of `rows` rows with a matrix of n outputs by k inputs.
    struct Matrix: Encodable {
        var name: String
        var format: ElementType
        var n: Int
        var k: Int
        var rows: Int
        var bytes: Int
        var ms: Double
        var bestMs: Double
        var floorMs: Double
        /// Matrices of this shape that took turns.
        var count: Int

        var operations: Double { Double(rows) * Double(OperationWork.productFlops(outputs: n, inputs: k)) }
    }

    /// One call of a function over `rows` consecutive rows of a sequence, `context` positions before the first.
    struct Function: Encodable {
        var name: String
        var rows: Int
        var context: Int
        var recurrence: Int
        var bytes: Int
        var operations: Double
        var ms: Double
        var bestMs: Double
        var floorMs: Double
    }

    struct Prefill: Encodable {
        var rows: Int
        var recurrence: Int
        var ms: Double
        var floorMs: Double
        var tokensPerSecond: Double
    }

    struct Autoregressive: Encodable {
        var recurrence: Int
        var tokensPerSecond: Double
    }

    /// One token a step: the least that a wavefront advances when it does not stand still.
    struct Diffusion: Encodable {
        var rows: Int
        var innerRecurrence: Int
        var tokensPerSecond: Double
        /// Times the autoregressive rate.
        var gain: Double
    }

    /// Where the time of one call goes.
    struct Shares: Encodable {
        var name: String
        var rows: Int
        var ms: Double
        var kinds: [Share]
        /// Waiting between instructions.
        var barriers: Share
    }

    struct Share: Encodable {
        var kind: String
        var executions: Int
        var ms: Double
        /// Of the call's time.
        var share: Double
    }

    struct Overhead: Encodable {
        var instructionUs: Double
        var barrierUs: Double
    }
}

extension BenchReport.Shares {
    init(_ profile: ExecutionProfile, name: String, rows: Int) {
        func share(_ kind: String, _ executions: Int, _ seconds: Double) -> BenchReport.Share {
            .init(
                kind: kind, executions: executions, ms: seconds * 1e3,
                share: profile.seconds > 0 ? seconds / profile.seconds : 0)
        }
        self.init(
            name: name, rows: rows, ms: profile.seconds * 1e3,
            kinds: profile.kinds.map { share($0.opcode, $0.executions, $0.seconds) },
            barriers: share("barrier", profile.barriers, profile.barrierSeconds))
    }
}
