import Foundation
import Safetensors
import Testing

@Suite struct DamagedFileTests {
    static func one(_ entry: String) -> String { #"{"w":\#(entry)}"# }

    /// A header, the size of the data after it, and the expected part of the message.
    static let refused: [(header: String, data: Int, named: [String])] = [
        ("", 0, ["does not start"]),
        ("[]", 0, ["does not start"]),
        ("{", 0, ["not valid JSON"]),
        ("{\"a\":\"\u{1}", 0, ["not valid JSON"]),
        (#"{"__metadata__":{"a":1}}"#, 0, ["__metadata__"]),
        (#"{"__metadata__":[]}"#, 0, ["__metadata__"]),
        (#"{"w":3}"#, 0, ["\"w\""]),
        (one(#"{"shape":[1],"data_offsets":[0,4]}"#), 4, ["\"w\"", "dtype"]),
        (one(#"{"dtype":"F32","data_offsets":[0,4]}"#), 4, ["\"w\"", "shape"]),
        (one(#"{"dtype":"F32","shape":[1]}"#), 4, ["\"w\"", "data_offsets"]),
        (one(#"{"dtype":4,"shape":[1],"data_offsets":[0,4]}"#), 4, ["\"w\"", "dtype"]),
        (one(#"{"dtype":"F32","shape":[1.5],"data_offsets":[0,6]}"#), 6, ["\"w\"", "shape"]),
        (one(#"{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}"#), 4, ["\"w\"", "shape"]),
        (one(#"{"dtype":"F32","shape":[true],"data_offsets":[0,4]}"#), 4, ["\"w\"", "shape"]),
        (one(#"{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}"#), 4, ["\"w\"", "negative"]),
        (one(#"{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}"#), 4, ["\"w\"", "negative"]),
        (one(#"{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,4]}"#), 4, ["\"w\"", "shape"]),
        (one(#"{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}"#), 4, ["\"w\"", "shape"]),
        (one(#"{"dtype":"F32","shape":[4294967296,4294967297],"data_offsets":[0,4]}"#), 4, ["\"w\"", "shape"]),
        (one(#"{"dtype":"F32","shape":[2],"data_offsets":[0,4]}"#), 4, ["\"w\"", "[2]", "8"]),
        (one(#"{"dtype":"F32","shape":[1],"data_offsets":[0]}"#), 4, ["\"w\"", "data_offsets"]),
        (one(#"{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}"#), 4, ["\"w\"", "data_offsets"]),
        (one(#"{"dtype":"F32","shape":[1],"data_offsets":[4,0]}"#), 4, ["\"w\"", "data_offsets"]),
        (one(#"{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}"#), 4, ["\"w\"", "data_offsets"]),
        (one(#"{"dtype":"F32","shape":[1],"data_offsets":[0,99999999999999999999]}"#), 4, ["\"w\"", "data_offsets"]),
        (one(#"{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775804,9223372036854775807]}"#), 4, ["\"w\""]),
        (one(#"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#), 3, ["\"w\"", "cut short"]),
        (one(#"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#), 5, ["last 1 bytes"]),
        (one(#"{"dtype":"F32","shape":[1],"data_offsets":[4,8]}"#), 8, ["4 bytes before", "\"w\""]),
        ("{}", 1, ["last 1 bytes"]),
        (
            #"{"v":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"w":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#,
            6, ["\"v\"", "\"w\"", "overlaps"]
        ),
        (
            #"{"v":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"w":{"dtype":"U8","shape":[4],"data_offsets":[6,10]}}"#,
            10, ["2 bytes before", "\"w\""]
        ),
        (
            // The same name occurs twice, each time with its own bytes.
            #"{"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"w":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#,
            8, ["belong to no tensor"]
        ),
        (String(repeating: #"{"a":"#, count: 100_000), 0, ["not valid JSON"]),
    ]

    @Test(arguments: refused.indices) func unsoundHeadersAreRefusedByName(_ index: Int) throws {
        let (header, data, named) = Self.refused[index]
        let message = try #require(problem(fileBytes(header: header, data: [UInt8](repeating: 1, count: data))))
        #expect(message.hasPrefix("test.safetensors: "))
        for name in named { #expect(message.contains(name), "\(message)") }
    }

    @Test func headerLengthsBeyondTheFileOrTheFormatAreRefused() throws {
        for length: UInt64 in [1, 100_000_000, 100_000_001, UInt64(Int64.max), .max] {
            let message = try #require(problem(withUnsafeBytes(of: length.littleEndian, Array.init)))
            #expect(message.contains("\(length) bytes"))
        }
        #expect(problem([]) != nil)
        #expect(problem([1, 2, 3]) != nil)
    }

    @Test func invalidUTF8InTheHeaderIsRefused() {
        let entry = Array(#"":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#.utf8)
        let header = Array("{\"".utf8) + [0xFF, 0xC0] + entry
        #expect(problem(withUnsafeBytes(of: UInt64(header.count).littleEndian, Array.init) + header) != nil)
    }

    static let small: [UInt8] = fileBytes(
        header: #"{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"#
            + #""b":{"dtype":"F16","shape":[4],"data_offsets":[24,32]}}"#,
        data: Array(0..<32))

    @Test func aFileCutAnywhereIsRefused() {
        #expect(problem(Self.small) == nil)
        for length in 0..<Self.small.count {
            #expect(problem(Array(Self.small[..<length])) != nil, "cut to \(length) bytes")
        }
    }

    @Test func mutatedFilesAreReadOrRefusedAndNeverCrash() throws {
        // Knuth's MMIX generator is used, so that a failure can be repeated.
        var state: UInt64 = 1
        func random(below bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var refused = 0
        for _ in 0..<3000 {
            var mutated = Self.small
            for _ in 0...random(below: 3) {
                let index = random(below: mutated.count)
                mutated[index] = random(below: 2) == 0 ? UInt8(random(below: 256)) : mutated[0]
            }
            guard let opened = try? openImage(mutated) else {
                refused += 1
                continue
            }
            for tensor in opened.tensors where TensorConversion(from: tensor.type) != nil {
                #expect(try opened.floats(tensor.name).count == tensor.elementCount, "\(mutated)")
            }
        }
        // Most of the bytes are in the header, where few changes leave a valid file.
        #expect(refused > 300)
    }

    @Test func longAndStrangeNamesAreReadableInMessages() throws {
        let name = String(repeating: "x", count: 5000) + "\\u001b"
        let message = try #require(
            problem(fileBytes(header: #"{"\#(name)":{"dtype":"U8","shape":[],"data_offsets":[0,0]}}"#)))
        #expect(message.count < 400)
        let escape = try #require(
            problem(fileBytes(header: #"{"\u001b[2J":{"dtype":"U8","shape":[],"data_offsets":[0,0]}}"#)))
        #expect(!escape.unicodeScalars.contains("\u{1B}"))
    }

    @Test func pathsThatAreNoRegularFileAreRefusedByName() throws {
        let folder = try TemporaryFolder()
        for path in [folder.path, folder.file("missing"), "/dev/null", ""] {
            #expect { try SafetensorsFile(path: path) } throws: { "\($0)".hasPrefix(path + ":") }
        }
        let fifo = folder.file("pipe")
        #expect(mkfifo(fifo, 0o600) == 0)
        #expect(throws: FileError.self) { try SafetensorsFile(path: fifo) }
        let empty = try folder.write([], to: "empty")
        #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: empty) }
    }
}
