/// The call whose time is predicted, and the machine for which it is predicted.
///
/// The predicted time of an instruction is the larger of bytes / bandwidth and operations / peak, plus the overhead of
/// the tape.
public struct InspectedPrediction: Codable, Hashable, Sendable {
    /// The speed of one kind of product.
    public struct Peak: Codable, Hashable, Sendable {
        /// The format of the multiplied numbers: `f32`, `bf16` or `int8`.
        public var product: String
        /// The speed, in units of 10¹² floating point operations per second.
        public var tflops: Double

        public init(product: String, tflops: Double) {
            self.product = product
            self.tflops = tflops
        }
    }

    /// The number of rows in the call.
    public var rows: Int
    /// The number of positions before the first row.
    public var context: Int
    /// The number of threads for which the machine was measured.
    public var threads: Int
    /// The memory bandwidth, in units of 10⁹ bytes per second.
    public var readGbS: Double
    /// The peaks of the products that were measured.
    public var peaks: [Peak]
    /// The overhead of an instruction of the tape in addition to its work, in microseconds.
    public var instructionUs: Double
    /// The overhead of a barrier, in microseconds.
    public var barrierUs: Double

    public init(
        rows: Int, context: Int, threads: Int, readGbS: Double, peaks: [Peak], instructionUs: Double, barrierUs: Double
    ) {
        self.rows = rows
        self.context = context
        self.threads = threads
        self.readGbS = readGbS
        self.peaks = peaks
        self.instructionUs = instructionUs
        self.barrierUs = barrierUs
    }
}
