import Checkpoints
import Plans

/// The checkpoint's configurations, which a plan carries as documents.
extension Plan {
    /// The configuration of the model.
    func huginnConfiguration() throws -> HuginnConfiguration {
        let name = CheckpointDocument.configuration.rawValue
        guard let json = contents.documents[name] else { throw CommandError("The plan has no config.json.") }
        return try HuginnConfiguration(json: json, name: name)
    }
}
