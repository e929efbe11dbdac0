import HerdDatasets
package import HerdFrames
import HerdMessages

/// Compares answers with the right one.
struct ReferenceGrader: RefinementGrader {
    let grader: AnswerGrader
    let references: [String]
    let question: String

    func grade(_ answer: String, draft: String, timeout: Duration?) async throws(CallError) -> GradedAnswer {
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
        _ answer: String, draft: String, timeout: Duration?
    ) async throws(CallError) -> GradedAnswer {
        guard answer != draft else { return GradedAnswer(score: 0.5) }
        let generator = generator
        let judge = Judge(prompt: prompt) { model, prompt in
            var text = ""
            let request = GenerateRequest(
                model: model, prompt: prompt, options: GenerationOptions(samplingTemperature: .temperature(0)))
            let step = try await generator.generate(request, timeout: timeout) { delta in text += delta }
            if let failure = step.failure { throw failure }
            return (text, step.finish?.usage ?? Usage())
        }
        do {
            let judgement = try await judge.compare(
                answer, with: draft, question: question, criteria: criteria, model: model)
            return GradedAnswer(score: judgement.score, usage: judgement.usage)
        } catch {
            throw CallError(handlerError: error)
        }
    }
}
