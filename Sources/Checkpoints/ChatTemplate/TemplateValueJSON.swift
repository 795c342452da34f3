/// An error for JSON that cannot become the variables of a template.
public struct TemplateVariablesError: Error, CustomStringConvertible, Sendable, Hashable {
    public let description: String
}

extension TemplateValue {
    /// Reads a JSON text. Objects keep the order of their keys. A number with the value of an integer becomes one, also
    /// if it is written with a fraction.
    /// - Throws: ``TemplateVariablesError`` if the text is not valid JSON.
    public init(json: [UInt8]) throws {
        do {
            self.init(try OrderedJSON.parse(json))
        } catch {
            throw TemplateVariablesError(
                description: "The variables are not valid JSON: \(error.message), at byte \(error.offset).")
        }
    }

    private init(_ json: OrderedJSON) {
        switch json {
        case .null: self = .none
        case .bool(let flag): self = .boolean(flag)
        case .number(let number): self = Int(exactly: number).map(TemplateValue.integer) ?? .number(number)
        case .string(let text): self = .string(text)
        case .array(let elements): self = .list(elements.map { TemplateValue($0) })
        case .object(let members):
            self = .dictionary(members.map { Entry($0.key, TemplateValue($0.value)) })
        }
    }
}
