import ArgumentParser
import Plans
import Runtime

// The number formats as arguments of the command line.

extension WeightFormat: ExpressibleByArgument {}

extension WeightRule: ExpressibleByArgument {
    /// Parses `PATTERN=FORMAT`.
    public init?(argument: String) {
        guard let sign = argument.lastIndex(of: "="), sign > argument.startIndex,
            let format = WeightFormat(rawValue: String(argument[argument.index(after: sign)...]))
        else { return nil }
        self.init(pattern: String(argument[..<sign]), format: format)
    }
}

extension CacheFormat: ExpressibleByArgument {}
