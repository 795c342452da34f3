import Foundation
import RepositoryFiles
import Safetensors
import Testing

@Suite struct ReaderTests {
    /// A file with two tensors and 12 bytes of data.
    let twoTensors =
        #"{"__metadata__":{"by":"hand"},"#
        + #""b":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]},"#
        + #""a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}  "#

    @Test func tensorsComeInTheOrderOfTheirBytes() throws {
        let opened = try openImage(
            fileBytes(header: twoTensors, data: bytes([Float(1.5), -2]) + bytes([UInt16(0x3F80), 0xC000])))
        #expect(opened.metadata == ["by": "hand"])
        #expect(opened.tensors.map(\.name) == ["a", "b"])
        #expect(opened["a"]?.shape == [1, 2])
        #expect(opened["b"]?.type == .bf16)
        #expect(opened["c"] == nil)
        #expect(try opened.floats("a") == [1.5, -2])
        #expect(try opened.floats("b") == [1, -2])
        #expect(try opened.withUnsafeBytes(of: "b", Array.init) == [0x80, 0x3F, 0x00, 0xC0])
        #expect(
            opened.range(ofMetadata: "by").map { range in opened.file.withUnsafeBytes { Array($0[range]) } }
                == Array("hand".utf8))
        #expect(opened.range(ofMetadata: "for") == nil)
    }

    @Test func scalarsAndEmptyTensorsAndNoTensorsAreFiles() throws {
        let header =
            #"{"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"#
            + #""z":{"dtype":"F16","shape":[0,9223372036854775807,9],"data_offsets":[4,4]},"#
            + #""y":{"dtype":"I64","shape":[3,0],"data_offsets":[0,0]}}"#
        let opened = try openImage(fileBytes(header: header, data: bytes([Float(7)])))
        #expect(try opened.floats("s") == [7])
        #expect(opened["s"]?.rowCount == 1)
        #expect(try opened.floats("z") == [])
        #expect(opened["z"]?.rowLength == 0)
        #expect(opened["y"]?.rowLength == 0)
        #expect(try openImage(fileBytes(header: "{}")).tensors.isEmpty)
        #expect(try openImage(fileBytes(header: #"{"__metadata__":null}"#)).metadata.isEmpty)
    }

    /// Types with the bytes that eight elements take; types of the future take any number.
    static let unread = [
        ("C64", 64), ("I64", 64), ("U16", 16), ("BOOL", 8), ("F6_E2M3", 6), ("F6_E3M2", 6), ("F4", 4), ("F2_NEW", 5),
        ("", 0),
    ]

    @Test(arguments: unread)
    func `tensors of types that are not read do not stop the others from being read`(_ type: String, _ size: Int) throws
    {
        func file(_ size: Int) -> [UInt8] {
            let header =
                #"{"x":{"dtype":"\#(type)","shape":[2,4],"data_offsets":[0,\#(size)]},"#
                + #""a":{"dtype":"F32","shape":[1],"data_offsets":[\#(size),\#(size + 4)]}}"#
            return fileBytes(header: header, data: [UInt8](repeating: 1, count: size) + bytes([Float(3)]))
        }
        let opened = try openImage(file(size))
        #expect(try opened.floats("a") == [3])
        #expect(opened["x"]?.shape == [2, 4])
        #expect { try opened.floats("x") } throws: { "\($0)".contains("element type \(type)") }
        // The size of a known type is checked all the same.
        #expect((problem(file(size + 1)) == nil) == (StoredType(rawValue: type).bitCount == nil))
    }

    @Test func rowRangesAreTheSameNumbersAsTheWhole() throws {
        let values = (0..<60).map { Float($0) }
        let halves = values.map { UInt16(truncatingIfNeeded: $0.bitPattern >> 16) }
        let header = #"{"m":{"dtype":"BF16","shape":[5,3,4],"data_offsets":[0,120]}}"#
        let opened = try openImage(fileBytes(header: header, data: bytes(halves)))
        for rows in [0..<5, 0..<1, 2..<4, 4..<5, 5..<5] {
            var part = [Float](repeating: -1, count: rows.count * 12)
            try part.withUnsafeMutableBufferPointer { try opened.read("m", rows: rows, into: $0) }
            #expect(part == Array(values[rows.lowerBound * 12..<rows.upperBound * 12]))
        }
        #expect(try opened.floats("m") == values)
    }

    @Test func rowsOutsideTheTensorAndBuffersOfAnotherSizeAreRefused() throws {
        let header =
            #"{"m":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"#
            + #""i":{"dtype":"I32","shape":[1],"data_offsets":[16,20]}}"#
        let opened = try openImage(fileBytes(header: header, data: [UInt8](repeating: 0, count: 20)))
        func read(_ name: String, _ rows: Range<Int>, _ count: Int) throws {
            var buffer = [Float](repeating: 0, count: count)
            try buffer.withUnsafeMutableBufferPointer { try opened.read(name, rows: rows, into: $0) }
        }
        #expect(throws: SafetensorsError.self) { try read("m", 1..<3, 4) }
        #expect(throws: SafetensorsError.self) { try read("m", -1..<1, 4) }
        #expect(throws: SafetensorsError.self) { try read("m", 0..<1, 3) }
        #expect { try read("i", 0..<1, 1) } throws: { "\($0)".contains("I32") && "\($0)".contains("\"i\"") }
        #expect { try opened.floats("n") } throws: { "\($0)".contains("\"n\"") }
    }

    @Test func goldenTensorsHaveTheirShapes() throws {
        let forward = try SafetensorsFile(path: Repository.golden.appending(path: "micro/forward.safetensors").path)
        #expect(forward["prompt0.latents_r1"]?.shape == [7, 192])
        #expect(try forward.floats("prompt0.latents_r1").allSatisfy { $0.isFinite && abs($0) < 100 })
    }
}
