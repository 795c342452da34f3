import Checkpoints

/// The limits of sizes. They are far beyond any model, and small enough that 64 bits hold the bytes of all tensors
/// together.
enum ArchitectureLimits {
    static let size = 1...1 << 24
    static let blocks = 1 << 8
    static let recurrence = 1...1 << 16

    /// - Throws: ``CheckpointError`` if heads of this kind cannot be.
    /// - Parameter widthKey: the key that the dimension follows from if no other says it.
    static func checkHeads(
        _ document: ConfigurationDocument, heads: Int, keyHeads: Int, dimension: Int, widthKey: String
    ) throws {
        guard heads.isMultiple(of: keyHeads) else {
            throw document.error(
                "num_key_value_heads", "is \(keyHeads), which does not divide the \(heads) attention heads")
        }
        guard dimension > 0, dimension.isMultiple(of: 2), dimension <= size.upperBound / heads else {
            throw document.error(
                document.has("head_dim") ? "head_dim" : widthKey,
                "gives heads of \(dimension) components, and the rotary embedding needs an even number of at least 2")
        }
    }
}

extension ConfigurationDocument {
    /// Refuses keys whose value asks for something, by name: anything but false, 0, null, and empty texts and lists.
    func refuseUnlessOff(_ keys: [String]) throws {
        for key in keys {
            guard let value = self[key] else { continue }
            let isOff =
                switch value {
                case .null: true
                case .bool(let isOn): !isOn
                case .number(let number): number == 0
                case .string(let text): text.isEmpty
                case .array(let values): values.isEmpty
                case .object(let members): members.isEmpty
                }
            guard isOff else {
                throw error(key, "is \(value.description), which this version does not apply; only false is supported")
            }
        }
    }
}
