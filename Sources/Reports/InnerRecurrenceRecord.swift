import Foundation
import NumberFormats
import Plans
import Runtime
import Safetensors
import Samplers

/// A measured choice of the lossless wavefront's r', as a file in the user's cache folder keeps it.
package struct InnerRecurrenceRecord: Codable, Hashable, Sendable {
    /// Everything that the times of steps depend on.
    package struct Key: Codable, Hashable, Sendable {
        /// The version of the program that measured.
        package var version: String
        /// A checksum of the plan's settings, matrices and caches. Other weights of the same shapes take as long.
        package var plan: String
        package var processor: String
        package var instructionSet: String
        package var threads: Int
        package var cacheFormat: CacheFormat
        package var recurrence: Int

        package init(
            version: String, plan: String, processor: String, instructionSet: String, threads: Int,
            cacheFormat: CacheFormat, recurrence: Int
        ) {
            self.version = version
            self.plan = plan
            self.processor = processor
            self.instructionSet = instructionSet
            self.threads = threads
            self.cacheFormat = cacheFormat
            self.recurrence = recurrence
        }

        package init(_ model: PlanModel, recurrence: Int, version: String) throws {
            let schedule = model.plan.contents.schedule
            let texts = try [
                ReportJSON.text(of: model.plan.contents.settings), ReportJSON.text(of: schedule.weights),
                ReportJSON.text(of: schedule.caches),
            ]
            self.init(
                version: version, plan: Self.checksum(texts.joined()), processor: Self.processorName(),
                instructionSet: model.instructionSet, threads: model.threads, cacheFormat: model.cacheFormat,
                recurrence: recurrence)
        }

        fileprivate static func checksum(_ text: String) -> String {
            var checksum = Checksum()
            Array(text.utf8).withUnsafeBytes { checksum.add($0) }
            return checksum.text
        }

        /// The processor's model name, as Linux reports it; empty if it does not.
        private static func processorName() -> String {
            let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
            let line = lines.first { $0.hasPrefix("model name") }
            return line?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces) ?? ""
        }
    }

    package var key: Key
    package var timing: InnerRecurrenceChoice.Timing

    package init(key: Key, timing: InnerRecurrenceChoice.Timing) {
        self.key = key
        self.timing = timing
    }

    // MARK: The file

    /// The folder of kept measurements: `echelon` in `XDG_CACHE_HOME`, which has to be an absolute path, or in
    /// `~/.cache`. Nil if there is no home folder.
    package static func folder(_ environment: [String: String] = ProcessInfo.processInfo.environment) -> String? {
        if let caches = environment["XDG_CACHE_HOME"], caches.hasPrefix("/") { return caches + "/echelon" }
        return environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 + "/.cache/echelon" : nil }
    }

    /// The file for a key: one for each, so that processes do not overwrite what others have measured.
    package static func path(of key: Key, in folder: String) throws -> String {
        "\(folder)/inner-recurrence-\(Key.checksum(try ReportJSON.text(of: key))).json"
    }

    /// Reads what was kept for a key.
    /// - Returns: nil if there is no such file, or it is damaged: then it can only be measured again.
    package static func kept(for key: Key, in folder: String) -> InnerRecurrenceRecord? {
        guard let path = try? path(of: key, in: folder), let data = FileManager.default.contents(atPath: path),
            let record = try? ReportJSON.value(InnerRecurrenceRecord.self, from: data), record.key == key,
            (1...key.recurrence).contains(record.timing.innerRecurrence)
        else { return nil }
        return record
    }

    /// Keeps the record.
    /// - Throws: a file error if the folder cannot be written to.
    package func keep(in folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let file = try AtomicFile(path: try Self.path(of: key, in: folder))
        try Data((try ReportJSON.text(of: self) + "\n").utf8).withUnsafeBytes { try file.append($0) }
        try file.commit()
    }
}
