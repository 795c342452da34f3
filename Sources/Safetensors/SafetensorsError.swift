import Failures

/// A safetensors file cannot be read or written. The sentence names the file, and the tensor if there is one.
public typealias SafetensorsError = Failure<SafetensorsFile>

extension SafetensorsError {
    init(file: String, _ problem: String) { self.init("\(file): \(problem)") }
}

/// A name from a file in the form for messages: in quotes, with control characters escaped, and shortened if it is very
/// long.
package func quoted(_ name: String) -> String {
    let limit = 120
    guard name.unicodeScalars.count > limit else { return name.debugDescription }
    return String(String.UnicodeScalarView(name.unicodeScalars.prefix(limit))).debugDescription + "…"
}
