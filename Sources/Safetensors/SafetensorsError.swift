/// Why a safetensors file could not be read or written: one sentence that names the file, and the tensor if there is one.
public struct SafetensorsError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }

    init(file: String, _ problem: String) {
        description = "\(file): \(problem)"
    }
}

/// A name that came from a file, fit for a message: in quotes, with control characters escaped, and cut when it is so long
/// that it would bury the sentence around it.
package func quoted(_ name: String) -> String {
    let limit = 120
    guard name.unicodeScalars.count > limit else { return name.debugDescription }
    return String(String.UnicodeScalarView(name.unicodeScalars.prefix(limit))).debugDescription + "…"
}
