import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import NIOCore

/// One call of Router/Refine: routes unless a model is named, has the refiner do the rest, and passes its events on.
///
/// It keeps the best answer so far itself: when the refiner goes away the caller gets that, marked as partial, before the
/// error. However the call ends, its run is logged with the decision.
struct RefineCall {
    private let router: RouterService
    private let context: CallContext
    /// Nil where the caller named the model.
    private let decided: SettledDecision?
    private let refinement: RefinementRequest
    private let send: @Sendable (RefineEvent) async throws(CallError) -> Void
    /// Nil where the call belongs to no conversation or was not routed.
    private let session: Conversation?
    private var progress: RefinementProgress
    private let began = NIODeadline.now()
    private var firstToken: NIODeadline?

    /// Checks the request; decides and logs the decision.
    init(
        _ request: RefineRequest, router: RouterService, context: CallContext,
        send: @escaping @Sendable (RefineEvent) async throws(CallError) -> Void
    ) async throws {
        guard var route = request.route else { throw CallError(.invalidArgument, "route is missing") }
        var rounds: UInt32 = 1
        if case .rounds(let asked)? = request.roundsChoice { rounds = asked }
        var refinement = RefinementRequest(
            prompt: route.prompt, model: request.model, rounds: rounds, messages: route.messages,
            refineModel: request.refineModel, draft: request.draft, options: request.options, limits: request.limits,
            grader: request.grader, reference: request.reference, keepWorse: request.keepWorse)
        // What can't be done is not worth a decision.
        var checked = refinement
        if checked.model.isEmpty { checked.model = "routed" }
        _ = try RefinementPlan(checked)
        for (field, model) in [("model", request.model), ("refine_model", request.refineModel)] where !model.isEmpty {
            guard router.view.current.registry.model(named: model) != nil else {
                throw CallError(
                    .notFound,
                    "\(field): there is no model '\(model.prefix(200))'; herdctl model list shows what there is")
            }
        }
        if request.model.isEmpty {
            let decided = router.log(
                try await router.decide(
                    route, needs: RequestNeeds(running: request.options), tenant: context.tenant,
                    remaining: context.remaining))
            route = route.withoutFlags(decided.plan)
            refinement.prompt = route.prompt
            refinement.messages = route.messages
            refinement.model = decided.response.model
            refinement.decisionId = decided.response.decisionId
            self.decided = decided
            session = Conversation(route.session, tenant: context.tenant, router.sessions)
        } else {
            decided = nil
            session = nil
        }
        self.router = router
        self.context = context
        self.refinement = refinement
        self.send = send
        progress = RefinementProgress()
    }

    mutating func run() async throws(CallError) {
        do throws(CallError) {
            if let decided { try await send(RefineEvent(event: .decision(decided.response))) }
            try await refine()
            session?.keep(refinement.model)
            log(code: .ok, error: "")
        } catch {
            if hasModelFailed(error) {
                session?.forget(refinement.model)
            } else if progress.hasOutput {
                session?.keep(refinement.model)
            }
            // What a stopped call throws may be about what it did when it was stopped.
            let isLate = context.remaining <= .zero
            log(code: isLate ? .deadlineExceeded : context.isCancelled ? .cancelled : error.code, error: error.message)
            throw error
        }
    }

    /// Whether it was the routed model that failed, and neither the refiner, nor another model, nor the caller.
    private func hasModelFailed(_ error: CallError) -> Bool {
        // The refiner tells of a failed step after the result; without one it is the refiner that is gone.
        guard progress.isPartial, !context.isOver else { return false }
        let hasOneModel = refinement.refineModel.isEmpty && refinement.grader?.judgeModel.isEmpty ?? true
        guard hasOneModel || !progress.hasOutput else { return false }
        switch error.code {
        case .unavailable, .resourceExhausted, .dataLoss: return true
        // After the draft it is mostly the refinement's own prompt that is refused.
        case .failedPrecondition: return !progress.hasAnswer
        default: return false
        }
    }

    private mutating func refine() async throws(CallError) {
        let events = router.refiner.stream(
            Refiner.refine, refinement, timeout: context.remaining, metadata: context.forwardedMetadata,
            patience: RouterService.patience)
        var iterator = events.makeAsyncIterator()
        while true {
            let event: RefinementEvent
            do throws(CallError) {
                guard let next = try await iterator.next() else { break }
                event = next
            } catch {
                try await breakOff(error)
                throw told(of: error)
            }
            progress.take(event)
            if firstToken == nil, progress.hasOutput { firstToken = .now() }
            try await send(RefineEvent(event: .step(event)))
        }
        guard progress.isOver else {
            let error = CallError(.internal, "the refiner ended without a result; see its log")
            try await breakOff(error)
            throw error
        }
        for piece in AnswerText.pieces(of: progress.text ?? "") {
            try await send(RefineEvent(event: .delta(piece)))
        }
    }

    /// Gives the caller the best answer so far, unless the refiner did so before it failed, or never began.
    private mutating func breakOff(_ error: CallError) async throws(CallError) {
        guard !progress.isOver, progress.hasBegun else { return }
        let result = progress.brokenOff()
        try await send(RefineEvent(event: .step(RefinementEvent(step: "final", round: result.round, result: result))))
    }

    /// A refiner that is gone is told of without its address, which is no matter of the caller's.
    private func told(of error: CallError) -> CallError {
        guard error.code == .unavailable, error.metadata[CallError.unavailableKey] == nil, !progress.isOver else {
            return error
        }
        guard progress.hasBegun else {
            return CallError(
                .unavailable, "the refiner is away; try again once it is back", metadata: error.metadata, cause: error)
        }
        let best =
            progress.text == nil
            ? "what there was of the draft was sent" : "the best answer so far, of round \(progress.round), was sent"
        return CallError(
            .unavailable, "the refiner went away \(progress.place) of \(refinement.rounds); \(best); try again",
            cause: error)
    }

    private func log(code: StatusCode, error: String) {
        guard let decided else { return }
        let generation = GenerationFinish(
            reason: code != .ok ? "error" : progress.reason.isEmpty ? "stop" : progress.reason, usage: progress.usage,
            model: refinement.model, firstTokenSeconds: firstToken.map { Double(($0 - began).nanoseconds) / 1e9 } ?? 0,
            seconds: progress.seconds)
        _ = router.decisions.appendRun(
            decided.id,
            RunRecord(
                code: code.rawValue, error: error, generation: generation, refineRounds: progress.rounds,
                transcriptID: progress.transcriptID))
    }
}
