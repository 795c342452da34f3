import Foundation

/// A validator for the part of JSON Schema that `docs/inspect.schema.json` uses. Any other keyword in a schema is an
/// error.
struct SchemaValidator {
    private let root: [String: Any]
    private let definitions: [String: Any]

    private static let keywords: Set<String> = [
        "$schema", "$defs", "$ref", "title", "description", "type", "properties", "required", "additionalProperties",
        "items", "minimum", "enum", "const",
    ]

    init(_ schema: Data) throws {
        guard let root = try JSONSerialization.jsonObject(with: schema) as? [String: Any] else {
            throw Fault("The schema is no object.")
        }
        self.root = root
        definitions = root["$defs"] as? [String: Any] ?? [:]
    }

    struct Fault: Error, CustomStringConvertible {
        var description: String
        init(_ description: String) { self.description = description }
    }

    /// The differences between a document and the schema.
    func faults(in document: Data) throws -> [String] {
        try faults(JSONSerialization.jsonObject(with: document), root, "")
    }

    private func faults(_ value: Any, _ schema: [String: Any], _ path: String) throws -> [String] {
        if let unknown = Set(schema.keys).subtracting(Self.keywords).first {
            throw Fault("The schema uses \(unknown), which this validator does not know.")
        }
        if let reference = schema["$ref"] as? String {
            let name = reference.replacingOccurrences(of: "#/$defs/", with: "")
            guard let target = definitions[name] as? [String: Any] else { throw Fault("There is no \(reference).") }
            return try faults(value, target, path)
        }
        if let choices = schema["enum"] as? [String] {
            return choices.contains(value as? String ?? "") ? [] : ["\(path) is none of \(choices)"]
        }
        if let constant = schema["const"] as? Int {
            return value as? Int == constant ? [] : ["\(path) is not \(constant)"]
        }
        switch schema["type"] as? String {
        case "string": return value is String ? [] : ["\(path) is no string"]
        case "boolean": return isBoolean(value) ? [] : ["\(path) is no boolean"]
        case "integer":
            guard let number = value as? NSNumber, !isBoolean(value), let integer = value as? Int,
                number.doubleValue == Double(integer)
            else { return ["\(path) is no integer"] }
            return integer >= schema["minimum"] as? Int ?? .min ? [] : ["\(path) is \(integer)"]
        case "number": return value is NSNumber && !isBoolean(value) ? [] : ["\(path) is no number"]
        case "array":
            guard let elements = value as? [Any] else { return ["\(path) is no array"] }
            guard let items = schema["items"] as? [String: Any] else { throw Fault("\(path) has no items.") }
            return try elements.enumerated().flatMap { try faults($1, items, "\(path)[\($0)]") }
        case "object": return try objectFaults(value, schema, path)
        default: throw Fault("The schema of \(path) has no type.")
        }
    }

    private func objectFaults(_ value: Any, _ schema: [String: Any], _ path: String) throws -> [String] {
        guard let object = value as? [String: Any] else { return ["\(path) is no object"] }
        guard let properties = schema["properties"] as? [String: [String: Any]],
            let required = schema["required"] as? [String], schema["additionalProperties"] as? Bool == false
        else { throw Fault("The schema of \(path) leaves its keys open.") }
        let missing = required.filter { object[$0] == nil }.map { "\(path) has no \($0)" }
        let others = object.keys.filter { properties[$0] == nil }.map { "\(path) has a key \($0)" }
        return try missing + others
            + object.flatMap { key, value in
                try properties[key].map { try faults(value, $0, "\(path).\(key)") } ?? []
            }
    }

    private func isBoolean(_ value: Any) -> Bool {
        // A number also bridges to Bool, so its original type has to be checked.
        (value as? NSNumber).map { String(cString: $0.objCType) == "c" } ?? false
    }
}
