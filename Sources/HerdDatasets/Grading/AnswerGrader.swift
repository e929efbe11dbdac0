/// Grades answers against references: 0 (wrong) to 1 (right).
///
/// Pure, and bounded in time: no answer or pattern can hold it up.
package struct AnswerGrader: Sendable {
    package let specification: GraderSpecification
    private let pattern: TextPattern?

    /// - Throws: for a pattern that can't be used, and for what is given to a kind that does not take it.
    package init(_ specification: GraderSpecification) throws(GraderError) {
        let kind = specification.kind
        guard specification.pattern.isEmpty || kind == .regex else {
            throw GraderError("the grader \(kind.rawValue) takes no pattern; only regex does")
        }
        guard specification.judgeModel.isEmpty && specification.criteria.isEmpty || kind == .judge else {
            throw GraderError("the grader \(kind.rawValue) takes no judge model and no criteria; only judge does")
        }
        guard !specification.judgeModel.isEmpty || kind != .judge else {
            throw GraderError("the grader judge needs the model that judges (judge_model)")
        }
        self.specification = specification
        pattern = specification.pattern.isEmpty ? nil : try TextPattern(specification.pattern)
    }

    /// Whether a model has to be asked; `score` can't tell then.
    package var needsJudge: Bool { specification.kind == .judge }

    /// Checks that there is what the kind compares answers with, and that an answer could be right.
    ///
    /// - Parameter prompt: what is asked; of `choice` the references must be among the options that it lists.
    package func check(references: [String], prompt: String = "") throws(GraderError) {
        let kind = specification.kind
        if kind == .regex {
            guard pattern == nil else { return }
            guard !references.isEmpty else {
                throw GraderError("the grader regex needs a pattern, in the grader or as the reference")
            }
            for reference in references { _ = try TextPattern(reference) }
            return
        }
        guard !references.isEmpty else {
            throw GraderError("the grader \(kind.rawValue) needs a reference, the right answer")
        }
        guard kind == .choice else { return }
        if references.contains(where: { $0.allSatisfy(\.isWhitespace) }) {
            throw GraderError("the grader choice needs the right option as reference, not an empty text")
        }
        for reference in references {
            if let problem = MultipleChoice.problem(of: reference, prompt: prompt) { throw GraderError(problem) }
        }
    }

    /// The best score over the references; 0 also where a pattern takes too long on the answer.
    ///
    /// - Parameter prompt: what was asked; `choice` finds the options in it.
    package func score(_ answer: String, references: [String], prompt: String = "") -> Double {
        do throws(GraderError) {
            return try grade(answer, references: references, prompt: prompt)
        } catch {
            return 0
        }
    }

    /// The best score over the references.
    ///
    /// - Throws: for a pattern that takes too long on the answer.
    package func grade(_ answer: String, references: [String], prompt: String = "") throws(GraderError) -> Double {
        switch specification.kind {
        case .exact: return isAny(of: references) { ExactMatch.isEqual(answer, $0) }
        case .exactIgnoringCase: return isAny(of: references) { ExactMatch.isEqualIgnoringCase(answer, $0) }
        case .exactWords:
            let words = SquadWords(answer)
            return isAny(of: references) { words == SquadWords($0) }
        case .f1:
            let words = SquadWords(answer)
            return references.reduce(0) { max($0, words.f1(SquadWords($1))) }
        case .choice: return isAny(of: references) { MultipleChoice.isChosen($0, by: answer, prompt: prompt) }
        case .regex:
            if let pattern { return try pattern.isFound(in: answer) ? 1 : 0 }
            for reference in references where try TextPattern(reference).isFound(in: answer) { return 1 }
            return 0
        case .judge:
            preconditionFailure("a judge has to be asked; look at needsJudge first")
        }
    }

    private func isAny(of references: [String], _ isRight: (String) -> Bool) -> Double {
        references.contains(where: isRight) ? 1 : 0
    }
}
