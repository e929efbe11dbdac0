import HerdMessages

/// How far a refinement has come, as its events tell: the best answer so far, and what it took. It is what is left when
/// the refiner goes away.
struct RefinementProgress {
    /// The final answer or, before it is there, of the drafts and rewrites that were finished the last one or, where they
    /// are graded, the first of the best; nil before there is any.
    private(set) var text: String?
    /// The round that `text` is of.
    private(set) var round: UInt32 = 0
    /// How many rounds were finished.
    private(set) var rounds: UInt32 = 0
    private(set) var usage = Usage()
    /// Of the steps together.
    private(set) var seconds = 0.0
    private(set) var scores: [Double] = []
    private(set) var transcriptID = ""
    /// The result was there: what comes after it is how the call ends.
    private(set) var isOver = false
    /// The result was there, and it is not all that was asked for.
    private(set) var isPartial = false
    /// Whether any text came.
    private(set) var hasOutput = false
    private let keepsWorse: Bool
    private var bestScore: Double?
    /// The step under way and what it has said so far.
    private var step = ""
    private var stepRound: UInt32 = 0
    private var stepText = ""

    /// - Parameter keepsWorse: whether the last answer is taken whatever its score.
    init(keepsWorse: Bool = false) {
        self.keepsWorse = keepsWorse
    }

    mutating func take(_ event: RefinementEvent) {
        if let result = event.result {
            (text, round, rounds, scores) = (result.text, result.round, result.rounds, result.scores)
            (seconds, transcriptID, isOver) = (result.seconds, result.transcriptId, true)
            if let usage = result.usage { self.usage = usage }
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
            take(stepText, finished)
        }
        stepText = ""
    }

    private mutating func take(_ answer: String, _ finished: RefinementStep) {
        if case .score(let score)? = finished.graded {
            scores.append(score)
            guard keepsWorse || score > bestScore ?? -1 else { return }
            bestScore = score
        }
        // A rewrite without a word does not replace an answer.
        guard text == nil || !answer.allSatisfy(\.isWhitespace) else { return }
        (text, round) = (answer, rounds)
    }

    /// Whether the refiner has told of anything.
    var hasBegun: Bool { isOver || !step.isEmpty }

    /// Where it stands, for a sentence: "before its draft", "in round 2 (critique)".
    var place: String {
        if step.isEmpty { return "before its draft" }
        return stepRound == 0 ? "in its draft" : "in round \(stepRound) (\(step))"
    }

    /// What there is, where nothing more will come.
    func brokenOff() -> RefinementResult {
        let isDraft = text == nil && step == RefinementStepKind.draft.rawValue
        return RefinementResult(
            text: text ?? (isDraft ? stepText : ""), round: round, rounds: rounds,
            stoppedBecause: RefinementEnd.error.rawValue, usage: usage, seconds: seconds, transcriptId: transcriptID,
            scores: scores, partial: true)
    }
}
