import NumberFormats
import RandomGraphs
import Testing

/// The results of the searches for scales, compared with the plain choice, which is the scale that reaches the largest
/// magnitude.
@Suite struct QuantizerTests {
    /// The rows of many kinds: normal numbers, with outliers, of one sign, sparse, tiny and huge.
    static func row(_ kind: Int, count: Int, _ random: inout RandomSource) -> [Float] {
        func normal(_ random: inout RandomSource) -> Float {
            (0..<12).reduce(Float(-6)) { sum, _ in sum + Float.random(in: 0..<1, using: &random) }
        }
        return (0..<count).map { index in
            let value = normal(&random)
            return switch kind {
            case 0: value
            case 1: index % 97 == 5 ? 20 * value : value
            case 2: abs(value)
            case 3: index % 7 == 0 ? value : 0
            case 4: value * 1e-30
            case 5: value * 1e30
            default: value * value * value
            }
        }
    }

    static func quantized8(_ row: [Float]) -> (scale: Float, codes: [Int8]) {
        var codes = [Int8](repeating: 99, count: row.count)
        let scale = row.withUnsafeBufferPointer { row in
            codes.withUnsafeMutableBufferPointer { Int8Quantizer.quantize(row, into: $0) }
        }
        return (scale, codes)
    }

    static func quantized4(_ group: [Float]) -> (scale: Float, codes: [Int8]) {
        var codes = [Int8](repeating: 99, count: group.count)
        let scale = group.withUnsafeBufferPointer { group in
            codes.withUnsafeMutableBufferPointer { Int4Quantizer.quantize(group, into: $0) }
        }
        return (scale, codes)
    }

    static func error(_ row: [Float], _ scale: Float, _ codes: [Int8]) -> Double {
        zip(row, codes).reduce(0) { sum, pair in
            let difference = Double(pair.0) - Double(pair.1) * Double(scale)
            return sum + difference * difference
        }
    }

    /// The error of nearest codes with the scale that reaches the largest magnitude.
    static func plainError(_ row: [Float], largest: Float, scaleBits: UInt32) -> Double {
        let magnitude = row.map(abs).max() ?? 0
        let scale = Float(bitPattern: ((magnitude / largest).bitPattern + ~scaleBits / 2) & scaleBits)
        return error(row, scale, row.map { Int8(max(-largest, min(largest, ($0 / scale).rounded(.toNearestOrEven)))) })
    }

    @Test(arguments: 0..<7, [1, 7, 32, 100, 1000])
    func `int8 rows are never further from their codes than with the plain scale`(_ kind: Int, _ count: Int) {
        var random = RandomSource(seed: UInt64(kind * 10 + count))
        for _ in 0..<10 {
            let row = Self.row(kind, count: count, &random)
            let (scale, codes) = Self.quantized8(row)
            #expect(codes.allSatisfy { $0 >= -127 })
            // Both sums are sums of rounded numbers.
            #expect(Self.error(row, scale, codes) <= Self.plainError(row, largest: 127, scaleBits: ~0) * 1.0001)
        }
    }

    @Test(arguments: 0..<7, [1, 2, 7, 20, 32])
    func `int4 groups are never further from their codes than with the plain scale`(_ kind: Int, _ count: Int) {
        var random = RandomSource(seed: UInt64(kind * 10 + count))
        for _ in 0..<30 {
            let group = Self.row(kind, count: count, &random)
            let (scale, codes) = Self.quantized4(group)
            #expect(codes.allSatisfy { (-8...7).contains($0) })
            #expect(scale.bitPattern & 0xFFFF == 0, "\(scale) is no bf16 number")
            let plain = Self.plainError(group, largest: 7, scaleBits: 0xFFFF_0000)
            #expect(Self.error(group, scale, codes) <= plain * 1.0001)
        }
    }

    @Test
    func
        `the searches are worth it: int4 loses a seventh less on normal numbers, int8 a hundredth less where one stands out`()
    {
        var random = RandomSource(seed: 5)
        var (found, plain) = (0.0, 0.0)
        for _ in 0..<300 {
            let group = Self.row(0, count: 32, &random)
            let (scale, codes) = Self.quantized4(group)
            found += Self.error(group, scale, codes)
            plain += Self.plainError(group, largest: 7, scaleBits: 0xFFFF_0000)
        }
        #expect(found < plain * 6 / 7, "\(found / plain)")
        // One number is slightly larger than many others. A scale that reaches it is worse for all others.
        (found, plain) = (0, 0)
        for _ in 0..<20 {
            let row = Self.row(0, count: 4000, &random) + [6]
            let (scale, codes) = Self.quantized8(row)
            found += Self.error(row, scale, codes)
            plain += Self.plainError(row, largest: 127, scaleBits: ~0)
        }
        #expect(found < plain * 99 / 100, "\(found / plain)")
    }

    @Test func `the same numbers always get the same codes`() {
        var random = RandomSource(seed: 9)
        let row = Self.row(1, count: 32, &random)
        #expect(Self.quantized8(row) == Self.quantized8(row))
        #expect(Self.quantized4(row) == Self.quantized4(row))
    }

    @Test(arguments: [[0, 0, -0], [.leastNonzeroMagnitude, -.leastNonzeroMagnitude, 0], []] as [[Float]])
    func `numbers that no scale can tell from zero are zero`(_ numbers: [Float]) {
        for (scale, codes) in [Self.quantized8(numbers), Self.quantized4(numbers)] {
            #expect(scale == 0)
            #expect(codes.allSatisfy { $0 == 0 })
        }
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity, .signalingNaN])
    func `an infinity or a NaN gives no scale, wherever it stands`(_ value: Float) {
        for place in [0, 3, 9] {
            var numbers: [Float] = (0..<10).map(Float.init)
            numbers[place] = value
            for (scale, codes) in [Self.quantized8(numbers), Self.quantized4(numbers)] {
                #expect(scale.isNaN)
                #expect(codes.allSatisfy { $0 == 0 })
            }
        }
    }

    @Test func `the largest floats have a scale`() {
        let numbers: [Float] = [.greatestFiniteMagnitude, -.greatestFiniteMagnitude, 0, 1e38]
        for (scale, codes) in [Self.quantized8(numbers), Self.quantized4(numbers)] {
            #expect(scale.isFinite)
            #expect(abs(Float(codes[0]) * scale) > 3e38)
        }
    }
}
