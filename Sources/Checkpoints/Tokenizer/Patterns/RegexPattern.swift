import CPCRE2

/// A compiled regular expression over UTF-8. Immutable, so any number of threads may match with it at once.
final class RegexPattern: @unchecked Sendable {
    /// An error for a pattern that cannot be used, or that gave up on a text.
    struct Failure: Error {
        let message: String
    }

    fileprivate let code: OpaquePointer
    fileprivate let usesJIT: Bool

    /// Compiles a pattern in the dialect of tokenizer files.
    convenience init(_ pattern: String) throws(Failure) {
        let translated: String
        do throws(RegexDialect.Unsupported) {
            translated = try RegexDialect.translate(pattern, isScript: Self.isScript)
        } catch {
            throw Failure(message: error.message)
        }
        try self.init(compiling: translated, options: PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE)
    }

    /// Compiles a pattern of this program, in the dialect of PCRE2.
    convenience init(native pattern: String) throws(Failure) {
        try self.init(compiling: pattern, options: PCRE2_UTF | PCRE2_UCP)
    }

    /// Whether PCRE2 knows a script called `name`.
    private static func isScript(_ name: String) -> Bool {
        let isName = name.utf8.allSatisfy { (0x61...0x7A).contains($0 | 0x20) || $0 == UInt8(ascii: "_") }
        return isName && (try? RegexPattern(compiling: "\\p{sc:\(name)}", options: PCRE2_UTF)) != nil
    }

    /// Compiles a pattern that matches exactly `text`.
    convenience init(literal text: String) throws(Failure) {
        try self.init(compiling: text, options: PCRE2_UTF | PCRE2_LITERAL)
    }

    private init(compiling pattern: String, options: UInt32) throws(Failure) {
        var errorCode: Int32 = 0
        var errorOffset = 0
        guard let context = pcre2_compile_context_create_8(nil) else { throw Failure(message: "out of memory") }
        defer { pcre2_compile_context_free_8(context) }
        pcre2_set_newline_8(context, UInt32(PCRE2_NEWLINE_LF))
        // `\C` would match single bytes and so cut characters in two.
        let never = options & PCRE2_LITERAL == 0 ? PCRE2_NEVER_BACKSLASH_C : 0
        let bytes = Array(pattern.utf8)
        guard let code = pcre2_compile_8(bytes, bytes.count, options | never, &errorCode, &errorOffset, context) else {
            throw Failure(message: "\(Self.message(errorCode)) at byte \(errorOffset)")
        }
        self.code = code
        // Fails if PCRE2 was built without it, or if memory may not be made executable; then the interpreter is used.
        usesJIT = pcre2_jit_compile_8(code, PCRE2_JIT_COMPLETE) == 0
    }

    deinit {
        pcre2_code_free_8(code)
    }

    fileprivate static func message(_ errorCode: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let length = pcre2_get_error_message_8(errorCode, &buffer, buffer.count)
        return length < 0 ? "PCRE2's error \(errorCode)" : String(decoding: buffer.prefix(Int(length)), as: UTF8.self)
    }
}

/// A finder of the matches of one pattern. It holds the working memory of a match, so one thread at a time may use it.
final class RegexMatcher {
    private let pattern: RegexPattern
    private let data: OpaquePointer
    private let context: OpaquePointer
    private let stack: OpaquePointer?

    /// The stack of compiled matching, in bytes, which grows as needed. Beyond it the interpreter takes over.
    private static let stackSizes = (first: 64 << 10, largest: 8 << 20)
    /// The maximum memory of the interpreter for one match, in KiB.
    private static let heapLimit: UInt32 = 256 << 10
    /// The maximum number of times that one match may backtrack: some for every byte of the text, and enough for short
    /// texts. Useful patterns need far fewer, and a pattern of exponential cost fails within a second.
    private static func matchLimit(length: Int) -> UInt32 {
        UInt32(clamping: 1_000_000 + 16 * min(length, Int(Int32.max)))
    }

    init(_ pattern: RegexPattern) throws(RegexPattern.Failure) {
        guard let data = pcre2_match_data_create_from_pattern_8(pattern.code, nil) else {
            throw RegexPattern.Failure(message: "out of memory")
        }
        guard let context = pcre2_match_context_create_8(nil) else {
            pcre2_match_data_free_8(data)
            throw RegexPattern.Failure(message: "out of memory")
        }
        self.pattern = pattern
        self.data = data
        self.context = context
        pcre2_set_heap_limit_8(context, Self.heapLimit)
        stack = pattern.usesJIT ? pcre2_jit_stack_create_8(Self.stackSizes.first, Self.stackSizes.largest, nil) : nil
        if let stack { pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(stack)) }
    }

    deinit {
        if let stack { pcre2_jit_stack_free_8(stack) }
        pcre2_match_context_free_8(context)
        pcre2_match_data_free_8(data)
    }

    /// Calls `body` with each match in `subject`, left to right, without overlap. `subject` is valid UTF-8.
    ///
    /// An empty match at the end of the previous match is left out.
    func forEachMatch(
        in subject: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void
    ) throws(RegexPattern.Failure) {
        pcre2_set_match_limit_8(context, Self.matchLimit(length: subject.count))
        var position = 0
        var lastEnd: Int?
        while position <= subject.count, let match = try match(in: subject, from: position) {
            if match.isEmpty, match.lowerBound == lastEnd {
                guard match.upperBound < subject.count else { return }
                position = match.upperBound + UTF8Scalars.length(lead: subject[match.upperBound])
            } else {
                body(match)
                position = match.upperBound
                lastEnd = match.upperBound
            }
        }
    }

    private func match(
        in subject: UnsafeBufferPointer<UInt8>, from start: Int
    ) throws(RegexPattern.Failure) -> Range<Int>? {
        let noCheck = PCRE2_NO_UTF_CHECK
        var result: Int32
        if pattern.usesJIT {
            result = pcre2_jit_match_8(
                pattern.code, subject.baseAddress, subject.count, start, noCheck, data, context)
            if result == PCRE2_ERROR_JIT_STACKLIMIT {
                result = pcre2_match_8(
                    pattern.code, subject.baseAddress, subject.count, start, noCheck | PCRE2_NO_JIT, data, context)
            }
        } else {
            result = pcre2_match_8(pattern.code, subject.baseAddress, subject.count, start, noCheck, data, context)
        }
        if result == PCRE2_ERROR_NOMATCH { return nil }
        guard result > 0, let offsets = pcre2_get_ovector_pointer_8(data) else {
            throw RegexPattern.Failure(message: RegexPattern.message(result))
        }
        // `\K` in a look-around can put the start of a match after its end, or before where the search began.
        guard offsets[0] >= start, offsets[1] >= offsets[0], offsets[1] <= subject.count else {
            throw RegexPattern.Failure(message: "\\K moved the start of a match out of order")
        }
        return offsets[0]..<offsets[1]
    }
}
