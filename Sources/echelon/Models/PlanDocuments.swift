import Architectures
import Checkpoints
import Plans

/// The checkpoint's configurations, which a plan carries as documents.
extension Plan {
    /// The model's family and its configuration.
    func architecture() throws -> any Architecture {
        let name = CheckpointDocument.configuration.rawValue
        guard let json = contents.documents[name] else { throw CommandError("The plan has no config.json.") }
        return try ArchitectureRegistry.architecture(
            named: contents.settings.model.architecture, json: json, file: name)
    }
}
