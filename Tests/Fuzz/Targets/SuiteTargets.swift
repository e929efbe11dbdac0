import HerdDatasets

extension FuzzTarget {
    /// A line of a suite file: a question that keeps to every limit, or a problem.
    static let suiteLine = FuzzTarget(name: "suite-line") { bytes in
        guard let grader = try? AnswerGrader(GraderSpecification(.exact)) else {
            return Violation("there is no grader")
        }
        let parser = SuiteLineParser(grader: grader)
        guard let question = try? parser.parse(Array(bytes), line: 1) else { return nil }
        let references = question.references.reduce(0) { $0 + $1.utf8.count }
        guard (1...SuiteQuestion.Limit.id).contains(question.id.utf8.count), !question.task.isEmpty,
            question.prompt.utf8.count <= SuiteQuestion.Limit.prompt, references <= SuiteQuestion.Limit.references
        else { return Violation("a question beyond the limits was taken") }
        return nil
    } seeds: {
        [
            #"{"id":"a","prompt":"p","task":"t","reference":"r","grader":"exact"}"#,
            #"{"id":"a","prompt":"p","task":"t","domain":"d","references":["r",-1.5e3],"grader":{"kind":"f1"}}"#,
            #"{"id":"a","prompt":"p","task":"t","grader":{"kind":"regex","pattern":"^4\\d$"}}"#,
            #"{"id":"a","prompt":"p","task":"t","answer":"r","grader":{"kind":"judge","judge_model":"m","criteria":"c"}}"#,
        ].map { Array($0.utf8) }
    }

    /// The first line is the kind of grader, the second the reference (of "regex" the pattern), the rest the answer: a score
    /// of 0 to 1, and the whole score for the reference itself where it is one.
    static let graders = FuzzTarget(name: "graders") { bytes in
        let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 2, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard lines.count == 3, let specification = try? GraderSpecification(kind: lines[0]),
            let grader = try? AnswerGrader(specification), !grader.needsJudge,
            (try? grader.check(references: [lines[1]])) != nil
        else { return nil }
        let score = grader.score(lines[2], references: [lines[1]], prompt: lines[2])
        guard score >= 0, score <= 1 else { return Violation("\(lines[0]) gave \(score)") }
        switch specification.kind {
        case .exact, .exactIgnoringCase, .exactWords, .f1:
            guard grader.score(lines[1], references: [lines[1]]) == 1 else {
                return Violation("\(lines[0]) does not take the reference '\(lines[1])' for right")
            }
        case .choice, .regex, .judge: break
        }
        return nil
    } seeds: {
        [
            "exact\nHELLO\n hello", "exact-ignore-case\nStra\u{df}e\nSTRASSE", "em\nthe U.S.A.\nusa",
            "f1\na quick brown fox\nthe brown, quick dog", "choice\nB\nA. London\n(B) Paris\nThe answer is B.",
            "regex\n^(a+)+$\naaaaaaaaaaaaaaaaaaaaaaaa!",
        ].map { Array($0.utf8) }
    }
}
