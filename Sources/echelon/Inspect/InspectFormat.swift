import ArgumentParser
import Foundation

/// The forms in which `inspect` writes what it shows.
enum InspectFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json, dot, html

    /// The extensions of file names that stand for this format.
    private var extensions: [String] {
        switch self {
        case .text: ["txt", "text", "ir", "diff"]
        case .json: ["json"]
        case .dot: ["dot", "gv"]
        case .html: ["html", "htm"]
        }
    }

    /// The format that a file name's extension stands for; text if the name has no extension.
    /// - Throws: ``ValidationError`` if the extension stands for no format.
    init(fileName: String) throws {
        let ending = URL(filePath: fileName).pathExtension.lowercased()
        if ending.isEmpty {
            self = .text
        } else if let format = Self.allCases.first(where: { $0.extensions.contains(ending) }) {
            self = format
        } else {
            let known = Self.allCases.flatMap(\.extensions).map { ".\($0)" }.joined(separator: ", ")
            throw ValidationError(
                "No output format has the ending .\(ending) of \(fileName); the known ones are \(known). --format "
                    + "chooses the format of a file with another ending.")
        }
    }
}
