import Checkpoints

/// The families of models that can be compiled: one line each.
public enum ArchitectureRegistry {
    public static let all: [any Architecture.Type] = [
        HuginnConfiguration.self,
        RetrofittedLlama.self,
        RetrofittedOLMo.self,
        OuroConfiguration.self,
        NanbeigeConfiguration.self,
    ]

    /// The family of a checkpoint, or of a configuration alone, and its configuration.
    /// - Throws: ``CheckpointError`` if no family claims it, or if the one that does refuses it.
    public static func architecture(
        of configuration: ConfigurationDocument, tensors: Set<String>? = nil
    ) throws -> any Architecture {
        for family in all where try family.claims(configuration, tensors: tensors) {
            return try family.init(configuration, tensors: tensors)
        }
        let names = all.map { $0.record.title }.joined(separator: ", ")
        guard let type = try configuration.text("model_type") else {
            throw configuration.error("model_type", "is missing; it says which family a model belongs to (\(names))")
        }
        throw configuration.error(
            "model_type", "is \"\(type)\", which is of no family that this version knows (\(names))")
    }

    /// The family of a checkpoint.
    /// - Throws: as ``architecture(of:tensors:)``.
    public static func architecture(of checkpoint: Checkpoint) throws -> any Architecture {
        try architecture(of: checkpoint.configuration, tensors: Set(checkpoint.tensorNames))
    }

    /// The model of a `config.json`.
    /// - Parameter name: the file's name in messages.
    /// - Throws: as ``architecture(of:tensors:)``.
    public static func architecture(json: String, name: String = "config.json") throws -> any Architecture {
        try architecture(of: ConfigurationDocument(json: json, name: name))
    }

    /// The model of a plan, which knows its family by name.
    /// - Throws: ``CheckpointError`` if there is no such family, or if it refuses the configuration.
    public static func architecture(
        named name: String, json: String, file: String = "config.json"
    ) throws -> any Architecture {
        guard let family = all.first(where: { $0.record.name == name }) else {
            throw CheckpointError(
                "\(file): the plan's model is of the family \(name), which this version does not know; compile the "
                    + "checkpoint again.")
        }
        return try family.init(ConfigurationDocument(json: json, name: file), tensors: nil)
    }
}
