import HerdBackends
import HerdFrames
import HerdMessages
import HerdPolicy
import HerdServer
import NIOCore

/// One call of Complete: the decision, then the answer of the first candidate that gives one.
///
/// Until something of an answer has reached the caller, a failing model is replaced by the next candidate. However the call
/// ends, its run is logged with the decision.
struct CompleteCall {
    let router: RouterService
    let context: CallContext
    private let made: MadeDecision
    /// Once it is logged.
    private var settled: SettledDecision?
    private var isAnnounced = false
    /// The caller's request, without prompt flags.
    let route: RouteRequest
    let options: GenerationOptions?
    let maximumModels: Int
    private let writer: StreamWriter<CompleteEvent>

    let session: Conversation?
    private let chat: ChatRequest
    private let started = NIODeadline.now()
    /// The model that the conversation was with.
    private let sessionModel: String?
    /// Of all models.
    var attempts: [Attempt] = []
    /// Of the last model that was run.
    var generation: GenerationFinish?
    /// By refinements that brought nothing.
    var spent = Usage()
    var refineRounds: UInt32 = 0
    var transcriptID = ""
    var hasOutput = false

    private static let mostModels: UInt32 = 100
    private static let usualModels = 3
    /// What the caller is told first may come with the first token.
    private static let announcementTime = TimeAmount.milliseconds(5)

    /// Checks the request and decides.
    init(
        _ request: CompleteRequest, router: RouterService, context: CallContext,
        writer: StreamWriter<CompleteEvent>
    ) async throws {
        guard let route = request.route else { throw CallError(.invalidArgument, "route is missing") }
        switch request.failover {
        case nil: maximumModels = Self.usualModels
        case .maxModels(let count):
            guard (1...Self.mostModels).contains(count) else {
                throw CallError(.invalidArgument, "max_models must be 1 to \(Self.mostModels), not \(count)")
            }
            maximumModels = Int(count)
        }
        let asWritten = try ChatRequest(prompt: route.prompt, messages: route.messages, options: request.options)
        made = try await router.decide(
            route, needs: RequestNeeds(running: request.options), tenant: context.tenant,
            remaining: context.remaining)
        self.route = route.withoutFlags(made.plan)
        var chat =
            made.plan.prompt.flags == nil
            ? asWritten
            : try ChatRequest(prompt: self.route.prompt, messages: self.route.messages, options: request.options)
        chat.trace = ChatTrace(context)
        self.chat = chat
        self.router = router
        self.context = context
        self.writer = writer
        options = request.options
        session = Conversation(route.session, tenant: context.tenant, router.sessions)
        sessionModel = session?.model
    }

    mutating func run() async throws(CallError) {
        do throws(CallError) {
            try await answer()
            log(code: .ok, error: "")
        } catch {
            // What a stopped call throws may be about what it did when it was stopped.
            let isLate = context.remaining <= .zero
            log(code: isLate ? .deadlineExceeded : context.isCancelled ? .cancelled : error.code, error: error.message)
            throw error
        }
    }

    /// Sends an event, behind the decision.
    mutating func send(_ event: CompleteEvent) async throws(CallError) {
        try await announce()
        try await writer.send(event)
    }

    /// Logs the decision, the first time.
    mutating func settle() -> SettledDecision {
        if let settled { return settled }
        let new = router.log(made)
        settled = new
        return new
    }

    /// Tells the caller the decision, the first time.
    private mutating func announce() async throws(CallError) {
        guard !isAnnounced else { return }
        try await writer.send(CompleteEvent(event: .decision(settle().response)), within: Self.announcementTime)
        isAnnounced = true
    }

    // MARK: - One model after another

    private mutating func answer() async throws(CallError) {
        let candidates = made.routed.ranking.candidates.prefix(maximumModels)
        var failures: [(model: String, failure: BackendFailure)] = []
        var unpaid: CallError?
        for (index, candidate) in candidates.enumerated() {
            let others = candidates.count - index - 1
            if candidate.refineRounds > 0 {
                try await announce()
                if try await refine(candidate, others: others) { return }
            }
            let run = await run(candidate.name, others: others)
            attempts += run.finish.attempts
            generation = run.finish
            if spent != Usage() {
                var usage = run.finish.usage ?? Usage()
                usage.add(spent)
                generation?.usage = usage
            }
            switch run.failure {
            case nil: return try await finish(with: candidate.name)
            case .caller(let error):
                session?.keep(candidate.name)
                throw error
            case .unpaid(let error):
                // Another model may cost less.
                unpaid = unpaid ?? error
                guard others > 0, !context.isOver else {
                    throw try await broken(failures.isEmpty ? unpaid ?? error : Self.error(failures))
                }
                if let attempt = run.finish.attempts.last { try await send(CompleteEvent(event: .failed(attempt))) }
            case .backend(let failure):
                if failure.allowsAnotherModel, !context.isOver {
                    session?.forget(candidate.name)
                } else if run.hasOutput {
                    // Nobody but the caller ended it: whoever was speaking goes on with the next turn.
                    session?.keep(candidate.name)
                }
                failures.append((candidate.name, failure))
                guard !hasOutput else { throw try await broken(failure.callError(AnswerText.whatWasSentStands)) }
                guard failure.allowsAnotherModel, others > 0 else { throw try await broken(Self.error(failures)) }
                router.runner.noteFailover()
                if let attempt = run.finish.attempts.last {
                    try await send(CompleteEvent(event: .failed(attempt)))
                }
            }
        }
        // A ranking has a first candidate, and the last one returns or throws.
        throw CallError(.internal, "the decision has no candidate to run")
    }

    private mutating func run(_ model: String, others: Int) async -> ModelRun {
        let model = router.view.current.registry.model(named: model) ?? Model(name: model)
        let writer = writer
        let run = await router.runner.run(
            model, chat, of: Payer(context), deadline: context.deadline,
            firstTokenBy: firstTokenDeadline(others: others),
            underWay: {
                // A caller who is gone is found out by the next piece, or by whoever announces it then.
                do throws(CallError) { try await announce() } catch {}
            },
            send: { piece throws(CallError) in
                switch piece {
                case .text(let text): try await writer.send(CompleteEvent(event: .delta(text)))
                case .reasoning(let text): try await writer.send(CompleteEvent(event: .reasoning(text)))
                case .toolCall(let delta): try await writer.send(CompleteEvent(event: .toolCall(delta)))
                }
            })
        if run.hasOutput { hasOutput = true }
        return run
    }

    /// A model that does not begin to answer leaves the others their share of the caller's time.
    private func firstTokenDeadline(others: Int) -> NIODeadline? {
        guard others > 0 else { return nil }
        let now = NIODeadline.now()
        let left = max(0, (context.deadline - now).nanoseconds)
        return now + .nanoseconds(left / Int64(others + 1))
    }

    /// What a caller is told where several models failed, one after another.
    private static func error(_ failures: [(model: String, failure: BackendFailure)]) -> CallError {
        guard let last = failures.last else { return CallError(.internal, "no model was asked") }
        guard failures.count > 1 else { return last.failure.callError() }
        // That trying again may help is worth more than why the last one can't.
        let telling = failures.last { $0.failure.code == .unavailable } ?? last
        var error = telling.failure.callError()
        error.message =
            "no model answered: " + failures.map { "\($0.model): \($0.failure.message)" }.joined(separator: "; ")
        return error
    }

    // MARK: - Ends

    /// The last event of a whole answer.
    mutating func finish(with model: String) async throws(CallError) {
        session?.keep(model)
        try await sendFinish(switched: sessionModel.map { $0 != model } ?? false)
    }

    /// The last event of an answer that breaks off, and the error to end with.
    private mutating func broken(_ error: CallError) async throws(CallError) -> CallError {
        try await sendFinish(switched: false)
        return error
    }

    private mutating func sendFinish(switched: Bool) async throws(CallError) {
        generation?.attempts = attempts
        generation?.seconds = Double((NIODeadline.now() - started).nanoseconds) / 1e9
        try await send(
            CompleteEvent(
                event: .finish(
                    CompleteFinish(
                        decisionId: settle().response.decisionId, generation: generation, refineRounds: refineRounds,
                        transcriptId: transcriptID, switched: switched))))
    }

    private mutating func log(code: StatusCode, error: String) {
        var generation = generation
        generation?.attempts = attempts
        let run = RunRecord(
            code: code.rawValue, error: error, generation: generation, refineRounds: refineRounds,
            transcriptID: transcriptID)
        let (decisions, id) = (router.decisions, settle().id)
        // Behind the reply's last frame, which is ready and waits only for the event loop.
        EventLoopHosts.afterwards { decisions.appendRun(id, run) }
    }
}
