package import HerdFrames
package import HerdMessages

/// Grades the answers of one refinement.
package protocol RefinementGrader: Sendable {
    /// Whether it compares with a reference or asks a model.
    var kind: RefinementGrading { get }

    /// - Parameters:
    ///   - draft: the answer that the refinement began with; the same text where it is the one to grade.
    ///   - maxTokens: of each reply of the judging model.
    /// - Returns: 0..1, and what the judging model took, where one was asked.
    func grade(
        _ answer: String, draft: String, maxTokens: UInt32, timeout: Duration?
    ) async throws(JudgementFailure) -> GradedAnswer
}

package struct GradedAnswer: Sendable {
    package let score: Double
    package let usage: Usage?

    package init(score: Double, usage: Usage? = nil) {
        self.score = score
        self.usage = usage
    }
}

/// Takes a refinement through its steps and tells of each as it comes.
package struct RefinementRun: Sendable {
    private let plan: RefinementPlan
    private let prompts: RefinementPrompts
    private let generator: any StepGenerator
    private let grader: (any RefinementGrader)?
    private let transcript: any RefinementTranscript
    /// Since the refinement began.
    private let elapsed: @Sendable () -> Duration
    /// When the refinement has to be over, so that its result still reaches the caller in time.
    private let timeLimit: Duration
    /// Until when its result waits for the transcript to be on disk.
    private let transcriptLimit: Duration

    /// - Parameters:
    ///   - deadline: what the call may still take.
    ///   - elapsed: a clock that begins with the refinement.
    package init(
        _ plan: RefinementPlan, prompts: RefinementPrompts, generator: any StepGenerator,
        grader: (any RefinementGrader)?, transcript: any RefinementTranscript, deadline: Duration,
        elapsed: @escaping @Sendable () -> Duration = Self.clock()
    ) {
        self.plan = plan
        self.prompts = prompts
        self.generator = generator
        self.grader = grader
        self.transcript = transcript
        self.elapsed = elapsed
        let reserve = max(.milliseconds(20), min(deadline / 20, .milliseconds(500)))
        timeLimit = deadline - reserve
        transcriptLimit = deadline - reserve / 2
    }

    package static func clock() -> @Sendable () -> Duration {
        let start = ContinuousClock.now
        return { ContinuousClock.now - start }
    }

    /// - Parameter send: takes each event as it comes; the result is in the last.
    /// - Throws: why a step failed, after the result with the best answer so far was sent; or what `send` throws.
    package func run(_ send: (RefinementEvent) async throws(CallError) -> Void) async throws(CallError) {
        var state = RefinementState(
            plan, prompts: prompts, grading: grader?.kind ?? .none, secondsAtMost: limit / .seconds(1))
        transcript.begin(plan)
        let failure: CallError?
        var isFirst = true
        do throws(CallError) {
            failure = try await steps(&state) { (event: RefinementEvent) async throws(CallError) in
                var event = event
                if isFirst { event.transcriptId = transcript.id }
                isFirst = false
                try await send(event)
            }
        } catch {
            // The caller has gone: what there is stays in the transcript.
            state.breakOff(.error)
            finish(state)
            throw error
        }
        var result = finish(state)
        // Whoever is told of a transcript can look it up, whatever happens to the refiner; but the answer does not get lost
        // over a disk that is slow.
        if await !transcript.isKept(within: transcriptLimit - elapsed()) { result.transcriptId = "" }
        try await send(RefinementEvent(step: "final", round: result.round, result: result))
        if let failure { throw failure }
    }

    private var seconds: Double { elapsed() / .seconds(1) }

    @discardableResult
    private func finish(_ state: RefinementState) -> RefinementResult {
        var result = state.result
        result.seconds = seconds
        result.transcriptId = transcript.id
        transcript.end(result)
        return result
    }

    /// Gives why a step failed; nil where none did.
    private func steps(
        _ state: inout RefinementState, _ send: (RefinementEvent) async throws(CallError) -> Void
    ) async throws(CallError) -> CallError? {
        var draft = ""
        while true {
            switch state.next(after: seconds) {
            case .end(let end):
                if state.best == nil { throw nothingLeft(for: end) }
                return nil
            case .useDraft(let text):
                draft = text
                try await send(RefinementEvent(step: RefinementStepKind.draft.rawValue, delta: text))
                let outcome = StepOutcome(step: .draft, round: 0, text: text, finished: RefinementStep())
                if let failure = try await conclude(outcome, &state, draft: draft, send) { return failure }
            case .generate(let request):
                let outcome = try await perform(request, &state, send)
                if let failure = outcome.failure { return failure }
                if outcome.isOutOfTime { return nil }
                if request.step == .draft { draft = outcome.text }
                if let failure = try await conclude(outcome, &state, draft: draft, send) { return failure }
            }
        }
    }

    /// Has an answer graded and tells that the step is done. Gives why the grading failed; nil where it did not.
    private func conclude(
        _ outcome: StepOutcome, _ state: inout RefinementState, draft: String,
        _ send: (RefinementEvent) async throws(CallError) -> Void
    ) async throws(CallError) -> CallError? {
        var outcome = outcome
        var failure: CallError?
        if let grader, let grading = state.nextGrading() {
            do throws(JudgementFailure) {
                let graded = try await grader.grade(
                    grading.answer, draft: draft, maxTokens: grading.maxTokens, timeout: stepTimeout)
                state.graded(graded.score, usage: graded.usage)
                outcome.finished.graded = .score(graded.score)
            } catch {
                let reason = error.error
                if reason.code == .deadlineExceeded, isTimeUp {
                    state.breakOff(.time, usage: error.usage)
                } else {
                    state.breakOff(.error, usage: error.usage)
                    let what = outcome.round == 0 ? "draft" : "rewrite of round \(outcome.round)"
                    failure = CallError(
                        Self.code(ofLater: reason), "grading the \(what) failed: \(reason.message)",
                        metadata: reason.metadataOfModel, cause: reason)
                }
            }
        }
        outcome.finished.notTaken = outcome.step == .rewrite && state.isLeft(rewriteOf: outcome.round)
        transcript.add(outcome.step, round: outcome.round, text: outcome.text, finished: outcome.finished)
        try await send(
            RefinementEvent(step: outcome.step.rawValue, round: UInt32(outcome.round), finished: outcome.finished))
        return failure
    }

    // MARK: - One step

    private struct StepOutcome {
        let step: RefinementStepKind
        let round: Int
        var text = ""
        var finished: RefinementStep
        var failure: CallError?
        var isOutOfTime = false
    }

    private func perform(
        _ request: RefinementState.Request, _ state: inout RefinementState,
        _ send: (RefinementEvent) async throws(CallError) -> Void
    ) async throws(CallError) -> StepOutcome {
        let began = seconds
        let name = request.step.rawValue
        var text = ""
        var isOverlong = false
        var generated = GeneratedStep(finish: nil)
        do throws(CallError) {
            generated = try await generator.generate(request.request, timeout: stepTimeout) {
                (delta: String) async throws(CallError) in
                text += delta
                guard text.utf8.count <= RefinementPlan.longestText else {
                    isOverlong = true
                    throw CallError(.resourceExhausted, "it has over \(RefinementPlan.longestText) bytes")
                }
                try await send(RefinementEvent(step: name, delta: delta, round: UInt32(request.round)))
            }
        } catch {
            guard isOverlong else {
                let estimate = state.estimate(of: request, text: text)
                keep(request, text: text, usage: estimate)
                state.breakOff(.error, text: text, usage: estimate)
                throw error
            }
            generated.failure = error
        }
        var usage = generated.finish?.usage
        if usage == nil, let failure = generated.failure, !text.isEmpty || failure.code == .deadlineExceeded {
            usage = state.estimate(of: request, text: text)
        }
        var outcome = StepOutcome(
            step: request.step, round: request.round, text: text,
            finished: RefinementStep(
                model: request.request.model, usage: usage,
                seconds: seconds - began - (generated.finish?.secondsWaited ?? 0),
                reason: generated.finish?.reason ?? ""))
        guard let failure = generated.failure else {
            state.finished(request, text: text, usage: usage, reason: generated.finish?.reason ?? "")
            return outcome
        }
        keep(request, text: text, usage: usage)
        if failure.code == .deadlineExceeded, isTimeUp, state.best != nil {
            state.breakOff(.time, usage: usage)
            outcome.isOutOfTime = true
        } else {
            state.breakOff(.error, text: text, usage: usage)
            outcome.failure = CallError(
                request.step == .draft ? failure.code : Self.code(ofLater: failure),
                "the \(name)\(request.round > 0 ? " of round \(request.round)" : "") by model "
                    + "'\(request.request.model)' failed: \(failure.message)", metadata: failure.metadataOfModel,
                cause: failure)
        }
        return outcome
    }

    /// After the draft it is the refinement's own prompt that a model refuses, mostly for its length; the caller's request
    /// was right.
    private static func code(ofLater failure: CallError) -> StatusCode {
        failure.code == .invalidArgument ? .failedPrecondition : failure.code
    }

    /// What a step that broke off had said goes into the transcript.
    private func keep(_ request: RefinementState.Request, text: String, usage: Usage? = nil) {
        guard !text.isEmpty || usage != nil else { return }
        transcript.add(
            request.step, round: request.round, text: text,
            finished: RefinementStep(model: request.request.model, usage: usage))
    }

    private var limit: Duration {
        guard plan.limits.maxSeconds > 0 else { return timeLimit }
        return min(timeLimit, .milliseconds(Int64(plan.limits.maxSeconds * 1_000)))
    }

    /// What is left for a step; more than nothing, as a call without a time to go is not made.
    private var stepTimeout: Duration { max(limit - elapsed(), .milliseconds(1)) }

    private var isTimeUp: Bool { elapsed() + .milliseconds(5) >= limit }

    private func nothingLeft(for end: RefinementEnd) -> CallError {
        switch end {
        case .tokens:
            CallError(
                .invalidArgument,
                "limits.max_tokens is \(plan.limits.maxTokens), which the prompt alone takes; allow more, or none (0)")
        case .time: CallError(.deadlineExceeded, "there was no time left for a draft")
        default: CallError(.internal, "the refinement ended before its draft (\(end.rawValue))")
        }
    }
}
