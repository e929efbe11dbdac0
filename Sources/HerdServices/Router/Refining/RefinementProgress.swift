package import HerdMessages

/// How far a refinement has come, as its events tell: the best answer so far, and what it took. It is what is left when
/// the refiner goes away.
package struct RefinementProgress {
    /// The final answer or, before it is there, the draft or the last rewrite that the refiner took; nil before there is
    /// any.
    package private(set) var text: String?
    /// The round that `text` is of.
    package private(set) var round: UInt32 = 0
    /// How many rounds were finished.
    package private(set) var rounds: UInt32 = 0
    package private(set) var usage = Usage()
    /// Why the model ended `text`; empty where that is not known.
    package private(set) var reason = ""
    /// Of the steps together.
    package private(set) var seconds = 0.0
    package private(set) var scores: [Double] = []
    package private(set) var transcriptID = ""
    /// The result was there: what comes after it is how the call ends.
    package private(set) var isOver = false
    /// The result was there, and it is not all that was asked for.
    private(set) var isPartial = false
    /// Whether a draft was finished.
    private(set) var hasAnswer = false
    /// Whether any text came.
    private(set) var hasOutput = false
    /// The step under way and what it has said so far.
    private var step = ""
    private var stepRound: UInt32 = 0
    private var stepText = ""
    /// Of the draft and the rewrites, by their rounds.
    private var reasons: [UInt32: String] = [:]

    package init() {}

    package mutating func take(_ event: RefinementEvent) {
        if !event.transcriptId.isEmpty { transcriptID = event.transcriptId }
        if let result = event.result {
            (text, round, rounds, scores) = (result.text, result.round, result.rounds, result.scores)
            (seconds, transcriptID, isOver) = (result.seconds, result.transcriptId, true)
            if let usage = result.usage { self.usage = usage }
            reason = reasons[result.round] ?? ""
            isPartial = result.partial
            if !result.text.isEmpty { hasOutput = true }
            return
        }
        if (event.step, event.round) != (step, stepRound) {
            (step, stepRound, stepText) = (event.step, event.round, "")
        }
        stepText += event.delta
        if !event.delta.isEmpty { hasOutput = true }
        guard let finished = event.finished else { return }
        seconds += finished.seconds
        usage.add(finished.usage ?? Usage())
        if event.step == RefinementStepKind.draft.rawValue || event.step == RefinementStepKind.rewrite.rawValue {
            rounds = event.round
            if case .score(let score)? = finished.graded { scores.append(score) }
            reasons[event.round] = finished.reason
            if !finished.notTaken { (text, round, reason, hasAnswer) = (stepText, rounds, finished.reason, true) }
        }
        stepText = ""
    }

    /// Whether the refiner has told of anything.
    package var hasBegun: Bool { isOver || !step.isEmpty }

    /// Where it stands, for a sentence: "before its draft", "in round 2 (critique)".
    package var place: String {
        if step.isEmpty { return "before its draft" }
        return stepRound == 0 ? "in its draft" : "in round \(stepRound) (\(step))"
    }

    /// What there is, where nothing more will come. What the step under way took is not known but for what it said, so that
    /// the usage is an estimate from then on.
    package mutating func brokenOff() -> RefinementResult {
        let isDraft = text == nil && step == RefinementStepKind.draft.rawValue
        usage.add(Usage(completionTokens: UInt32(clamping: (stepText.utf8.count + 3) / 4), estimated: true))
        return RefinementResult(
            text: text ?? (isDraft ? stepText : ""), round: round, rounds: rounds,
            stoppedBecause: RefinementEnd.error.rawValue, usage: usage, seconds: seconds, transcriptId: transcriptID,
            scores: scores, partial: true)
    }
}
