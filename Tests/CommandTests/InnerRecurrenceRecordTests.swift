import Foundation
import Reports
import Samplers
import Testing

/// The lossless wavefront's default r': measured once, kept in a file, and measured again if the file is of no use.
@Suite struct InnerRecurrenceRecordTests {
    private static let key = InnerRecurrenceRecord.Key(
        version: "0.1.0", plan: "0123456789abcdef", processor: "A processor", instructionSet: "avx2", threads: 2,
        cacheFormat: .bf16, recurrence: 32)
    private static let record = InnerRecurrenceRecord(
        key: key, timing: .init(innerRecurrence: 2, rows: 16, seconds: 0.0125, singleRowSeconds: 0.01))

    // MARK: The file

    @Test func `a record is read back for its own key only`() throws {
        let folder = try TemporaryFolder()
        let place = folder.file("new/folder")
        #expect(InnerRecurrenceRecord.kept(for: Self.key, in: place) == nil)
        try Self.record.keep(in: place)
        #expect(InnerRecurrenceRecord.kept(for: Self.key, in: place) == Self.record)
        let changes: [(inout InnerRecurrenceRecord.Key) -> Void] = [
            { $0.version = "0.2.0" }, { $0.plan = "0123456789abcdee" }, { $0.processor = "Another" },
            { $0.instructionSet = "amx" }, { $0.threads = 1 }, { $0.cacheFormat = .f32 }, { $0.recurrence = 16 },
        ]
        for change in changes {
            var other = Self.key
            change(&other)
            #expect(InnerRecurrenceRecord.kept(for: other, in: place) == nil)
            // Not even if its file has the name of the other key's.
            let path = try InnerRecurrenceRecord.path(of: other, in: place)
            try FileManager.default.copyItem(
                atPath: InnerRecurrenceRecord.path(of: Self.key, in: place), toPath: path)
            #expect(InnerRecurrenceRecord.kept(for: other, in: place) == nil)
        }
    }

    @Test func `a damaged record counts as none`() throws {
        let folder = try TemporaryFolder()
        let place = folder.file("caches")
        try Self.record.keep(in: place)
        let path = try InnerRecurrenceRecord.path(of: Self.key, in: place)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let damaged = [
            "", "{}", "[1]", "\0\0\0", String(text.dropLast(20)),
            text.replacing("\"threads\":2", with: "\"threads\":3"),
            text.replacing("\"inner_recurrence\":2", with: "\"inner_recurrence\":0"),
            text.replacing("\"inner_recurrence\":2", with: "\"inner_recurrence\":33"),
        ]
        for bad in damaged {
            #expect(bad != text)
            try Data(bad.utf8).write(to: URL(filePath: path))
            #expect(InnerRecurrenceRecord.kept(for: Self.key, in: place) == nil, "\(bad)")
        }
    }

    @Test func `records are kept where the environment says`() {
        #expect(InnerRecurrenceRecord.folder(["XDG_CACHE_HOME": "/caches", "HOME": "/home/x"]) == "/caches/echelon")
        #expect(InnerRecurrenceRecord.folder(["HOME": "/home/x"]) == "/home/x/.cache/echelon")
        // A relative path is to be ignored, says the XDG Base Directory Specification.
        #expect(InnerRecurrenceRecord.folder(["XDG_CACHE_HOME": "caches", "HOME": "/x"]) == "/x/.cache/echelon")
        #expect(InnerRecurrenceRecord.folder([:]) == nil)
    }

    // MARK: The command

    private static func run(_ caches: String, _ options: String...) throws -> (GenerationReport, errors: String) {
        let run = try EchelonCommand.run(
            [
                "generate", try TestModels.oddPlan, "--tokens", "1,2,3", "--sampler", "lossless", "--recurrence", "12",
                "--max-new-tokens", "6", "--json", "--threads", "1",
            ] + options, caches: caches)
        return (try run.json(GenerationReport.self), run.errors)
    }

    /// The only file of the folder.
    private static func file(_ caches: String) throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: caches + "/echelon")
        try #require(names.count == 1, "\(names)")
        return caches + "/echelon/" + names[0]
    }

    @Test func `r' is measured once, kept and printed`() throws {
        let folder = try TemporaryFolder()
        let caches = folder.file("caches")
        let (first, errors) = try Self.run(caches)
        let inner = try #require(first.settings.lossless?.innerRecurrence)
        #expect([1, 2, 4, 8, 12].contains(inner))
        #expect(first.settings.measuredInnerRecurrence?.innerRecurrence == inner)
        #expect(errors.hasPrefix("r' = \(inner) (measured on this machine: a step of "), "\(errors)")

        // A value that no measurement gives shows that the file decides.
        let path = try Self.file(caches)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let other = text.replacing("\"inner_recurrence\":\(inner)", with: "\"inner_recurrence\":5")
        try Data(other.utf8).write(to: URL(filePath: path))
        let (kept, again) = try Self.run(caches)
        #expect(kept.settings.lossless?.innerRecurrence == 5 && again.hasPrefix("r' = 5 (measured"))
        #expect(kept.tokens == first.tokens)

        // Another r is another measurement.
        _ = try Self.run(caches, "--recurrence", "11")
        #expect(try FileManager.default.contentsOfDirectory(atPath: caches + "/echelon").count == 2)
    }

    @Test func `a damaged file is measured again, and one that cannot be written is no error`() throws {
        let folder = try TemporaryFolder()
        let caches = folder.file("caches")
        _ = try Self.run(caches)
        let path = try Self.file(caches)
        try Data("{\"key\":".utf8).write(to: URL(filePath: path))
        _ = try Self.run(caches)
        #expect(try String(contentsOfFile: path, encoding: .utf8).hasSuffix("}\n"))

        let (report, errors) = try Self.run("/dev/null/nowhere")
        #expect(report.settings.measuredInnerRecurrence != nil && errors.hasPrefix("r' = "))
    }

    @Test func `an r' on the command line is not measured`() throws {
        let folder = try TemporaryFolder()
        let caches = folder.file("caches")
        let (report, errors) = try Self.run(caches, "--inner-recurrence", "3")
        #expect(report.settings.lossless?.innerRecurrence == 3 && report.settings.measuredInnerRecurrence == nil)
        #expect(errors.isEmpty && !FileManager.default.fileExists(atPath: caches))
    }
}
