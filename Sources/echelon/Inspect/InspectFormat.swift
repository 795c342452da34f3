import ArgumentParser
import Foundation

/// The forms in which `inspect` writes what it shows.
enum InspectFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json, dot, html

    /// The format that a file name's extension stands for; nil if it stands for none.
    init?(fileName: String) {
        switch URL(filePath: fileName).pathExtension.lowercased() {
        case "html", "htm": self = .html
        case "json": self = .json
        case "dot", "gv": self = .dot
        default: return nil
        }
    }
}
