import HerdJSON

/// Reads one line of a suite file.
///
/// Shape: `{"id", "prompt", "task", "domain"?, "reference" | "references" | "answer", "grader"?}`. A reference is a text or a
/// number; `references` lists several. A grader is a name, or `{"kind", "pattern"?, "judge_model"?, "criteria"?}`. Other
/// keys are ignored.
package struct SuiteLineParser: Sendable {
    private let grader: AnswerGrader

    /// - Parameter grader: of lines without their own.
    package init(grader: AnswerGrader) {
        self.grader = grader
    }

    /// - Throws: a problem that names `line` and says which field is wrong and what is allowed.
    package func parse(_ bytes: [UInt8], line: Int) throws(EvaluationProblem) -> SuiteQuestion {
        do {
            return try question(bytes)
        } catch {
            throw EvaluationProblem(line: line, reason: error.reason)
        }
    }

    private func question(_ bytes: [UInt8]) throws(JSONCursor.Failure) -> SuiteQuestion {
        var cursor = JSONCursor(bytes, name: "the line")
        var question = SuiteQuestion(id: "", prompt: "", task: "")
        var seen = Set<String>()
        try cursor.object("the line") { (cursor, key) throws(JSONCursor.Failure) in
            guard seen.insert(key).inserted else { throw JSONCursor.Failure("a key appears twice") }
            switch key {
            case "id": question.id = try name(&cursor, key, atMost: SuiteQuestion.Limit.id)
            case "prompt": question.prompt = try text(&cursor, key, atMost: SuiteQuestion.Limit.prompt)
            case "task": question.task = try name(&cursor, key, atMost: SuiteQuestion.Limit.name)
            case "domain":
                if try cursor.null() { break }
                question.domain = try name(&cursor, key, atMost: SuiteQuestion.Limit.name)
            case "reference", "answer":
                if try cursor.null() { break }
                question.references.append(try reference(&cursor, key))
            case "references":
                if try cursor.null() { break }
                try cursor.array(key) { (cursor) throws(JSONCursor.Failure) in
                    question.references.append(try reference(&cursor, "a reference"))
                }
            case "grader":
                if try cursor.null() { break }
                question.grader = try specification(&cursor)
            default: try cursor.skipValue()
            }
        }
        try cursor.finish()
        for required in ["id", "prompt", "task"] where !seen.contains(required) {
            throw JSONCursor.Failure("\"\(required)\" is missing")
        }
        guard question.references.reduce(0, { $0 + $1.utf8.count }) <= SuiteQuestion.Limit.references else {
            throw JSONCursor.Failure("the references are over \(SuiteQuestion.Limit.references) bytes long")
        }
        try check(question)
        return question
    }

    private func check(_ question: SuiteQuestion) throws(JSONCursor.Failure) {
        guard question.prompt.contains(where: { !$0.isWhitespace }) else {
            throw JSONCursor.Failure("prompt is empty")
        }
        do throws(GraderError) {
            let used = try question.grader.map { (specification) throws(GraderError) in
                try AnswerGrader(specification)
            }
            try (used ?? grader).check(references: question.references, prompt: question.prompt)
        } catch {
            throw JSONCursor.Failure(error.reason)
        }
    }

    // MARK: - Fields

    private func specification(_ cursor: inout JSONCursor) throws(JSONCursor.Failure) -> GraderSpecification {
        var kind = ""
        var pattern = ""
        var judgeModel = ""
        var criteria = ""
        if cursor.peek() == UInt8(ascii: "{") {
            try cursor.object("grader") { (cursor, key) throws(JSONCursor.Failure) in
                switch key {
                case "kind": kind = try cursor.string("grader.kind")
                case "pattern":
                    pattern = try text(&cursor, "grader.pattern", atMost: SuiteQuestion.Limit.pattern)
                case "judge_model":
                    judgeModel = try name(&cursor, "grader.judge_model", atMost: SuiteQuestion.Limit.model)
                case "criteria":
                    criteria = try text(&cursor, "grader.criteria", atMost: SuiteQuestion.Limit.criteria)
                default: throw JSONCursor.Failure("grader takes kind, pattern, judge_model and criteria only")
                }
            }
        } else {
            kind = try cursor.string("grader")
        }
        do throws(GraderError) {
            return try GraderSpecification(kind: kind, pattern: pattern, judgeModel: judgeModel, criteria: criteria)
        } catch {
            throw JSONCursor.Failure(error.reason)
        }
    }

    private func reference(_ cursor: inout JSONCursor, _ field: String) throws(JSONCursor.Failure) -> String {
        if let next = cursor.peek(), next == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next)
        {
            return try cursor.numberText(field)
        }
        return try text(&cursor, field, atMost: SuiteQuestion.Limit.references)
    }

    private func text(
        _ cursor: inout JSONCursor, _ field: String, atMost limit: Int
    ) throws(JSONCursor.Failure) -> String {
        let value = try cursor.string(field)
        guard value.utf8.count <= limit else { throw JSONCursor.Failure("\(field) is over \(limit) bytes long") }
        // The wire knows no U+0000: the model would be asked something else.
        guard !value.utf8.contains(0) else { throw JSONCursor.Failure("\(field) has a character U+0000; leave it out") }
        return value
    }

    private func name(
        _ cursor: inout JSONCursor, _ field: String, atMost limit: Int
    ) throws(JSONCursor.Failure) -> String {
        let value = try text(&cursor, field, atMost: limit)
        guard !value.isEmpty else { throw JSONCursor.Failure("\(field) is empty") }
        guard !value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw JSONCursor.Failure("\(field) has a control character")
        }
        return value
    }
}
