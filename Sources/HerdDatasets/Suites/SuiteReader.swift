/// Streams a suite file (`.jsonl` or `.jsonl.gz`), one question or problem at a time, in bounded memory but for the ids.
package struct SuiteReader: ~Copyable {
    /// What one line held.
    package enum Element: Sendable, Equatable {
        case question(SuiteQuestion, line: Int)
        case problem(EvaluationProblem)
    }

    private var lines: NumberedLines
    private let parser: SuiteLineParser
    private var firstLine: [String: Int] = [:]

    /// - Parameter grader: of lines without their own.
    /// - Throws: `DatasetError` with code `missing` if there is no such file or it may not be read.
    package init(path: String, grader: AnswerGrader) throws(DatasetError) {
        lines = try NumberedLines(path: path, limit: EvaluationReader.defaultMaximumLineBytes)
        parser = SuiteLineParser(grader: grader)
    }

    /// The next question or problem; nil at the end of the file. Blank lines are passed over.
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
        let question: SuiteQuestion
        do {
            question = try parser.parse(lines.bytes, line: line)
        } catch {
            return .problem(error)
        }
        if let first = firstLine[question.id] {
            return .problem(
                EvaluationProblem(
                    kind: .duplicateID, line: line, reason: "the id \"\(question.id)\" is that of line \(first) already"
                ))
        }
        firstLine[question.id] = line
        return .question(question, line: line)
    }
}
