import Foundation
import Safetensors
import Testing

@Suite struct WriterTests {
    let contents: [(SafetensorsLayout.Declaration, [UInt8])] = [
        (.init("first \"quoted\"\n\\ ü", .f32, [2, 1]), bytes([Float(1), -1])),
        (.init("empty", StoredType(rawValue: "I64"), [0, 4]), []),
        (.init("scalar", .bf16, []), [0x80, 0x3F]),
        (.init("bytes", .u8, [5]), [1, 2, 3, 4, 5]),
        (.init("last", .f16, [3]), bytes([UInt16(0x3C00), 0, 0x4000])),
    ]
    let metadata = ["format": "pt", "text": "tab\t quote\" slash/ \u{1F600}\u{0} end", "sum": "0000000000000000"]

    func layout(dataAlignment: Int = 8, tensorAlignment: Int = 1) throws -> SafetensorsLayout {
        try SafetensorsLayout(
            contents.map(\.0), metadata: metadata, dataAlignment: dataAlignment, tensorAlignment: tensorAlignment)
    }

    /// Appends all tensors in pieces of up to `piece` bytes.
    func fill(_ writer: SafetensorsWriter, piece: Int = 3) throws {
        for (declaration, data) in contents {
            for start in stride(from: 0, to: data.count, by: piece) {
                try data[start..<min(start + piece, data.count)].withUnsafeBytes {
                    try writer.append($0, to: declaration.name)
                }
            }
        }
    }

    func expectContents(_ opened: SafetensorsFile) throws {
        #expect(opened.metadata == metadata)
        for (declaration, data) in contents {
            let stored = try opened.tensor(named: declaration.name)
            #expect(stored.type == declaration.type)
            #expect(stored.shape == declaration.shape)
            #expect(try opened.withUnsafeBytes(of: declaration.name, Array.init) == data)
        }
    }

    @Test func whatIsWrittenIsRead() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("out.safetensors")
        try SafetensorsWriter.write(layout(), to: path) { try fill($0) }
        let opened = try SafetensorsFile(path: path)
        try expectContents(opened)
        #expect(opened.tensors.count == contents.count)
        #expect(try folder.contents == ["out.safetensors"])
    }

    @Test(arguments: [(64, 64), (4096, 64), (4096, 4096), (128, 1)])
    func dataAndTensorsStartAtTheirAlignments(_ data: Int, _ tensor: Int) throws {
        let layout = try layout(dataAlignment: data, tensorAlignment: tensor)
        let opened = try SafetensorsFile(SafetensorsWriter.image(layout, name: "image") { try fill($0) })
        try expectContents(opened)
        #expect(opened.dataOffset % data == 0)
        #expect(opened.tensors == layout.tensors)
        for (declaration, _) in contents {
            #expect(try opened.tensor(named: declaration.name).range.lowerBound % tensor == 0)
        }
        for filler in opened.tensors where filler.name.hasPrefix(SafetensorsLayout.fillerPrefix) {
            #expect(filler.type == .u8)
            #expect(try opened.withUnsafeBytes(of: filler.name) { $0.allSatisfy { $0 == 0 } })
        }
    }

    @Test func memoryAndFileAndObserverHaveTheSameBytes() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("out.safetensors")
        var seen: [UInt8] = []
        let layout = try layout(dataAlignment: 4096, tensorAlignment: 64)
        try SafetensorsWriter.write(layout, to: path, observing: { seen += $0 }) { try fill($0) }
        let image = try SafetensorsWriter.image(layout, name: "image") { try fill($0, piece: 1000) }
        #expect(image.withUnsafeBytes(Array.init) == seen)
        #expect(try Array(Data(contentsOf: URL(fileURLWithPath: path))) == seen)
        #expect(seen.count == layout.byteCount)
        #expect(Array(seen[..<layout.header.count]) == layout.header)
        #expect(UInt(bitPattern: image.unownedBytes.baseAddress) % 4096 == 0)
    }

    @Test func aPlaceholderInTheMetadataCanBeReplacedAtTheEnd() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("out.safetensors")
        let layout = try layout()
        var seen = 0
        try SafetensorsWriter.write(layout, to: path, observing: { seen += $0.count }) { writer in
            try fill(writer)
            try writer.finish()
            #expect(seen == layout.byteCount)
            #expect(throws: SafetensorsError.self) { try writer.replaceMetadata("sum", with: "short") }
            #expect(throws: SafetensorsError.self) { try writer.replaceMetadata("sum", with: "\"23456789abcdef\"") }
            #expect(throws: SafetensorsError.self) { try writer.replaceMetadata("other", with: "x") }
            #expect(throws: SafetensorsError.self) { try writer.replaceMetadata("text", with: metadata["text"] ?? "") }
            try writer.replaceMetadata("sum", with: "0123456789abcdef")
        }
        let opened = try SafetensorsFile(path: path)
        #expect(opened.metadata["sum"] == "0123456789abcdef")
        #expect(opened.metadata["text"] == metadata["text"])
        #expect(opened.range(ofMetadata: "sum") == layout.range(ofMetadata: "sum"))
        #expect(
            opened.range(ofMetadata: "sum").map { range in opened.file.withUnsafeBytes { Array($0[range]) } }
                == Array("0123456789abcdef".utf8))
    }

    @Test func metadataThatQuotesAnotherKeyDoesNotHideIt() throws {
        let layout = try SafetensorsLayout([], metadata: ["a": #""sum":"0000""#, "sum": "0000"])
        let image = try SafetensorsWriter.image(layout, name: "image") { try $0.replaceMetadata("sum", with: "1234") }
        #expect(try SafetensorsFile(image).metadata == ["a": #""sum":"0000""#, "sum": "1234"])
    }

    @Test func tensorsOutOfTurnTooLongOrIncompleteAreRefusedByName() throws {
        let layout = try SafetensorsLayout([.init("a", .u8, [2]), .init("b", .u8, [2])])
        func write(_ pieces: [(String, Int)]) throws {
            _ = try SafetensorsWriter.image(layout, name: "image") { writer in
                for (name, count) in pieces {
                    try [UInt8](repeating: 1, count: count).withUnsafeBytes { try writer.append($0, to: name) }
                }
            }
        }
        try write([("a", 1), ("a", 1), ("b", 2)])
        for (pieces, name) in [
            ([("b", 2), ("a", 2)], "\"a\""), ([("a", 3)], "\"a\""), ([("a", 1), ("b", 2)], "\"a\""),
            ([("a", 2), ("b", 1)], "\"b\""), ([], "\"a\""), ([("a", 2), ("b", 2), ("c", 1)], "\"c\""),
        ] {
            #expect { try write(pieces) } throws: { "\($0)".contains(name) }
        }
    }

    @Test func declarationsThatCannotBeStoredAreRefusedByName() {
        for (declarations, name) in [
            ([SafetensorsLayout.Declaration("a", .u8, [1]), .init("a", .u8, [1])], "\"a\""),
            ([.init("__metadata__", .u8, [1])], "__metadata__"),
            ([.init("a", .u8, [-1])], "\"a\""),
            ([.init("a", .f64, [Int.max])], "\"a\""),
            ([.init("a", .u8, [Int.max]), .init("b", .u8, [1])], "larger"),
            ([.init("a", .u8, [1]), .init("b", .u8, [1]), .init("padding.0", .u8, [1])], "padding.0"),
        ] {
            #expect {
                try SafetensorsLayout(declarations, dataAlignment: 64, tensorAlignment: 64)
            } throws: { "\($0)".contains(name) }
        }
        #expect(throws: SafetensorsError.self) { try SafetensorsLayout([], dataAlignment: 96, tensorAlignment: 64) }
        #expect(throws: SafetensorsError.self) { try SafetensorsLayout([], dataAlignment: 0) }
    }
}
