/// Streams a suite file (`.jsonl` or `.jsonl.gz`), one question or problem at a time, in bounded memory but for the ids.
package struct SuiteReader: ~Copyable {
    /// What one line held.
    package enum Element: Sendable, Equatable {
        case question(SuiteQuestion, line: Int)
        case problem(EvaluationProblem)
    }

    private var lines: LineReader
    private let parser: SuiteLineParser
    private var firstLine: [String: Int] = [:]
    private var buffer: [UInt8] = []
    private var line = 0

    /// - Parameter grader: of lines without their own.
    /// - Throws: `DatasetError` with code `missing` if there is no such file or it may not be read.
    package init(path: String, grader: AnswerGrader) throws(DatasetError) {
        lines = try LineReader(path: path, limit: EvaluationReader.defaultMaximumLineBytes)
        parser = SuiteLineParser(grader: grader)
    }

    /// The next question or problem; nil at the end of the file. Blank lines are passed over.
    ///
    /// - Throws: `DatasetError` with code `unreadable` where the file can't be read on: nothing follows.
    package mutating func next() throws(DatasetError) -> Element? {
        while true {
            switch try lines.next(into: &buffer) {
            case .end:
                return nil
            case .tooLong:
                line += 1
                return .problem(
                    EvaluationProblem(
                        line: line,
                        reason: "the line is over \(EvaluationReader.defaultMaximumLineBytes) bytes long"))
            case .line:
                line += 1
                if buffer.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
                return parseLine()
            }
        }
    }

    private mutating func parseLine() -> Element {
        let question: SuiteQuestion
        do {
            question = try parser.parse(buffer, line: line)
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
