/// A value of a tokenizer file together with its place, for precise error messages.
struct TokenizerField {
    let value: OrderedJSON
    /// The place in the file, such as `model.merges`; empty for the whole file.
    let path: String
    let file: String

    func error(_ message: String) -> TokenizerError {
        TokenizerError(path.isEmpty ? "\(file): \(message)" : "\(file): \(path): \(message)")
    }

    private func mismatch(_ wanted: String) -> TokenizerError {
        error("this has to be \(wanted), and is \(value.kind).")
    }

    /// The members of an object, including repeated ones.
    func members() throws -> [OrderedJSON.Member] {
        guard case .object(let members) = value else { throw mismatch("an object") }
        return members
    }

    /// The member called `key`, or nil if it is absent or null. A repeated key is an error, because it is ambiguous.
    func member(_ key: String) throws -> TokenizerField? {
        let found = try members().filter { $0.key == key }
        guard found.count < 2 else { throw error("the key \(key) appears more than once.") }
        guard let member = found.first else { return nil }
        if case .null = member.value { return nil }
        return TokenizerField(value: member.value, path: path.isEmpty ? key : "\(path).\(key)", file: file)
    }

    func required(_ key: String) throws -> TokenizerField {
        guard let member = try member(key) else { throw error("\(key) is missing.") }
        return member
    }

    /// Refuses keys other than `keys`, because an unknown setting may change the result of the tokenizer.
    func refuseKeys(besides keys: String...) throws {
        for member in try members() where !keys.contains(member.key) {
            throw error("\(member.key) is not a setting that this program knows.")
        }
    }

    func elements() throws -> [TokenizerField] {
        guard case .array(let elements) = value else { throw mismatch("an array") }
        return elements.enumerated().map { TokenizerField(value: $1, path: "\(path)[\($0)]", file: file) }
    }

    func string() throws -> String {
        guard case .string(let string) = value else { throw mismatch("a string") }
        return string
    }

    /// A string in UTF-8.
    func bytes() throws -> [UInt8] { Array(try string().utf8) }

    /// A string of one character, in UTF-8.
    func character() throws -> [UInt8] {
        let text = try string()
        guard text.unicodeScalars.count == 1 else { throw mismatch("a string of one character") }
        return Array(text.utf8)
    }

    /// The components that a field lists under `key` if its type is Sequence, nested sequences flattened; else the field
    /// itself.
    func components(_ key: String) throws -> [TokenizerField] {
        guard try required("type").string() == "Sequence" else { return [self] }
        try refuseKeys(besides: "type", key)
        return try required(key).elements().flatMap { try $0.components(key) }
    }

    /// One of the names of `Choice`.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(of choices: Choice.Type) throws -> Choice {
        let name = try string()
        guard let choice = Choice(rawValue: name) else {
            throw error("\(name) is not one of \(choices.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return choice
    }

    /// A whole number from 0 to 65535.
    func count() throws -> Int {
        guard case .number(let number) = value, let count = UInt16(exactly: number) else {
            throw mismatch("a whole number from 0 to 65535")
        }
        return Int(count)
    }

    func bool() throws -> Bool {
        guard case .bool(let bool) = value else { throw mismatch("true or false") }
        return bool
    }

    func bool(_ key: String, default fallback: Bool) throws -> Bool {
        try member(key)?.bool() ?? fallback
    }

    func number() throws -> Double {
        guard case .number(let number) = value else { throw mismatch("a number") }
        return number
    }

    func tokenID() throws -> Int32 {
        guard let id = TokenizerField.tokenID(value) else {
            throw error("a token id has to be a whole number from 0 to \(TokenizerField.largestTokenID).")
        }
        return id
    }

    /// Tables are as long as the largest id, so it is bounded. Known vocabularies stay under a million.
    static let largestTokenID: Int32 = 1 << 24 - 1

    /// The token id that `value` is; nil if it is not one.
    static func tokenID(_ value: OrderedJSON) -> Int32? {
        guard case .number(let number) = value, let id = Int32(exactly: number), id >= 0, id <= largestTokenID
        else { return nil }
        return id
    }
}
