import Foundation
import Safetensors
import Testing

@Suite struct AtomicFileTests {
    struct Interrupted: Error {}
    let layout: SafetensorsLayout

    init() throws { layout = try SafetensorsLayout([.init("a", .u8, [3])]) }

    func write(_ bytes: [UInt8], to path: String) throws {
        try SafetensorsWriter.write(layout, to: path) { writer in
            try bytes.withUnsafeBytes { try writer.append($0, to: "a") }
        }
    }

    @Test func nothingStaysOfAFileThatWasNotCompleted() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("out")
        #expect(throws: Interrupted.self) {
            try SafetensorsWriter.write(layout, to: path) { _ in
                #expect(try folder.contents.count == 1)
                throw Interrupted()
            }
        }
        #expect(throws: SafetensorsError.self) { try write([1, 2], to: path) }
        #expect(try folder.contents == [])
    }

    @Test func anExistingFileStaysAsItWasUntilTheNewOneIsComplete() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("out")
        try write([1, 2, 3], to: path)
        #expect(throws: SafetensorsError.self) { try write([4], to: path) }
        #expect(try SafetensorsFile(path: path).withUnsafeBytes(of: "a", Array.init) == [1, 2, 3])
        let old = try SafetensorsFile(path: path)
        try write([7, 8, 9], to: path)
        #expect(try SafetensorsFile(path: path).withUnsafeBytes(of: "a", Array.init) == [7, 8, 9])
        // A reader that has mapped the old file keeps it.
        #expect(try old.withUnsafeBytes(of: "a", Array.init) == [1, 2, 3])
        #expect(try folder.contents == ["out"])
    }

    @Test func theBytesAreTheOnesAppendedHoweverTheyAreDividedAndReplaced() throws {
        let folder = try TemporaryFolder()
        let block = 2 << 20
        let content = (0..<3 * block + 5000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 12) }
        let divisions = [
            [content.count], [1], [block, block], [block - 1, 1, 1], [block - 1, 2, 3 * block], [4096, 2 * block + 7],
            [700_001, 700_001, 700_001, 2_500_000],
        ]
        for division in divisions {
            var expected = content
            let file = try AtomicFile(path: folder.file("out"), reserving: content.count)
            var done = 0
            for size in division + [content.count] {
                let end = min(done + size, content.count)
                try content[done..<end].withUnsafeBytes(file.append)
                done = end
                // Half of the bytes are in the piece that was appended last.
                for place in [done / 3, done - 1] {
                    expected[place] = 0xEE
                    try [0xEE as UInt8].withUnsafeBytes { try file.overwrite(at: place, with: $0) }
                }
            }
            try file.commit()
            let written = try MappedFile(path: folder.file("out"))
            #expect(written.withUnsafeBytes { Array($0) == expected }, "pieces of \(division)")
        }
    }

    @Test func placesThatCannotHoldAFileAreRefusedByName() throws {
        let folder = try TemporaryFolder()
        for path in [folder.file("missing/out"), folder.path, "/dev/full", "/dev/null"] {
            #expect { try write([1, 2, 3], to: path) } throws: { "\($0)".hasPrefix(path + ":") }
        }
        #expect { try write([1, 2, 3], to: "") } throws: { "\($0)".contains("is empty") }
        #expect(try folder.contents == [])
        #expect(FileManager.default.fileExists(atPath: "/dev/null"))
    }

    @Test func aFileLargerThanTheDiskIsRefusedAtOnceAndLeavesNothing() throws {
        let folder = try TemporaryFolder()
        let huge = try SafetensorsLayout([.init("a", .u8, [1 << 58])])
        #expect {
            try SafetensorsWriter.write(huge, to: folder.file("out")) { _ in Issue.record("there cannot be room") }
        } throws: { "\($0)".hasPrefix(folder.file("out")) }
        #expect(try folder.contents == [])
    }

    /// A disk that is full after a number of bytes.
    final class SmallDisk: ByteSink {
        var left: Int
        init(_ size: Int) { left = size }
        func append(_ bytes: UnsafeRawBufferPointer) throws {
            guard bytes.count <= left else { throw FileError("no room") }
            left -= bytes.count
        }
        func overwrite(at offset: Int, with bytes: UnsafeRawBufferPointer) throws {}
    }

    @Test func anErrorOfTheSinkReachesTheCallerWhereverItHappens() throws {
        func write(_ size: Int) throws {
            let writer = try SafetensorsWriter(layout, to: SmallDisk(size))
            try [UInt8](repeating: 0, count: 3).withUnsafeBytes { try writer.append($0, to: "a") }
            try writer.finish()
        }
        for size in 0..<layout.byteCount { #expect(throws: FileError.self) { try write(size) } }
        try write(layout.byteCount)
    }

    @Test func sinksRefuseToOverwriteWhatWasNotWritten() throws {
        let folder = try TemporaryFolder()
        let sinks: [any ByteSink] = [
            try AtomicFile(path: folder.file("out")), try MemoryImage(name: "image", byteCount: 4),
        ]
        for sink in sinks {
            try [UInt8](repeating: 1, count: 3).withUnsafeBytes(sink.append)
            #expect(throws: FileError.self) {
                try [UInt8](repeating: 1, count: 2).withUnsafeBytes { try sink.overwrite(at: 2, with: $0) }
            }
            #expect(throws: FileError.self) {
                try [UInt8](repeating: 1, count: 1).withUnsafeBytes { try sink.overwrite(at: -1, with: $0) }
            }
            try [UInt8](repeating: 1, count: 2).withUnsafeBytes { try sink.overwrite(at: 1, with: $0) }
        }
    }

    @Test func aMemoryImageHoldsExactlyItsSize() throws {
        let image = try MemoryImage(name: "image", byteCount: 2)
        #expect(throws: FileError.self) { try [UInt8](repeating: 1, count: 3).withUnsafeBytes(image.append) }
        #expect(throws: FileError.self) { try image.finish() }
        #expect(throws: FileError.self) { try MemoryImage(name: "image", byteCount: -1) }
        #expect(throws: FileError.self) { try MemoryImage(name: "image", byteCount: .max) }
    }

    @Test func aFileThatReservedMoreThanItHoldsHasNoTail() throws {
        let folder = try TemporaryFolder()
        let file = try AtomicFile(path: folder.file("out"), reserving: 10_000)
        try [UInt8](repeating: 5, count: 10).withUnsafeBytes(file.append)
        try file.commit()
        #expect(
            try Array(Data(contentsOf: URL(fileURLWithPath: folder.file("out")))) == [UInt8](repeating: 5, count: 10))
    }
}
