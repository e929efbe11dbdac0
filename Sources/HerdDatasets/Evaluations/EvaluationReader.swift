/// Streams an evaluation file (`.jsonl` or `.jsonl.gz`), one row or problem at a time, in bounded memory but for the ids.
package struct EvaluationReader: ~Copyable {
    /// What one line held.
    package enum Element: Sendable, Equatable {
        case row(EvaluationRow, line: Int)
        case problem(EvaluationProblem)
    }

    /// What to do with a row whose id an earlier line already had.
    package enum Duplicates: Sendable {
        /// Report a problem of kind `duplicateID` in its place.
        case refuse
        /// Hand out the row all the same.
        case keep
    }

    /// The longest line in bytes unless told otherwise: 4 MiB, the longest frame of the wire.
    package static let defaultMaximumLineBytes = 4 << 20

    private var lines: NumberedLines
    private let parser = EvaluationLineParser()
    private let duplicates: Duplicates
    private var firstLine: [String: Int] = [:]

    /// - Throws: `DatasetError` with code `missing` if there is no such file or it may not be read.
    package init(
        path: String, duplicates: Duplicates = .refuse, maximumLineBytes: Int = defaultMaximumLineBytes
    ) throws(DatasetError) {
        self.lines = try NumberedLines(path: path, limit: maximumLineBytes)
        self.duplicates = duplicates
    }

    /// The next row or problem; nil at the end of the file. Blank lines are passed over.
    ///
    /// - Throws: `DatasetError` with code `unreadable` where the file can't be read on: nothing follows.
    package mutating func next() throws(DatasetError) -> Element? {
        switch try lines.next() {
        case .end: nil
        case .problem(let problem): .problem(problem)
        case .line(let line): parse(line)
        }
    }

    private mutating func parse(_ line: Int) -> Element {
        let row: EvaluationRow
        do {
            row = try parser.parse(lines.bytes, line: line)
        } catch {
            return .problem(error)
        }
        if let first = firstLine[row.id] {
            if case .refuse = duplicates {
                return .problem(
                    EvaluationProblem(
                        kind: .duplicateID, line: line, reason: "the id \"\(row.id)\" is that of line \(first) already")
                )
            }
        } else {
            firstLine[row.id] = line
        }
        return .row(row, line: line)
    }
}

/// A whole evaluation file in memory.
package struct EvaluationFile: Sendable {
    package var path: String
    package var rows: [EvaluationRow]
    /// In the order of the lines.
    package var problems: [EvaluationProblem]
    /// Rows with the id of an earlier one; they are among `rows` where duplicates are kept.
    package private(set) var repeatedIDs = 0

    /// Reads `path` to its end, whatever is wrong with single lines.
    package init(
        path: String, duplicates: EvaluationReader.Duplicates = .refuse,
        maximumLineBytes: Int = EvaluationReader.defaultMaximumLineBytes
    ) throws(DatasetError) {
        self.path = path
        rows = []
        problems = []
        var reader = try EvaluationReader(path: path, duplicates: duplicates, maximumLineBytes: maximumLineBytes)
        var ids = Set<String>()
        while let element = try reader.next() {
            switch element {
            case .row(let row, _):
                if !ids.insert(row.id).inserted { repeatedIDs += 1 }
                rows.append(row)
            case .problem(let problem):
                if problem.kind == .duplicateID { repeatedIDs += 1 }
                problems.append(problem)
            }
        }
    }

    /// Every model that has a score in some row, by name.
    package static func models(of rows: [EvaluationRow]) -> [String] {
        var models = Set<String>()
        for row in rows { models.formUnion(row.scores.keys) }
        return models.sorted()
    }
}
