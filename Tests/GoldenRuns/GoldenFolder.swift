import Foundation

/// Where the recorded data of an independent implementation lies; its README says how it was made.
public enum GoldenFolder {
    public static let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Golden")

    static func decode<Value: Decodable>(_ type: Value.Type, _ path: String) throws -> Value {
        let decoder = JSONDecoder()
        // The adaptive runs hold values written as `NaN`, which JSON lacks and JSON5 has.
        decoder.allowsJSON5 = true
        return try decoder.decode(type, from: Data(contentsOf: url.appending(path: path)))
    }
}
