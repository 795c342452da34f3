import ArgumentParser
import NumberFormats
import Plans
import Runtime

// The number formats as arguments of the command line.

extension ElementType: ExpressibleByArgument {
    /// A format of weights: options name no other types.
    public init?(argument: String) {
        guard let format = Self.weightFormats.first(where: { $0.name == argument }) else { return nil }
        self = format
    }

    public static var allValueStrings: [String] { weightFormats.map(\.name) }
    public var defaultValueDescription: String { name }
}

extension WeightRule: ExpressibleByArgument {
    /// Parses `PATTERN=FORMAT`.
    public init?(argument: String) {
        guard let sign = argument.lastIndex(of: "="), sign > argument.startIndex,
            let format = ElementType(argument: String(argument[argument.index(after: sign)...]))
        else { return nil }
        self.init(pattern: String(argument[..<sign]), format: format)
    }
}

extension CacheFormat: ExpressibleByArgument {}

/// All formats of weights in a sentence each, for help texts.
let weightFormatSummary: String = {
    let formats = ElementType.weightFormats.compactMap { format in format.weights.map { (format, $0) } }
    let quantizing = formats.filter { $1.input.format.isQuantized }.map(\.0)
    return formats.map { "\($0) \($1.summary)" }.joined(separator: "; ")
        + ". For \(quantizing.list("and")), activation rows are quantized to 8 bits too."
}()
