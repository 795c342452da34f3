import Safetensors
import Testing

@Suite struct ConversionTests {
    func floats(_ type: String, _ bits: [UInt16]) throws -> [Float] {
        let header = #"{"w":{"dtype":"\#(type)","shape":[\#(bits.count)],"data_offsets":[0,\#(2 * bits.count)]}}"#
        return try openImage(fileBytes(header: header, data: bytes(bits))).floats("w")
    }

    @Test func float16HasItsKnownValues() throws {
        let known: [(UInt16, Float)] = [
            (0x0000, 0), (0x3C00, 1), (0xC000, -2), (0x3555, 0.333251953125), (0x7BFF, 65504), (0xFBFF, -65504),
            (0x0400, 0x1p-14), (0x03FF, 0x3FFp-24), (0x0001, 0x1p-24), (0x8001, -0x1p-24),
            (0x7C00, .infinity), (0xFC00, -.infinity),
        ]
        #expect(try floats("F16", known.map(\.0)) == known.map(\.1))
        let special = try floats("F16", [0x8000, 0x7E00, 0x7C01, 0xFFFF])
        #expect(special[0].sign == .minus && special[0] == 0)
        #expect(special.dropFirst().filter(\.isNaN).count == 3)
    }

    @Test func everyFloat16AgreesWithTheStandardLibrary() throws {
        let all = Array(UInt16.min...UInt16.max)
        let converted = try floats("F16", all)
        let wrong = zip(all, converted).filter { bits, float in
            let expected = Float(Float16(bitPattern: bits))
            return expected.isNaN ? !float.isNaN : expected.bitPattern != float.bitPattern
        }
        #expect(wrong.isEmpty)
    }

    @Test func everyBfloat16IsTheUpperHalfOfItsFloat() throws {
        let all = Array(UInt16.min...UInt16.max)
        let wrong = zip(all, try floats("BF16", all)).filter { $1.bitPattern != UInt32($0) << 16 }
        #expect(wrong.isEmpty)
    }

    @Test func float32IsCopiedBitByBit() throws {
        let bits: [UInt32] = [0, 0x8000_0000, 1, 0x7F80_0000, 0x7FC0_1234, 0x3F80_0001]
        let header = #"{"w":{"dtype":"F32","shape":[6],"data_offsets":[0,24]}}"#
        #expect(try openImage(fileBytes(header: header, data: bytes(bits))).floats("w").map(\.bitPattern) == bits)
    }

    @Test func `float64 is rounded to the nearest float32`() throws {
        let numbers = [1, -0.1, 1e-300, 1e300, .infinity, 0x1.0000018p0]
        let header = #"{"w":{"dtype":"F64","shape":[2,3],"data_offsets":[0,48]}}"#
        #expect(try openImage(fileBytes(header: header, data: bytes(numbers))).floats("w") == numbers.map(Float.init))
    }

    /// Bytes and their numbers, as torch converts them: zero, the smallest, one, the largest, and what is not finite.
    static let bytesOfFloats: [(type: String, values: [(UInt8, Float)])] = [
        ("F8_E4M3", [(0x80, 0), (0x01, 0x1p-9), (0x38, 1), (0xFE, -448), (0x7F, .nan), (0xFF, .nan)]),
        ("F8_E5M2", [(0x00, 0), (0x01, 0x1p-16), (0x3C, 1), (0xFB, -57344), (0x7C, .infinity), (0x7D, .nan)]),
        ("F8_E4M3FNUZ", [(0x00, 0), (0x01, 0x1p-10), (0x40, 1), (0xFF, -240), (0x80, .nan)]),
        ("F8_E5M2FNUZ", [(0x00, 0), (0x01, 0x1p-17), (0x40, 1), (0xFF, -57344), (0x80, .nan)]),
        ("F8_E8M0", [(0x00, 0x1p-127), (0x7F, 1), (0xFE, 0x1p127), (0xFF, .nan)]),
    ]

    @Test(arguments: bytesOfFloats)
    func `floats of a byte have their known values`(_ type: String, _ values: [(UInt8, Float)]) throws {
        let header =
            #"{"w":{"dtype":"\#(type)","shape":[\#(values.count)],"data_offsets":[0,\#(values.count)]}}"#
        let read = try openImage(fileBytes(header: header, data: values.map(\.0))).floats("w")
        for (number, (byte, expected)) in zip(read, values) {
            #expect(number == expected || number.isNaN && expected.isNaN, "\(type) \(byte): \(number), not \(expected)")
        }
    }

    @Test func unalignedTensorsAreRead() throws {
        // One byte before them puts every other tensor at an odd address, for any length of the header.
        for spaces in 0..<4 {
            let header =
                #"{"o":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"F32","shape":[2],"#
                + #""data_offsets":[1,9]},"h":{"dtype":"F16","shape":[3],"data_offsets":[9,15]}}"#
                + String(repeating: " ", count: spaces)
            let opened = try openImage(
                fileBytes(
                    header: header, data: [9] + bytes([Float(0.5), 3]) + bytes([UInt16(0x3C00), 0x4000, 0xC200])))
            #expect(try opened.floats("w") == [0.5, 3])
            #expect(try opened.floats("h") == [1, 2, -3])
        }
    }
}
