import Inspection
import NumberFormats
import Plans
import Runtime
import Samplers

/// The JSON that `bench --json` prints.
///
/// Times are medians in milliseconds. A floor is the larger of two times: the bytes over the probed bandwidth, and the
/// operations over the probed peak.
package struct BenchReport: Codable, Hashable, Sendable {
    package typealias Peak = InspectedPrediction.Peak

    package var probe: Probe
    package var model: Model
    package var matrices: [Matrix] = []
    package var functions: [Function] = []
    package var prefill: Prefill?
    package var autoregressive: Autoregressive?
    package var diffusion: [Diffusion] = []
    package var lossless: [Lossless] = []
    package var tapes: [FunctionReport] = []
    package var shares: [Shares] = []
    package var overhead: Overhead?

    package init(probe: Probe, model: Model) {
        self.probe = probe
        self.model = model
    }

    /// The machine's speed.
    package struct Probe: Codable, Hashable, Sendable {
        /// The median, the minimum and the maximum of all bandwidths probed during the run.
        package var readGbS: Double
        package var readGbSLeast: Double
        package var readGbSMost: Double
        /// The peak for the plan's standard weight format.
        package var peakTflops: Double
        package var peaks: [Peak]
        package var threads: Int
        package var instructionSet: String

        package init(
            readGbS: Double, readGbSLeast: Double, readGbSMost: Double, peakTflops: Double, peaks: [Peak], threads: Int,
            instructionSet: String
        ) {
            self.readGbS = readGbS
            self.readGbSLeast = readGbSLeast
            self.readGbSMost = readGbSMost
            self.peakTflops = peakTflops
            self.peaks = peaks
            self.threads = threads
            self.instructionSet = instructionSet
        }

        /// The ratio of the fastest to the slowest reading from which on times of a run do not compare. Probes of a quiet
        /// machine differ by a tenth.
        private static let drifted = 1.2

        /// The warning that the machine was not equally fast throughout the run; nil if it was.
        package var driftWarning: String? {
            guard readGbSLeast > 0, readGbSMost / readGbSLeast >= Self.drifted else { return nil }
            let percent = Int(((readGbSMost / readGbSLeast - 1) * 100).rounded())
            return "The machine's speed drifted during the run: its fastest reading is \(percent)% faster than its "
                + "slowest.\nTimes that were measured one after the other do not compare, and gains may exceed what "
                + "bytes allow.\nRun it again when nothing else runs."
        }
    }

    package struct Model: Codable, Hashable, Sendable {
        package var name: String
        package var weights: ElementType
        package var cacheFormat: CacheFormat
        package var bytes: Int
        package var width: Int

        package init(_ model: PlanModel, named name: String) {
            let settings = model.plan.contents.settings
            self.name = name
            weights = settings.weights
            cacheFormat = model.cacheFormat
            bytes = model.plan.byteCount
            width = settings.width
        }
    }

    /// A product of `rows` rows with a matrix of n outputs by k inputs.
    package struct Matrix: Codable, Hashable, Sendable {
        package var name: String
        package var format: ElementType
        package var n: Int
        package var k: Int
        package var rows: Int
        package var bytes: Int
        package var ms: Double
        package var bestMs: Double
        package var floorMs: Double
        /// The number of matrices of this shape, which are multiplied in turn.
        package var count: Int

        package init(
            name: String, format: ElementType, n: Int, k: Int, rows: Int, bytes: Int, ms: Double, bestMs: Double,
            floorMs: Double, count: Int
        ) {
            self.name = name
            self.format = format
            self.n = n
            self.k = k
            self.rows = rows
            self.bytes = bytes
            self.ms = ms
            self.bestMs = bestMs
            self.floorMs = floorMs
            self.count = count
        }

        /// Multiplications and additions.
        package var operations: Double { Double(rows) * Double(OperationWork.productFlops(outputs: n, inputs: k)) }
    }

    /// A call of a function with `rows` consecutive rows of one sequence, `context` positions before the first.
    package struct Function: Codable, Hashable, Sendable {
        package var name: String
        package var rows: Int
        package var context: Int
        package var recurrence: Int
        package var bytes: Int
        package var operations: Double
        package var ms: Double
        package var bestMs: Double
        package var floorMs: Double

        package init(
            name: String, rows: Int, context: Int, recurrence: Int, bytes: Int, operations: Double, ms: Double,
            bestMs: Double, floorMs: Double
        ) {
            self.name = name
            self.rows = rows
            self.context = context
            self.recurrence = recurrence
            self.bytes = bytes
            self.operations = operations
            self.ms = ms
            self.bestMs = bestMs
            self.floorMs = floorMs
        }
    }

    package struct Prefill: Codable, Hashable, Sendable {
        package var rows: Int
        package var recurrence: Int
        package var ms: Double
        package var floorMs: Double
        package var tokensPerSecond: Double

        package init(rows: Int, recurrence: Int, ms: Double, floorMs: Double, tokensPerSecond: Double) {
            self.rows = rows
            self.recurrence = recurrence
            self.ms = ms
            self.floorMs = floorMs
            self.tokensPerSecond = tokensPerSecond
        }
    }

    package struct Autoregressive: Codable, Hashable, Sendable {
        package var recurrence: Int
        package var tokensPerSecond: Double

        package init(recurrence: Int, tokensPerSecond: Double) {
            self.recurrence = recurrence
            self.tokensPerSecond = tokensPerSecond
        }
    }

    /// Diffusion forcing at one token per step, which is the minimum while the wavefront advances.
    package struct Diffusion: Codable, Hashable, Sendable {
        package var rows: Int
        package var innerRecurrence: Int
        package var tokensPerSecond: Double
        /// `tokensPerSecond` over the autoregressive rate.
        package var gain: Double

        package init(rows: Int, innerRecurrence: Int, tokensPerSecond: Double, gain: Double) {
            self.rows = rows
            self.innerRecurrence = innerRecurrence
            self.tokensPerSecond = tokensPerSecond
            self.gain = gain
        }
    }

    /// The lossless wavefront with forced drafts, while its waves are full.
    package struct Lossless: Codable, Hashable, Sendable {
        package var innerRecurrence: Int
        package var correction: DraftCorrection
        /// The percentage of drafts that are wrong at first. With `every-read-out` they are right at the second read-out,
        /// with `at-full-depth` at the last one.
        package var wrongDrafts: Int
        package var sequences: Int
        /// The maximum number of rows in a step.
        package var rows: Int
        package var tokens: Int
        package var steps: Int
        package var stepsPerToken: Double
        package var msPerStep: Double
        package var tokensPerSecond: Double
        /// `tokensPerSecond` over the autoregressive rate, measured next to it.
        package var gain: Double
        /// The bytes of an autoregressive token over those of a step: the gain if all drafts are right and nothing but
        /// bytes counts.
        package var gainByBytes: Double
        /// The same for the larger of the floors of bytes and of operations.
        package var gainByFloor: Double
        /// The fraction of the time outside the executor: sampler, driver and the calls' arguments.
        package var hostShare: Double

        package init(
            innerRecurrence: Int, correction: DraftCorrection, wrongDrafts: Int, sequences: Int, rows: Int, tokens: Int,
            steps: Int, stepsPerToken: Double, msPerStep: Double, tokensPerSecond: Double, gain: Double,
            gainByBytes: Double, gainByFloor: Double, hostShare: Double
        ) {
            self.innerRecurrence = innerRecurrence
            self.correction = correction
            self.wrongDrafts = wrongDrafts
            self.sequences = sequences
            self.rows = rows
            self.tokens = tokens
            self.steps = steps
            self.stepsPerToken = stepsPerToken
            self.msPerStep = msPerStep
            self.tokensPerSecond = tokensPerSecond
            self.gain = gain
            self.gainByBytes = gainByBytes
            self.gainByFloor = gainByFloor
            self.hostShare = hostShare
        }
    }

    /// The parts of the time of one call.
    package struct Shares: Codable, Hashable, Sendable {
        package var name: String
        package var rows: Int
        package var ms: Double
        package var kinds: [Share]
        /// Waiting between instructions.
        package var barriers: Share

        package init(_ profile: ExecutionProfile, name: String, rows: Int) {
            func share(_ kind: String, _ executions: Int, _ seconds: Double) -> Share {
                Share(
                    kind: kind, executions: executions, ms: seconds * 1e3,
                    share: profile.seconds > 0 ? seconds / profile.seconds : 0)
            }
            self.name = name
            self.rows = rows
            ms = profile.seconds * 1e3
            kinds = profile.kinds.map { share($0.opcode, $0.executions, $0.seconds) }
            barriers = share("barrier", profile.barriers, profile.barrierSeconds)
        }
    }

    /// All executions of one kind of instruction.
    package struct Share: Codable, Hashable, Sendable {
        package var kind: String
        package var executions: Int
        package var ms: Double
        /// The fraction of the call's time.
        package var share: Double
    }

    /// The time that the tape adds to the work of its instructions.
    package struct Overhead: Codable, Hashable, Sendable {
        package var instructionUs: Double
        package var barrierUs: Double

        package init(_ overhead: TapeOverhead) {
            instructionUs = overhead.instruction * 1e6
            barrierUs = overhead.barrier * 1e6
        }
    }
}
