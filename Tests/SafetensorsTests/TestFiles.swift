import Foundation
import Safetensors

/// A folder for one test. It is removed with this object.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/echelon-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    func write(_ bytes: [UInt8], to name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }

    /// The names of all files, including hidden ones.
    var contents: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }
}

/// The bytes of a safetensors file with this header and data, which need not agree.
func fileBytes(header: String, data: [UInt8] = []) -> [UInt8] {
    withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian, Array.init) + header.utf8 + data
}

/// Opens bytes as a file that exists in memory only.
func openImage(_ bytes: [UInt8]) throws -> SafetensorsFile {
    let image = try MemoryImage(name: "test.safetensors", byteCount: bytes.count)
    try bytes.withUnsafeBytes(image.append)
    return try SafetensorsFile(image.finish())
}

/// The error of opening these bytes; nil if they open.
func problem(_ bytes: [UInt8]) -> String? {
    do {
        _ = try openImage(bytes)
        return nil
    } catch {
        return "\(error)"
    }
}

/// The bytes of the elements in little-endian order.
func bytes<Element>(_ elements: [Element]) -> [UInt8] { elements.withUnsafeBytes(Array.init) }
