import ArgumentParser

/// A list of row counts on the command line: `1,8,16`.
struct RowCounts: ExpressibleByArgument {
    var counts: [Int]

    init?(argument: String) {
        let words = argument.split(separator: ",", omittingEmptySubsequences: false)
        counts = words.compactMap { Int($0) }
        guard counts.count == words.count, !counts.isEmpty else { return nil }
    }
}
