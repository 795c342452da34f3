import Foundation
import NumberFormats
import Plans
import Safetensors
import Testing

@Suite struct DamagedPlanTests {
    static func refusal(_ path: String) -> String? {
        do {
            _ = try Plan(path: path)
            return nil
        } catch {
            return String(describing: error)
        }
    }

    @Test func `a plan cut anywhere is refused: at every page, and around its ends`() throws {
        var sample = SamplePlan()
        // The file has several pages of weights and of header.
        sample.contents.schedule.weights.append(ScheduledWeight(name: "large", format: .f32, rows: 40, columns: 100))
        sample.weights["large"] = [UInt8](repeating: 1, count: 16000)
        sample.contents.documents["tokenizer.json"] = String(repeating: "abcdefgh", count: 1500)
        let folder = try TemporaryFolder()
        try Plan.write(sample.contents, to: folder.path("whole"), weights: sample.source())
        let whole = try Data(contentsOf: folder.url.appending(path: "whole"))
        #expect(whole.count > 6 * 4096)
        let cuts =
            Array(stride(from: 0, to: whole.count, by: 4096)) + Array(0...16) + [whole.count - 64, whole.count - 1]
        for cut in cuts {
            try whole.prefix(cut).write(to: folder.url.appending(path: "cut"))
            #expect(Self.refusal(folder.path("cut")) != nil, "cut at \(cut)")
        }
    }

    @Test(arguments: [0xFF, 0x01] as [UInt8])
    func `a plan with any byte changed is refused`(_ change: UInt8) throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        try Plan.write(sample.contents, to: folder.path("a"), weights: sample.source())
        #expect(Self.refusal(folder.path("a")) == nil)
        let bytes = try Data(contentsOf: folder.url.appending(path: "a"))
        let file = try FileHandle(forUpdating: folder.url.appending(path: "a"))
        defer { try? file.close() }
        func put(_ byte: UInt8, at place: Int) throws {
            try file.seek(toOffset: UInt64(place))
            try file.write(contentsOf: Data([byte]))
        }
        for place in bytes.indices {
            try put(bytes[place] ^ change, at: place)
            if Self.refusal(folder.path("a")) == nil { Issue.record("byte \(place) of \(bytes.count)") }
            try put(bytes[place], at: place)
        }
        #expect(Self.refusal(folder.path("a")) == nil)
    }

    @Test func `bytes after the end are refused`() throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        try Plan.write(sample.contents, to: folder.path("a"), weights: sample.source())
        let bytes = try Data(contentsOf: folder.url.appending(path: "a"))
        for surplus in [1, 64, 4096] {
            try (bytes + Data(count: surplus)).write(to: folder.url.appending(path: "longer"))
            #expect(Self.refusal(folder.path("longer")) != nil)
        }
    }

    @Test func `a newer version is refused with its number and what to do`() throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        try sample.forge(at: folder.path("same"))
        #expect(Self.refusal(folder.path("same")) == nil)

        try sample.forge(at: folder.path("newer"), metadata: ["version": "5"])
        let newer = try #require(Self.refusal(folder.path("newer")))
        #expect(newer.contains("version 5") && newer.contains("newer echelon"))

        for text in ["0", "-1", "one", "99999999999999999999", ""] {
            try sample.forge(at: folder.path("odd"), metadata: ["version": text])
            #expect(Self.refusal(folder.path("odd")) != nil, "version \(text)")
        }
    }

    @Test(arguments: ["1", "2", "3"])
    func `an older version is refused with its number and what to do`(_ version: String) throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        try sample.forge(at: folder.path("older"), metadata: ["version": version])
        let older = try #require(Self.refusal(folder.path("older")))
        #expect(older.contains("has version \(version)") && older.contains("no longer reads"), "\(older)")
        #expect(older.contains("Compile the checkpoint"), "\(older)")
        // Its settings and schedule need not be readable.
        try sample.forge(at: folder.path("older"), metadata: ["version": version, "settings": nil, "schedule": "{}"])
        #expect(Self.refusal(folder.path("older")) == older)
    }

    @Test func `a newer version is named as such even when this echelon cannot check its sums`() throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        try sample.forge(at: folder.path("newer"), metadata: ["version": "7", "checksum.header": nil, "schedule": nil])
        #expect(Self.refusal(folder.path("newer"))?.contains("version 7") == true)
    }

    @Test func `files that are no plans are told apart from damaged ones`() throws {
        let folder = try TemporaryFolder()
        let foreign = try SafetensorsLayout([.init("a", .f32, [2])], metadata: ["format": "pt"])
        try SafetensorsWriter.write(foreign, to: folder.path("foreign")) { writer in
            try [Float](repeating: 0, count: 2).withUnsafeBytes { try writer.append($0, to: "a") }
        }
        #expect(Self.refusal(folder.path("foreign"))?.contains("not a plan") == true)

        for (name, text) in [("text", "hello, this is text"), ("empty", ""), ("json", "{}")] {
            try Data(text.utf8).write(to: folder.url.appending(path: name))
            #expect(Self.refusal(folder.path(name)) != nil)
        }
        #expect(Self.refusal(folder.path("missing"))?.contains("missing") == true)
        #expect(Self.refusal(folder.url.path) != nil)
    }

    @Test(arguments: [
        "settings", "schedule", "checksum.header", "checksum.documents", "checksum.data", "version", "format",
    ])
    func `a plan that lacks any part of its header is refused`(_ key: String) throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        try sample.forge(at: folder.path("a"), metadata: [key: nil])
        #expect(Self.refusal(folder.path("a")) != nil)
    }

    @Test(arguments: ["{}", "[]", "", "{\"weights\":[]}", "null"])
    func `a schedule that is none is refused even when the sums are right`(_ text: String) throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        try sample.forge(at: folder.path("a"), metadata: ["schedule": text])
        #expect(Self.refusal(folder.path("a"))?.contains("schedule") == true)
    }

    @Test func `a schedule that names a weight which the file lacks or has in another size is refused`() throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        let norm = SafetensorsLayout.Declaration("norm", .f32, [1, 7])
        let matrix = SafetensorsLayout.Declaration("matrix", .bf16, [1, 1, 2, 16, 16, 2])
        let bias = SafetensorsLayout.Declaration("bias", .f32, [1, 3])
        let eight = SafetensorsLayout.Declaration("eight", .i8, [64, 132])
        let four = SafetensorsLayout.Declaration("four", .u8, [2, 2, 1152])

        try sample.forge(at: folder.path("complete"), weights: [norm, matrix, bias, eight, four])
        #expect(Self.refusal(folder.path("complete")) == nil)
        try sample.forge(at: folder.path("missing"), weights: [norm, bias, eight, four])
        #expect(Self.refusal(folder.path("missing"))?.contains("weight matrix") == true)
        try sample.forge(at: folder.path("short"), weights: [norm, matrix, .init("bias", .f32, [1, 2]), eight, four])
        #expect(Self.refusal(folder.path("short"))?.contains("weight bias") == true)
        try sample.forge(
            at: folder.path("scaleless"), weights: [norm, matrix, bias, .init("eight", .i8, [64, 128]), four])
        #expect(Self.refusal(folder.path("scaleless"))?.contains("weight eight") == true)
    }

    @Test func `a plan that says it has no weights has none, and says so in the one way there is`() throws {
        let (sample, folder) = (SamplePlan(), try TemporaryFolder())
        try sample.forge(at: folder.path("honest"), metadata: ["weights": "none"], weights: [])
        #expect(Self.refusal(folder.path("honest")) == nil)
        try sample.forge(at: folder.path("both"), metadata: ["weights": "none"])
        #expect(Self.refusal(folder.path("both"))?.contains("has norm") == true)
        try sample.forge(at: folder.path("silent"), weights: [])
        #expect(Self.refusal(folder.path("silent"))?.contains("does not hold the weight norm") == true)
        for text in ["", "all", "None"] {
            try sample.forge(at: folder.path("odd"), metadata: ["weights": text], weights: [])
            #expect(Self.refusal(folder.path("odd"))?.contains("malformed") == true)
        }
    }

    @Test(arguments: [(Int.max, 7), (7, Int.max), (Int.max, Int.max), (-1, 7), (7, -1), (1 << 32, 1 << 31)])
    func `a weight of an impossible size is refused, not computed with`(_ rows: Int, _ columns: Int) throws {
        let folder = try TemporaryFolder()
        for format in ElementType.weightFormats {
            var sample = SamplePlan()
            sample.contents.schedule.weights[1] = ScheduledWeight(
                name: "matrix", format: format, rows: rows, columns: columns)
            try SamplePlan().forge(at: folder.path("a"), schedule: sample.contents.schedule)
            #expect(Self.refusal(folder.path("a"))?.contains("weight matrix") == true)
            // Writing such a plan must not crash either.
            #expect(throws: (any Error).self) {
                try Plan.write(sample.contents, to: folder.path("b"), weights: sample.source())
            }
        }
    }
}
