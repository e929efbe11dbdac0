package import HerdMessages

/// Decides what a refinement does next: draft, then critique and rewrite for each round, until one of its stops.
///
/// It holds what came out of the steps and knows neither models nor time: whoever drives it performs each `Action` and
/// tells how it went.
package struct RefinementState: Sendable {
    package enum Action: Equatable, Sendable {
        /// Run a model; then `finished`, and where `answerToGrade` is set `graded`; or `breakOff`.
        case generate(Request)
        /// The draft is given and no model is to be run for it; where `answerToGrade` is set, `graded` follows.
        case useDraft(String)
        case end(RefinementEnd)
    }

    package struct Request: Equatable, Sendable {
        package let step: RefinementStepKind
        package let round: Int
        package let request: GenerateRequest
        /// The token limit is what the refinement has left, less than the caller allows an answer.
        package let isCut: Bool
    }

    package struct Answer: Equatable, Sendable {
        package let text: String
        package let round: Int
        package var score: Double?
    }

    private enum Phase {
        case draft
        case critique(round: Int)
        case rewrite(round: Int, critique: String)
        case grading(round: Int)
        case ended(RefinementEnd)
    }

    private let plan: RefinementPlan
    private let prompts: RefinementPrompts
    private let isGraded: Bool
    private let secondsAtMost: Double
    private var phase = Phase.draft
    /// The draft and every rewrite that changed something, oldest first.
    private var answers: [Answer] = []
    /// Of a draft that broke off.
    private var brokenDraft = ""
    /// How many rounds were finished.
    package private(set) var rounds = 0
    /// Of the draft and after each finished round.
    package private(set) var scores: [Double] = []
    package private(set) var usage = Usage()
    private var tokens: UInt64 = 0
    private var dearestStep = 0.0

    /// - Parameters:
    ///   - isGraded: whether answers are graded.
    ///   - secondsAtMost: after which no step is begun.
    package init(
        _ plan: RefinementPlan, prompts: RefinementPrompts, isGraded: Bool, secondsAtMost: Double = .infinity
    ) {
        self.plan = plan
        self.prompts = prompts
        self.isGraded = isGraded
        self.secondsAtMost = secondsAtMost
    }

    // MARK: - What to do

    /// - Parameter seconds: since the refinement began.
    package mutating func next(after seconds: Double) -> Action {
        switch phase {
        case .ended(let end): return .end(end)
        case .grading: preconditionFailure("the newest answer is to be graded first; look at answerToGrade")
        case .draft:
            if let draft = plan.givenDraft {
                take(draft, round: 0)
                return .useDraft(draft)
            }
            return request(.draft, round: 0, of: plan.model, plan.input.draft, after: seconds)
        case .critique(let round):
            guard round <= plan.rounds else { return end(.rounds) }
            let question = prompts.critique.text(["prompt": plan.input.text, "answer": newest])
            return request(.critique, round: round, of: plan.refineModel, plan.input.asking(question), after: seconds)
        case .rewrite(let round, let critique):
            let question = prompts.rewrite.text([
                "prompt": plan.input.text, "answer": newest, "critique": critique,
            ])
            return request(.rewrite, round: round, of: plan.refineModel, plan.input.asking(question), after: seconds)
        }
    }

    /// Within the limits; each is held against what is known before the step. Money and time may be passed by a step that
    /// turns out dearer than all before it; tokens by what the length of the prompt is misjudged.
    private mutating func request(
        _ step: RefinementStepKind, round: Int, of model: String, _ messages: [ChatMessage], after seconds: Double
    ) -> Action {
        let limits = plan.limits
        if seconds >= secondsAtMost { return end(.time) }
        if limits.maxCostUsd > 0, usage.costUsd + dearestStep >= limits.maxCostUsd, usage.costUsd > 0 {
            return end(.cost)
        }
        var maxTokens = plan.options.maxTokens
        var isCut = false
        if limits.maxTokens > 0 {
            let spent = tokens + Self.estimatedTokens(of: messages)
            guard spent < limits.maxTokens else { return end(.tokens) }
            let left = UInt32(clamping: limits.maxTokens - spent)
            isCut = maxTokens == 0 || left < maxTokens
            if isCut { maxTokens = left }
        }
        let request = GenerateRequest(
            model: model, messages: messages, options: plan.options(of: step, maxTokens: maxTokens))
        return .generate(Request(step: step, round: round, request: request, isCut: isCut))
    }

    // MARK: - What came of it

    /// A step's model ended its text.
    ///
    /// - Parameter reason: why, as the model's server says: "length" where it was cut.
    package mutating func finished(_ request: Request, text: String, usage: Usage?, reason: String) {
        count(usage)
        switch request.step {
        case .draft: take(text, round: 0)
        case .critique:
            if Critique.findsNothing(text), !plan.limits.ignoreEmptyCritique {
                phase = .ended(.nothingFound)
            } else {
                phase = .rewrite(round: request.round, critique: text)
            }
        case .rewrite:
            // The beginning of an answer is no better than the whole one before it.
            if request.isCut, reason == "length" {
                phase = .ended(.tokens)
            } else {
                takeRewrite(text, round: request.round)
            }
        }
    }

    /// The newest answer, while its score is due.
    package var answerToGrade: String? {
        if case .grading = phase { newest } else { nil }
    }

    /// The newest answer's score, 0..1, and what asking for it cost.
    package mutating func graded(_ score: Double, usage: Usage?) {
        count(usage)
        guard case .grading(let round) = phase, !answers.isEmpty else { return }
        answers[answers.count - 1].score = score
        scores.append(score)
        phase = .critique(round: round + 1)
    }

    /// Ends it before it is through.
    ///
    /// - Parameter text: of the step that broke off.
    package mutating func breakOff(_ end: RefinementEnd, text: String = "", usage: Usage? = nil) {
        count(usage)
        if answers.isEmpty { brokenDraft = text }
        phase = .ended(end)
    }

    private mutating func take(_ text: String, round: Int) {
        answers.append(Answer(text: text, round: round, score: nil))
        rounds = round
        phase = isGraded ? .grading(round: round) : .critique(round: round + 1)
    }

    private mutating func takeRewrite(_ text: String, round: Int) {
        let isEmpty = text.allSatisfy(\.isWhitespace)
        guard isEmpty || Self.words(of: text) == Self.words(of: newest) else { return take(text, round: round) }
        rounds = round
        if let score = scores.last { scores.append(score) }
        phase = plan.limits.ignoreNoChange ? .critique(round: round + 1) : .ended(.noChange)
    }

    private mutating func end(_ end: RefinementEnd) -> Action {
        phase = .ended(end)
        return .end(end)
    }

    private mutating func count(_ step: Usage?) {
        guard let step else { return }
        usage.add(step)
        tokens += UInt64(step.promptTokens) + UInt64(step.completionTokens)
        dearestStep = max(dearestStep, step.costUsd)
    }

    // MARK: - The answer

    private var newest: String { answers.last?.text ?? "" }

    /// The answer to give: the last one or, where answers are graded and worse ones are not to be kept, the first of the
    /// best. Nil before there is any.
    package var best: Answer? {
        guard isGraded, !plan.keepsWorse else { return answers.last }
        var best: Answer?
        for answer in answers {
            guard let score = answer.score else { continue }
            if score > best?.score ?? -1 { best = answer }
        }
        return best ?? answers.first
    }

    /// What the refinement came to, without its transcript and duration.
    package var result: RefinementResult {
        var result = RefinementResult()
        result.text = best?.text ?? brokenDraft
        result.round = UInt32(best?.round ?? 0)
        result.rounds = UInt32(rounds)
        result.usage = usage
        result.scores = scores
        if case .ended(let end) = phase {
            result.stoppedBecause = end.rawValue
            result.partial = end == .error
        } else {
            result.stoppedBecause = RefinementEnd.error.rawValue
            result.partial = true
        }
        return result
    }

    /// Texts that differ in white space alone are the same.
    private static func words(of text: String) -> [Substring] {
        text.split(whereSeparator: \.isWhitespace)
    }

    /// About four bytes of text make a token.
    private static func estimatedTokens(of messages: [ChatMessage]) -> UInt64 {
        var bytes = 0
        for message in messages {
            for part in message.content {
                if case .text(let text)? = part.part { bytes += text.utf8.count }
            }
        }
        return UInt64(bytes + 3) / 4
    }
}
