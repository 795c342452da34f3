import Foundation

/// Where the recorded data of an independent implementation lies; its README says how it was made.
public enum GoldenFolder {
    public static let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Golden")

    static func decode<Value: Decodable>(_ type: Value.Type, _ path: String) throws -> Value {
        try JSONDecoder().decode(type, from: Data(contentsOf: url.appending(path: path)))
    }
}
