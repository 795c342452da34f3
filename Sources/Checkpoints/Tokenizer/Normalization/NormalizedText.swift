/// A text on its way through the normalizers.
struct NormalizedText {
    /// Valid UTF-8.
    var bytes: [UInt8]
    /// Whether it begins with the first character of the whole text, or with something put before that. Metaspace's
    /// scheme `first` depends on it.
    var beginsAtStart: Bool

    /// Replaces the bytes by those that `append` writes for each scalar.
    mutating func mapScalars(_ append: (Unicode.Scalar, inout [UInt8]) -> Void) {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        bytes.withUnsafeBufferPointer { bytes in
            var position = 0
            while position < bytes.count {
                let (scalar, end) = UTF8Scalars.scalar(at: position, in: bytes)
                append(scalar, &output)
                if position == 0, output.isEmpty { beginsAtStart = false }
                position = end
            }
        }
        bytes = output
    }

    /// Replaces each match of a pattern by `content`.
    mutating func replace(_ pattern: RegexPattern, by content: [UInt8]) throws(RegexPattern.Failure) {
        guard !bytes.isEmpty else { return }
        let matcher = try RegexMatcher(pattern)
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var start = beginsAtStart
        var end = 0
        try bytes.withUnsafeBufferPointer { (bytes) throws(RegexPattern.Failure) in
            try matcher.forEachMatch(in: bytes) { match in
                // The content takes the place of the last character that it replaces.
                if match.lowerBound == 0, match.upperBound > 0 {
                    let isOneCharacter = match.upperBound == UTF8Scalars.length(lead: bytes[0])
                    if content.isEmpty || !isOneCharacter { start = false }
                }
                output += bytes[end..<match.lowerBound]
                output += content
                end = match.upperBound
            }
            output += bytes[end...]
        }
        bytes = output
        beginsAtStart = start
    }

    /// Removes white space at the ends.
    mutating func strip(left: Bool, right: Bool) {
        let range = bytes.withUnsafeBufferPointer { bytes in
            var start = 0
            var end = bytes.count
            while left, start < end {
                let first = UTF8Scalars.scalar(at: start, in: bytes)
                guard first.scalar.properties.isWhitespace else { break }
                start = first.end
            }
            while right, start < end {
                let last = UTF8Scalars.scalar(before: end, in: bytes)
                guard last.scalar.properties.isWhitespace else { break }
                end = last.start
            }
            return start..<end
        }
        if range.lowerBound > 0 { beginsAtStart = false }
        bytes = Array(bytes[range])
    }
}
