/// The call whose milliseconds are predicted, and the machine that it is predicted for.
///
/// An instruction takes the larger of its bytes over the bandwidth and its operations over the peak, and what the tape
/// itself costs.
public struct InspectedPrediction: Codable, Hashable, Sendable {
    public struct Peak: Codable, Hashable, Sendable {
        /// What is multiplied: `f32`, `bf16` or `int8`.
        public var product: String
        public var tflops: Double

        public init(product: String, tflops: Double) {
            self.product = product
            self.tflops = tflops
        }
    }

    /// Rows of the call.
    public var rows: Int
    /// Positions before the first row.
    public var context: Int
    public var threads: Int
    /// The bandwidth, in units of 10⁹ bytes a second.
    public var readGbS: Double
    public var peaks: [Peak]
    /// What an instruction and a barrier of the tape cost beside the work, in microseconds.
    public var instructionUs: Double
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
