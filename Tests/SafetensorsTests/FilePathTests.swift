import Foundation
import Safetensors
import Testing

@Suite struct FilePathTests {
    @Test(
        arguments: [
            "model.plan", "", "größe/模型", "a\u{10FF80}b", "\u{10FFFF}", "\u{10FF7F}",
        ].map { Array($0.utf8) } + [
            [0xFF], [0x61, 0xFF, 0x62], [0xC3], [0xE6, 0xA8], [0xF4, 0x90, 0x80, 0x80], [0xED, 0xA0, 0x80],
            [0xC0, 0x80],
            [0x80, 0xC3, 0xA4, 0xFE],
        ])
    func `every path has a text, from which the same bytes come back`(_ bytes: [UInt8]) {
        #expect(FilePath.bytes(of: FilePath.text(of: bytes)) == bytes)
    }

    @Test func `paths of UTF-8 text are that text, and others can be read`() {
        #expect(FilePath.text(of: "größe/模型".utf8) == "größe/模型")
        #expect(FilePath.readable("größe") == "größe")
        #expect(FilePath.readable(FilePath.text(of: [0x61, 0xFF, 0x62])) == "a\u{FFFD}b")
        #expect(FilePath.readable(FilePath.text(of: "\u{10FFFF}".utf8)) == "\u{10FFFF}")
    }

    @Test func `a file is written, listed, opened and replaced under a name that is not UTF-8`() throws {
        let folder = try TemporaryFolder()
        let name = FilePath.text(of: [0x78, 0xFF, 0x79])
        for content in ["one", "two"] {
            let file = try AtomicFile(path: folder.file(name))
            try Array(content.utf8).withUnsafeBytes(file.append)
            try file.commit()
            #expect(FilePath.names(in: folder.path) == [name])
            #expect(try MappedFile(path: folder.file(name)).text() == content)
            #expect(try FilePath.contents(of: folder.file(name)) == Data(content.utf8))
        }
        #expect(FilePath.kind(of: folder.file(name)) == .file && FilePath.kind(of: folder.path) == .folder)
        #expect(FilePath.kind(of: folder.file("x\u{FFFD}y")) == nil && !FilePath.exists(folder.file("x\u{FFFD}y")))
    }
}
