import Foundation

extension ChatTemplate {
    /// Reads the template of a checkpoint folder.
    ///
    /// `chat_template` in `tokenizer_config.json` is the template, or a list of named ones, of which `default` is used.
    /// A file `chat_template.jinja` takes precedence, as in transformers. The special tokens (`bos_token` and the
    /// others, each a string or an object with `content`) become variables of the template.
    ///
    /// - Parameters:
    ///   - tokenizerConfiguration: the text of `tokenizer_config.json`.
    ///   - jinjaFile: the text of `chat_template.jinja`, if the folder has one.
    ///   - folder: the folder's name in error messages.
    /// - Throws: `ChatTemplateError` if there is no template, or it cannot be read.
    public init(tokenizerConfiguration: String, jinjaFile: String? = nil, folder: String) throws {
        let file = "\(folder)/tokenizer_config.json"
        func refusal(_ reason: String) -> ChatTemplateError {
            ChatTemplateError(template: file, line: nil, reason: reason, isRaisedByTemplate: false)
        }
        let fields: Fields
        do {
            fields = try JSONDecoder().decode(Fields.self, from: Data(tokenizerConfiguration.utf8))
        } catch let error as DecodingError {
            throw refusal(error.sentencePart)
        }
        var variables: [String: TemplateValue] = [:]
        for (name, token) in fields.tokens { variables[name] = .string(token.content) }
        if let jinjaFile {
            try self.init(jinjaFile, name: "\(folder)/chat_template.jinja", standardVariables: variables)
            return
        }
        switch fields.template {
        case .one(let source):
            try self.init(source, name: file, standardVariables: variables)
        case .named(let templates):
            guard let standard = templates.first(where: { $0.name == "default" }) else {
                let names = templates.map { "'\($0.name)'" }.joined(separator: ", ")
                throw refusal(
                    "it has templates named \(names) but none named 'default'; use --raw to give the prompt as it is")
            }
            try self.init(standard.template, name: file, standardVariables: variables)
        case nil:
            throw refusal("the checkpoint has none; use --raw to give the prompt as it is")
        }
    }

    /// The keys of `tokenizer_config.json` that concern the template.
    private struct Fields: Decodable {
        let template: Templates?
        var tokens: [String: Token] = [:]

        private enum Key: String, CodingKey, CaseIterable {
            case template = "chat_template"
            case bos = "bos_token"
            case eos = "eos_token"
            case unknown = "unk_token"
            case separator = "sep_token"
            case padding = "pad_token"
            case classification = "cls_token"
            case mask = "mask_token"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            template = try container.decodeIfPresent(Templates.self, forKey: .template)
            for key in Key.allCases where key != .template {
                tokens[key.rawValue] = try container.decodeIfPresent(Token.self, forKey: key)
            }
        }
    }

    private enum Templates: Decodable {
        case one(String)
        case named([Named])

        struct Named: Decodable {
            let name: String
            let template: String
        }

        init(from decoder: any Decoder) throws {
            if let source = try? decoder.singleValueContainer().decode(String.self) {
                self = .one(source)
            } else {
                self = .named(try [Named](from: decoder))
            }
        }
    }

    private struct Token: Decodable {
        let content: String

        private enum Key: String, CodingKey { case content }

        init(from decoder: any Decoder) throws {
            if let content = try? decoder.singleValueContainer().decode(String.self) {
                self.content = content
            } else {
                content = try decoder.container(keyedBy: Key.self).decode(String.self, forKey: .content)
            }
        }
    }
}

extension DecodingError {
    /// The problem and its place, in the form that follows "cannot be used:".
    fileprivate var sentencePart: String {
        func path(_ context: Context) -> String {
            context.codingPath.map(\.stringValue).joined(separator: ".")
        }
        switch self {
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return "the key '\(path(context))' does not have the type it should have"
        case .keyNotFound(let key, let context):
            let place = path(context)
            return "the key '\(place.isEmpty ? key.stringValue : place + "." + key.stringValue)' is missing"
        default:
            return "the file is not valid JSON"
        }
    }
}
