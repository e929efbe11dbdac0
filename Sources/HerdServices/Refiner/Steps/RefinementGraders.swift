import HerdDatasets
import HerdMessages

/// Compares answers with the right one.
struct ReferenceGrader: RefinementGrader {
    let grader: AnswerGrader
    let references: [String]
    let question: String
    var kind: RefinementGrading { .reference }

    func grade(
        _ answer: String, draft: String, maxTokens: UInt32, timeout: Duration?
    ) async throws(JudgementFailure) -> GradedAnswer {
        GradedAnswer(score: grader.score(answer, references: references, prompt: question))
    }
}

/// Has a model compare each rewrite with the draft, in both orders: 1 for one that is better both times, 0 for one that is
/// worse both times, else 0.5, which is also the draft's.
package struct DraftJudge: RefinementGrader {
    private let prompt: JudgePrompt
    private let generator: any StepGenerator
    private let model: String
    private let question: String
    private let criteria: String
    package var kind: RefinementGrading { .judge }

    /// - Parameter reference: a right answer, told to the judge; empty for none.
    package init(
        prompt: JudgePrompt, generator: any StepGenerator, model: String, question: String, criteria: String,
        reference: String
    ) {
        self.prompt = prompt
        self.generator = generator
        self.model = model
        self.question = question
        self.criteria =
            reference.isEmpty
            ? criteria
            : (criteria.isEmpty ? "which answer agrees better with this right one:" : "\(criteria)\nA right answer:")
                + "\n\(reference)"
    }

    package func grade(
        _ answer: String, draft: String, maxTokens: UInt32, timeout: Duration?
    ) async throws(JudgementFailure) -> GradedAnswer {
        guard answer != draft else { return GradedAnswer(score: 0.5) }
        let generator = generator
        var options = GenerationOptions.ofJudge
        options.maxTokens = maxTokens
        let judge = Judge(prompt: prompt) { [options] model, prompt in
            var text = ""
            let request = GenerateRequest(model: model, prompt: prompt, options: options)
            let step = try await generator.generate(request, timeout: timeout) { delta in text += delta }
            let usage = step.finish?.usage ?? Usage()
            if let failure = step.failure { throw JudgementFailure(failure, usage: usage) }
            return (text, usage)
        }
        let judgement = try await judge.compare(
            answer, with: draft, question: question, criteria: criteria, model: model)
        return GradedAnswer(score: judgement.score, usage: judgement.usage)
    }
}
