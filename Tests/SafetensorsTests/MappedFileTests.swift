import Foundation
import Safetensors
import Testing

@Suite struct MappedFileTests {
    let content = (0..<20000).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 / 251) }
    static let ranges = [0..<20000, 0..<0, 5..<5, 1..<2, 4000..<9000, 19999..<20000, 20000..<30000, -5..<Int.max]

    @Test func whatWasReleasedCanBeReadAgain() throws {
        let folder = try TemporaryFolder()
        let file = try MappedFile(path: try folder.write(content, to: "a"))
        for range in Self.ranges {
            file.release(range)
            #expect(file.withUnsafeBytes { $0.elementsEqual(content) }, "\(range)")
        }
    }

    @Test func bytesWithoutAFileBehindThemAreNotReleased() throws {
        let image = try MemoryImage(name: "image", byteCount: content.count)
        try content.withUnsafeBytes(image.append)
        let memory = try image.finish()
        memory.release(0..<content.count)
        #expect(memory.withUnsafeBytes { $0.elementsEqual(content) })

        content.withUnsafeBytes { bytes in
            MappedFile(name: "program", permanent: bytes).release(0..<content.count)
            #expect(bytes.elementsEqual(content))
        }
    }

    @Test func releasedPagesOfAFileLeaveMemory() throws {
        let folder = try TemporaryFolder()
        let size = 64 << 20
        let path = folder.file("large")
        try Data(count: size).write(to: URL(filePath: path))
        let file = try MappedFile(path: path)
        func mapped() throws -> Int {
            let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
            let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("RssFile:") })
            return try #require(Int(line.split(separator: " ")[1].trimmingCharacters(in: .whitespaces))) << 10
        }
        #expect(file.withUnsafeBytes { $0.allSatisfy { $0 == 0 } })
        let before = try mapped()
        file.release(0..<size)
        // Other tests run at the same time, but none of them maps as much.
        #expect(try before - mapped() > size / 2)
    }
}
