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
        /// It was cut where its model had no room for more.
        package let isCut: Bool
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
    private let grading: RefinementGrading
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
    private var budget: RefinementBudget

    /// - Parameters:
    ///   - grading: how answers are graded.
    ///   - secondsAtMost: after which no step is begun.
    package init(
        _ plan: RefinementPlan, prompts: RefinementPrompts, grading: RefinementGrading,
        secondsAtMost: Double = .infinity
    ) {
        self.plan = plan
        self.prompts = prompts
        self.grading = grading
        budget = RefinementBudget(plan.limits)
        self.secondsAtMost = secondsAtMost
    }

    // MARK: - What to do

    /// - Parameter seconds: since the refinement began.
    package mutating func next(after seconds: Double) -> Action {
        switch phase {
        case .ended(let end): return .end(end)
        case .grading: preconditionFailure("the newest answer is to be graded first; look at nextGrading()")
        case .draft:
            if let draft = plan.givenDraft {
                take(draft, round: 0, isCut: false)
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
        if seconds >= secondsAtMost { return end(.time) }
        // A round is of no use where its rewrite can't be judged.
        let judgement = step != .draft && grading == .judge ? judgementBytes(of: newest) : nil
        let steps = judgement != nil && step == .critique ? 2 : 1
        if budget.costPasses(steps: steps, judgements: judgement == nil ? 0 : 1) { return end(.cost) }
        var options = plan.options(of: step)
        var isCut = false
        if let left = budget.tokensLeft(
            afterBytes: Self.bytes(of: messages), reserving: judgement.map { RefinementBudget.judgementTokens($0) } ?? 0
        ) {
            guard left > 0 else { return end(.tokens) }
            isCut = options.maxTokens == 0 || left < options.maxTokens
            if isCut { options.maxTokens = left }
        }
        let request = GenerateRequest(model: model, messages: messages, options: options)
        return .generate(Request(step: step, round: round, request: request, isCut: isCut))
    }

    // MARK: - What came of it

    /// A step's model ended its text.
    ///
    /// - Parameter reason: why, as the model's server says: "length" where it was cut.
    package mutating func finished(_ request: Request, text: String, usage: Usage?, reason: String) {
        count(usage, of: .step)
        let isCut = reason == "length"
        switch request.step {
        case .draft: take(text, round: 0, isCut: isCut)
        case .critique:
            if Critique.findsNothing(text), !plan.limits.ignoreEmptyCritique {
                phase = .ended(.nothingFound)
            } else {
                phase = .rewrite(round: request.round, critique: text)
            }
        case .rewrite:
            // The beginning of an answer is no better than the whole one before it, whatever cut it: the refinement's own
            // limit, the caller's, or the model's context, which has to hold draft and critique too.
            if isCut, request.isCut || answers.last?.isCut != true {
                phase = .ended(request.isCut ? .tokens : .cutOff)
            } else {
                takeRewrite(text, round: request.round, isCut: isCut)
            }
        }
    }

    /// An answer whose score is due.
    package struct Grading: Equatable, Sendable {
        package let answer: String
        /// Of each of a judge's replies.
        package let maxTokens: UInt32
    }

    /// The newest answer, while its score is due. Ends the refinement, and gives nil, where a judge for it is more than
    /// the limits allow.
    package mutating func nextGrading() -> Grading? {
        guard case .grading = phase else { return nil }
        let most = GenerationOptions.ofJudge.maxTokens
        // The draft, or a rewrite that is the draft again, is what judges compare with: none is asked.
        guard grading == .judge, newest != answers.first?.text else { return Grading(answer: newest, maxTokens: most) }
        if budget.costPasses(steps: 0, judgements: 1) {
            phase = .ended(.cost)
            return nil
        }
        guard let fits = budget.replyTokens(ofJudgement: judgementBytes(of: newest)) else {
            return Grading(answer: newest, maxTokens: most)
        }
        guard fits >= RefinementBudget.fewestReplyTokens else {
            phase = .ended(.tokens)
            return nil
        }
        return Grading(answer: newest, maxTokens: min(fits, most))
    }

    /// Of one of the two prompts that a judge gets, about.
    private func judgementBytes(of answer: String) -> Int {
        (answers.first?.text ?? "").utf8.count + answer.utf8.count + plan.input.text.utf8.count
            + plan.reference.utf8.count + RefinementBudget.judgePromptBytes
    }

    /// The newest answer's score, 0..1, and what asking for it cost.
    package mutating func graded(_ score: Double, usage: Usage?) {
        count(usage, of: .judgement)
        guard case .grading(let round) = phase, !answers.isEmpty else { return }
        answers[answers.count - 1].score = score
        scores.append(score)
        phase = .critique(round: round + 1)
    }

    /// Ends it before it is through.
    ///
    /// - Parameters:
    ///   - text: of the step that broke off.
    ///   - usage: of the step or judgement that broke off.
    package mutating func breakOff(_ end: RefinementEnd, text: String = "", usage: Usage? = nil) {
        count(usage, of: .step)
        if answers.isEmpty { brokenDraft = text }
        phase = .ended(end)
    }

    /// What a step took that was stopped before its model told, about: at the price of the steps before it.
    package func estimate(of request: Request, text: String) -> Usage {
        budget.estimate(readBytes: Self.bytes(of: request.request.messages), writtenBytes: text.utf8.count)
    }

    /// Whether the newest rewrite is not the answer to give: it was blank, the same, cut off or not graded as better.
    package func isLeft(rewriteOf round: Int) -> Bool { best?.round != round }

    private mutating func take(_ text: String, round: Int, isCut: Bool) {
        answers.append(Answer(text: text, round: round, isCut: isCut, score: nil))
        rounds = round
        phase = grading == .none ? .critique(round: round + 1) : .grading(round: round)
    }

    private mutating func takeRewrite(_ text: String, round: Int, isCut: Bool) {
        let isEmpty = text.allSatisfy(\.isWhitespace)
        guard isEmpty || Self.words(of: text) == Self.words(of: newest) else {
            return take(text, round: round, isCut: isCut)
        }
        rounds = round
        if let score = scores.last { scores.append(score) }
        phase = plan.limits.ignoreNoChange ? .critique(round: round + 1) : .ended(.noChange)
    }

    private mutating func end(_ end: RefinementEnd) -> Action {
        phase = .ended(end)
        return .end(end)
    }

    private mutating func count(_ call: Usage?, of kind: RefinementBudget.Kind) {
        guard let call else { return }
        usage.add(call)
        budget.count(call, of: kind)
    }

    // MARK: - The answer

    private var newest: String { answers.last?.text ?? "" }

    /// The answer to give: the last one or, where answers are graded and worse ones are not to be kept, the first of the
    /// best. Nil before there is any.
    package var best: Answer? {
        guard grading != .none, !plan.keepsWorse else { return answers.last }
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

    private static func bytes(of messages: [ChatMessage]) -> Int {
        var bytes = 0
        for message in messages {
            for part in message.content {
                if case .text(let text)? = part.part { bytes += text.utf8.count }
            }
        }
        return bytes
    }
}
