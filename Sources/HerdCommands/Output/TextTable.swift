import HerdReflection

/// A table for people: columns padded to their widest cell, numbers to the right.
package struct TextTable {
    package enum Alignment: Sendable {
        case left, right
    }

    private let headings: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []

    package init(_ columns: [(String, Alignment)]) {
        headings = columns.map { PrintableText.escaped($0.0) }
        alignments = columns.map(\.1)
    }

    /// Missing cells stay empty, surplus ones are dropped.
    package mutating func add(_ cells: [String]) {
        rows.append((0..<headings.count).map { $0 < cells.count ? PrintableText.escaped(cells[$0]) : "" })
    }

    /// Lines without trailing white space, each ended by a newline.
    package var text: String {
        let all = [headings] + rows
        let widths = headings.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        var result = ""
        for row in all {
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += alignments[column] == .left ? cell + padding : padding + cell
                line += "  "
            }
            while line.last == " " { line.removeLast() }
            result += line + "\n"
        }
        return result
    }
}
