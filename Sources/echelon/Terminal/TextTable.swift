/// A table whose columns are as wide as their contents. The first column is aligned to the left, the others to the right.
struct TextTable {
    private let lines: [[String]]

    init(_ header: [String], _ rows: [[String]]) { lines = rows.isEmpty ? [] : [header] + rows }

    /// The table without a line break at its end; empty if there are no rows.
    var text: String {
        guard let header = lines.first else { return "" }
        let widths = header.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            // Empty cells at the end of a line are left out.
            let last = line.lastIndex { !$0.isEmpty } ?? 0
            return line[...last].indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - line[column].count)
                return column == 0 ? line[column] + padding : padding + line[column]
            }
            .joined(separator: "  ")
        }
        .joined(separator: "\n")
    }
}
