/// An error for a safetensors file that could not be read or written: one sentence that names the file, and the tensor
/// if there is one.
public struct SafetensorsError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }

    init(file: String, _ problem: String) {
        description = "\(file): \(problem)"
    }
}

/// A name from a file in the form for messages: in quotes, with control characters escaped, and shortened if it is very
/// long.
package func quoted(_ name: String) -> String {
    let limit = 120
    guard name.unicodeScalars.count > limit else { return name.debugDescription }
    return String(String.UnicodeScalarView(name.unicodeScalars.prefix(limit))).debugDescription + "…"
}
