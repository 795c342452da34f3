import CInspectionPage
import Foundation

extension Inspection {
    /// The JSON form, on one line, with keys in snake case and in alphabetical order.
    /// - Throws: an error of the encoder, such as for a number that JSON cannot express.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

/// A self-contained HTML page that shows an inspection. Its style and scripts are the files in
/// `Sources/CInspectionPage/page`.
public struct InspectionPage {
    private let inspection: Inspection

    public init(_ inspection: Inspection) { self.inspection = inspection }

    /// The text of the page.
    /// - Throws: the same errors as ``Inspection/json()``.
    public func html() throws -> String {
        var count = 0
        let files = UnsafeBufferPointer(start: ech_inspection_page(&count), count: count).map { file in
            (
                name: String(cString: file.name),
                text: String(decoding: UnsafeBufferPointer(start: file.bytes, count: file.size), as: UTF8.self)
            )
        }
        func all(_ suffix: String) -> String {
            files.filter { $0.name.hasSuffix(suffix) }.map(\.text).joined(separator: "\n")
        }
        // A `</script>` in a name must not end the element that holds the data.
        let data = try inspection.json().replacing("<", with: "\\u003c")
        // The template is cut at each placeholder in turn, so that inserted text is never searched for placeholders.
        var rest = Substring(all(".html"))
        var page = ""
        for (place, text) in [
            ("{{title}}", escaped(inspection.plan)), ("{{style}}", all(".css")), ("{{data}}", data),
            ("{{script}}", all(".js")),
        ] {
            guard let range = rest.firstRange(of: place) else { continue }
            page += rest[..<range.lowerBound] + text
            rest = rest[range.upperBound...]
        }
        return page + rest
    }

    private func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
