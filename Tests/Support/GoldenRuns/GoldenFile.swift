import Foundation
import RepositoryFiles

/// A reader of the JSON files of `Tests/Golden`.
enum GoldenFile {
    static func decode<Value: Decodable>(_ type: Value.Type, _ path: String) throws -> Value {
        try JSONDecoder().decode(type, from: Data(contentsOf: Repository.golden.appending(path: path)))
    }
}
