import HerdBackends
import HerdFrames
import HerdMessages
import Logging
import NIOConcurrencyHelpers
import NIOCore

/// Runs models of the registry and passes their answers on as they come.
final class ModelRunner: Sendable {
    let pool: BackendPool
    private let configured: NIOLockedValueBox<RouterConfiguration>
    private var configuration: RouterConfiguration { configured.withLockedValue { $0 } }
    private let ledger: Ledger
    /// Held while the pool is told, so that what is newer is told later.
    private let latest = NIOLockedValueBox(RegistrySnapshot())
    private let counters = NIOLockedValueBox(RunCounters())
    let models = ModelCounters()

    init(
        _ configuration: RouterConfiguration, hosts: any TransferHosts, ledger: Ledger, logger: Logger
    ) throws(ConfigurationError) {
        configured = NIOLockedValueBox(configuration)
        self.ledger = ledger
        do {
            pool = try BackendPool(
                BackendConfiguration(configuration, version: HerdVersion.text), hosts: hosts, logger: logger)
        } catch {
            throw ConfigurationError("models can't be called: \(error.message)")
        }
    }

    /// Keeps to other time-outs and limits from the next call on.
    func use(_ backends: BackendsConfiguration) {
        latest.withLockedValue { registry in
            configured.withLockedValue { $0.backends = backends }
            pool.use(BackendLimits(backends))
            apply(registry)
        }
    }

    /// The models that can be called from now on.
    func update(_ registry: RegistrySnapshot) {
        latest.withLockedValue { latest in
            latest = registry
            apply(registry)
        }
    }

    private func apply(_ registry: RegistrySnapshot) {
        let backends = configuration.backends
        pool.update(
            registry.entries.map { entry in
                let model = entry.model
                return (
                    model.name,
                    model.endpoints.map {
                        EndpointConfiguration($0, model: model.name, defaults: backends)
                    }
                )
            })
    }

    /// Runs one model to the end of its answer, on somebody's account: before it is asked, what the answer may cost is set
    /// aside where that is limited, and afterwards what it cost is charged. The next piece is not asked for before `send` has returned, so that a
    /// caller who does not read makes the model wait.
    ///
    /// - Parameters:
    ///   - payer: whose account it goes on.
    ///   - deadline: the caller's.
    ///   - firstTokenBy: when another model should get its turn; nil = only the endpoints' own time-outs hold.
    ///   - underWay: what can be done once the model has been asked; see `BackendPool.open`.
    func run(
        _ model: Model, _ request: ChatRequest, of payer: Payer, deadline: NIODeadline,
        firstTokenBy: NIODeadline? = nil, underWay: () async -> Void = {},
        send: (AnswerPiece) async throws(CallError) -> Void
    ) async -> ModelRun {
        let price = GenerationPrice(model)
        var request = request
        let hold: Hold?
        do throws(CallError) {
            // Where another model can be asked instead, nobody waits for money.
            hold = try await self.hold(
                for: payer, model, &request, price, until: firstTokenBy == nil ? deadline : .distantPast)
        } catch {
            return Self.unpaid(model, error)
        }
        var unpaid: CallError?
        var asked = 0
        var run = await answer(
            model, request, deadline: deadline, firstTokenBy: firstTokenBy, underWay: underWay,
            allowed: { () throws(BackendError) in
                guard let hold, let error = await hold.stored() else {
                    asked += 1
                    return
                }
                unpaid = CallError(handlerError: error)
                throw BackendError(.cancelled, "What \(model.name) may cost could not be stored.")
            }, send: send)
        // Whose time was over, the caller's or that of its turn, has read the prompt, and whoever runs it wants to be paid
        // for that.
        let readings = run.hasOutput ? 0 : run.isEndedByCaller ? asked : run.givenUp
        if readings > 0 {
            let prompt = TokenUsage(prompt: readings * request.promptBytes / 4, completion: 0, isEstimated: true)
            run.finish.usage = price.usage(prompt)
        }
        let usage = run.finish.usage ?? Usage()
        var cost = price.nanoUSD(usage)
        // What is only estimated is not to take more than was set aside.
        if readings > 0, let hold { cost = min(cost, hold.amount) }
        let isAnswer = run.failure == nil || usage.promptTokens > 0 || usage.completionTokens > 0
        ledger.settle(
            hold, of: payer, cost: cost, answers: isAnswer ? 1 : 0,
            promptTokens: UInt64(usage.promptTokens), completionTokens: UInt64(usage.completionTokens))
        return unpaid.map { Self.unpaid(model, $0) } ?? run
    }

    /// Sets aside what the answer may cost, where that is limited, and bounds the answer by what is. Waits until `end` for
    /// answers under way, if they may leave enough.
    private func hold(
        for payer: Payer, _ model: Model, _ request: inout ChatRequest, _ price: GenerationPrice, until end: NIODeadline
    ) async throws(CallError) -> Hold? {
        guard ledger.isLimited(payer) else { return nil }
        let bound = AnswerBound(model, request, price: price)
        if bound.most > 0 { try AnswerBound.check(request.extraJSON) }
        guard
            let hold = try await ledger.reserve(
                payer, model: model.name, least: bound.least, most: bound.most, until: end)
        else { return nil }
        if request.maxTokens == nil { request.maxTokens = bound.longest(paidBy: hold.amount) }
        return hold
    }

    private static func unpaid(_ model: Model, _ error: CallError) -> ModelRun {
        let attempt = Attempt(model: model.name, code: error.code.rawValue, error: error.message)
        return ModelRun(
            finish: GenerationFinish(reason: "error", usage: Usage(), model: model.name, attempts: [attempt]),
            failure: .unpaid(error), hasOutput: false)
    }

    private func answer(
        _ model: Model, _ request: ChatRequest, deadline: NIODeadline, firstTokenBy: NIODeadline?,
        underWay: () async -> Void, allowed: () async throws(BackendError) -> Void,
        send: (AnswerPiece) async throws(CallError) -> Void
    ) async -> ModelRun {
        let started = NIODeadline.now()
        let price = GenerationPrice(model)
        let end = min(deadline, started + .nanoseconds(Int64(configuration.backends.totalTimeoutSeconds * 1e9)))
        var hasOutput = false
        var firstToken: NIODeadline?
        var stream: ChatStream?
        func finish(_ reason: String, _ usage: TokenUsage?, _ attempts: [Attempt], endpoint: String) -> GenerationFinish
        {
            let usage = price.usage(usage ?? TokenUsage(prompt: 0, completion: 0, isEstimated: true))
            models.count(model.name, usage, isAnswer: reason != "error", from: started, firstToken: firstToken)
            return GenerationFinish(
                reason: reason, usage: usage,
                model: model.name, endpoint: endpoint, attempts: attempts,
                firstTokenSeconds: firstToken.map { Self.seconds(from: started, to: $0) } ?? 0,
                seconds: Self.seconds(from: started, to: .now()))
        }
        do throws(BackendError) {
            let answer = try await pool.open(
                model: model.name, request, deadline: MonotonicInstant(end),
                firstTokenBy: firstTokenBy.map { MonotonicInstant($0) },
                underWay: underWay, allowed: allowed)
            stream = answer
            while let events = try await answer.nextBatch() {
                for piece in [AnswerPiece](events) {
                    if firstToken == nil { firstToken = .now() }
                    do throws(CallError) {
                        try await send(piece)
                    } catch {
                        answer.cancel()
                        count(.cancelled, usage: answer.usageSoFar, price)
                        let attempt = Attempt(
                            model: model.name, endpoint: answer.endpoint, code: error.code.rawValue,
                            error: error.message, seconds: Self.seconds(from: started, to: .now()))
                        return ModelRun(
                            finish: finish("error", answer.usageSoFar, [attempt], endpoint: answer.endpoint),
                            failure: .caller(error), hasOutput: true)
                    }
                    hasOutput = true
                }
            }
            let outcome = answer.outcome
            count(.answered, usage: outcome?.usage, price)
            let reason = outcome.map { $0.finishReason == .unstated ? "stop" : $0.finishReason.rawValue } ?? "stop"
            return ModelRun(
                finish: finish(
                    reason, outcome?.usage, [Attempt](outcome?.attempts ?? [], model: model.name, failure: nil),
                    endpoint: answer.endpoint),
                failure: nil, hasOutput: hasOutput)
        } catch {
            let failure = BackendFailure(error, hadOutput: hasOutput, isPastDeadline: deadline <= .now())
            count(
                failure.code == .cancelled ? .cancelled : .failed, usage: hasOutput ? stream?.usageSoFar : nil, price)
            var attempts = [Attempt](error.attempts, model: model.name, failure: failure)
            if attempts.isEmpty {
                attempts.append(
                    Attempt(
                        model: model.name, endpoint: error.endpoint ?? "", code: failure.code.rawValue,
                        error: failure.message, seconds: Self.seconds(from: started, to: .now())))
            }
            return ModelRun(
                finish: finish(
                    "error", hasOutput ? stream?.usageSoFar : nil, attempts,
                    endpoint: stream?.endpoint ?? error.endpoint ?? ""),
                failure: .backend(failure), hasOutput: hasOutput,
                givenUp: error.attempts.count { attempt in
                    if case .timeout(let limit)? = attempt.failure { limit != .connect } else { false }
                })
        }
    }

    private static func seconds(from start: NIODeadline, to end: NIODeadline) -> Double {
        Double((end - start).nanoseconds) / 1e9
    }

    // MARK: - Counting

    /// What runs have come to since the start.
    struct RunCounters: Sendable {
        var runs = 0
        var failedRuns = 0
        /// Those that the caller took back, which is no failure.
        var cancelledRuns = 0
        /// Times another model was asked instead.
        var failovers = 0
        var promptTokens = 0
        var completionTokens = 0
        var costUSD = 0.0
    }

    var counts: RunCounters { counters.withLockedValue { $0 } }

    func noteFailover() { counters.withLockedValue { $0.failovers += 1 } }

    private enum RunEnd {
        case answered
        case failed
        case cancelled
    }

    private func count(_ end: RunEnd, usage: TokenUsage?, _ price: GenerationPrice) {
        counters.withLockedValue { counters in
            counters.runs += 1
            switch end {
            case .answered: break
            case .failed: counters.failedRuns += 1
            case .cancelled: counters.cancelledRuns += 1
            }
            guard let usage else { return }
            counters.promptTokens += usage.prompt
            counters.completionTokens += usage.completion
            counters.costUSD += price.usage(usage).costUsd
        }
    }
}

extension MonotonicInstant {
    /// Both are on the machine's monotonic clock.
    init(_ deadline: NIODeadline) {
        self.init(nanoseconds: deadline.uptimeNanoseconds)
    }
}
