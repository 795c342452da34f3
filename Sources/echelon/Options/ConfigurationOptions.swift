import ArgumentParser
import Safetensors

/// The option that gives a configuration instead of a model, for commands that only measure.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Measure a model of this configuration, with random weights made in memory.", valueName: "config.json"))
    var config: String?
}

/// Reads a configuration that is given without a checkpoint.
/// - Throws: ``CommandError`` if the file cannot be read as text.
func configurationText(at path: String) throws -> String {
    guard let data = try? FilePath.contents(of: path), let text = String(validating: data, as: UTF8.self) else {
        throw CommandError("The configuration \(path) cannot be read as a text file.")
    }
    return text
}
