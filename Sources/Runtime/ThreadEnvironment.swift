import Foundation

/// The environment variables by which OpenMP's runtime sets up its threads. The runtime ends the process if some of them
/// make no sense, so they are put right before its first use.
public enum ThreadEnvironment {
    /// The variables that have to be positive numbers if they are set.
    private static let counts = ["OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "KMP_ALL_THREADS", "KMP_DEVICE_THREAD_LIMIT"]
    /// The variables with the size of the stack of a thread.
    private static let stackSizes = ["OMP_STACKSIZE", "KMP_STACKSIZE", "GOMP_STACKSIZE"]
    /// Kernels keep tens of kilobytes of partial sums on the stack, and the usual size is 4 MiB.
    private static let usableStackBytes = 1 << 20...1 << 30

    /// Removes variables that cannot be used, and has the runtime's own threads sleep when they wait, unless the
    /// environment says otherwise: threads that spin after a probe of the machine would take cores from the model's. Call it
    /// before anything uses threads.
    /// - Returns: a sentence for each variable that was removed.
    public static func prepare() -> [String] {
        setenv("OMP_WAIT_POLICY", "passive", 0)
        var remarks: [String] = []
        for name in counts {
            guard let text = value(name), !isCount(text) else { continue }
            unsetenv(name)
            if !text.isEmpty {
                remarks.append("\(name) is \"\(text)\", which is not a number of threads; it is ignored.")
            }
        }
        for name in stackSizes {
            guard let text = value(name) else { continue }
            if let bytes = stackBytes(text), usableStackBytes.contains(bytes) { continue }
            unsetenv(name)
        }
        return remarks
    }

    private static func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// Whether a text is a positive number, or a list of them for nested regions.
    private static func isCount(_ text: String) -> Bool {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        return parts.allSatisfy { part in
            Int32(part.trimmingCharacters(in: .whitespaces)).map { $0 > 0 } ?? false
        }
    }

    /// The bytes that a size such as `512k`, `4M` or `2 g` stands for; kilobytes if it has no unit.
    package static func stackBytes(_ text: String) -> Int? {
        let trimmed = text.trimmingCharacters(in: .whitespaces).lowercased()
        let digits = trimmed.prefix { $0.isASCII && $0.isNumber }
        let units = [
            "b": 1, "": 1 << 10, "k": 1 << 10, "kb": 1 << 10, "m": 1 << 20, "mb": 1 << 20, "g": 1 << 30, "gb": 1 << 30,
        ]
        let unit = trimmed.dropFirst(digits.count).trimmingCharacters(in: .whitespaces)
        guard let number = Int(digits), let factor = units[unit] else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : bytes
    }
}
