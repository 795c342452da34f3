import Foundation
import Plans
import Safetensors
import Testing

/// The data that is compared with its checksum when a plan is opened.
@Suite struct VerificationTests {
    let folder: TemporaryFolder
    let path: String
    let file: SafetensorsFile
    /// The number of bytes of the plan's data, which is everything except its header.
    let dataCount: Int

    init() throws {
        let sample = SamplePlan()
        folder = try TemporaryFolder()
        path = folder.path("a")
        try Plan.write(sample.contents, to: path, weights: sample.source())
        file = try SafetensorsFile(path: path)
        dataCount = file.file.count - file.dataOffset
    }

    /// The error of opening a copy with one byte changed.
    func refusal(changing place: Int, verifying verification: Plan.Verification) throws -> String? {
        var bytes = file.file.withUnsafeBytes { Array($0) }
        bytes[place] ^= 0x10
        try Data(bytes).write(to: folder.url.appending(path: "damaged"))
        do {
            _ = try Plan(path: folder.path("damaged"), verifying: verification)
            return nil
        } catch {
            return String(describing: error)
        }
    }

    @Test func `a damaged weight is found up to the limit, and beyond it only when the whole is verified`() throws {
        let place = try file.tensor(named: "matrix").range.lowerBound + 5
        for refused in [Plan.Verification.whole, .moment, .upTo(dataCount), .upTo(.max)] {
            let refusal = try refusal(changing: place, verifying: refused)
            #expect(refusal?.contains("weights do not have their checksum") == true, "\(refused)")
        }
        for accepted in [Plan.Verification.upTo(dataCount - 1), .upTo(0)] {
            #expect(try refusal(changing: place, verifying: accepted) == nil, "\(accepted)")
        }
    }

    @Test func `a sound plan opens however much is verified, and with the same contents`() throws {
        for verification in [Plan.Verification.whole, .moment, .upTo(0)] {
            let plan = try Plan(path: path, verifying: verification)
            #expect(plan.contents == SamplePlan().contents)
            try PlanRoundTripTests.expectWeights(plan, of: SamplePlan())
        }
    }

    @Test func `every byte of the header and of the documents is verified in a plan of any size`() throws {
        let documents = file.tensors.filter { $0.name.hasPrefix("document.") }
        #expect(documents.contains { !$0.range.isEmpty })
        for place in (0..<file.dataOffset) + documents.flatMap(\.range) {
            if try refusal(changing: place, verifying: .upTo(0)) == nil { Issue.record("byte \(place)") }
        }
    }

    @Test func `a plan of any size that is cut short or too long is refused without reading it`() throws {
        let bytes = file.file.withUnsafeBytes { Data($0) }
        for other in [bytes.dropLast(), bytes.prefix(file.dataOffset), bytes + [0], bytes + Data(count: 4096)] {
            try other.write(to: folder.url.appending(path: "other"))
            #expect(throws: (any Error).self) { try Plan(path: folder.path("other"), verifying: .upTo(0)) }
        }
    }
}
