package import Logging
import NIOConcurrencyHelpers

/// All models that can be called, each with its endpoints, and the threads that call them.
///
/// `run` has to run besides, for the checks of health; `shutDown` ends everything.
package final class BackendPool: Sendable {
    var configuration: BackendConfiguration { configured.withLockedValue { $0 } }
    private let configured: NIOLockedValueBox<BackendConfiguration>
    private let models = NIOLockedValueBox<[String: ModelEndpoints]>([:])
    let places: TransferPlaces
    var thread: TransferThread { places.thread }
    /// With the limits of the start; a request takes those that hold now.
    let access: EndpointAccess
    private let budget: RetryBudget
    private let revision = NIOLockedValueBox<UInt64>(0)
    private let logger: Logger

    /// - Parameter hosts: Event loops on which calls without TLS are performed whose callers run there; nil has the curl
    ///   thread perform all. They have to run until `shutDown` has returned.
    /// - Throws: `shutDown` where libcurl or its thread cannot be had.
    package init(
        _ configuration: BackendConfiguration, hosts: (any TransferHosts)? = nil, logger: Logger
    ) throws(BackendError) {
        configured = NIOLockedValueBox(configuration)
        self.logger = logger
        places = try TransferPlaces(keptConnections: configuration.limits.keptConnections, hosts: hosts)
        access = EndpointAccess(configuration)
        budget = RetryBudget(ratio: configuration.limits.retryRatio, perSecond: configuration.limits.retriesPerSecond)
    }

    /// Puts the registry's models in place, all at once. Endpoints that stay the same, by base URL and model name, keep their
    /// state and connections, and calls that run go on. Endpoints that are not valid are left out and told to the log; check them before they are
    /// registered.
    package func update(_ registered: [(model: String, endpoints: [EndpointConfiguration])]) {
        var wanted: [String: [EndpointConfiguration]] = [:]
        for (model, endpoints) in registered {
            wanted[model, default: []] += endpoints.filter { endpoint in
                do throws(EndpointConfiguration.Invalid) {
                    try endpoint.validate()
                    return true
                } catch {
                    logger.error("An endpoint cannot be used.", metadata: ["model": "\(model)", "reason": "\(error)"])
                    return false
                }
            }
        }
        let changes = models.withLockedValue { models in
            var changes: [(ModelEndpoints, [EndpointConfiguration])] = []
            for (model, known) in models where wanted[model] == nil { changes.append((known, [])) }
            models = models.filter { wanted[$0.key] != nil }
            for (model, endpoints) in wanted {
                let known = models[model] ?? ModelEndpoints(model: model, limits: configuration.limits, thread: thread)
                models[model] = known
                changes.append((known, endpoints))
            }
            return changes
        }
        for (model, endpoints) in changes { model.replace(endpoints) }
    }

    /// Keeps to other limits from the next call on; what else is configured stays.
    package func use(_ limits: BackendLimits) {
        configured.withLockedValue { $0.limits = limits }
        for model in all { model.use(limits) }
    }

    /// Ends all calls and the thread, and waits for that. Calls that come later fail with `shutDown`.
    package func shutDown() async {
        await places.shutDown()
    }

    // MARK: - Calls

    /// Has a model answer: at the endpoint with the fewest calls, after a wait for room where all are busy, and at others or
    /// again where one fails before its first token.
    ///
    /// - Parameters:
    ///   - deadline: When the answer has to be whole.
    ///   - firstTokenBy: When it has to have begun, whatever holds it up: a queue, retries or the model. After that the call
    ///     fails with `timeout(firstToken)`, so that another model can have its turn. Nil to have only `deadline` and the
    ///     endpoints' own time-outs.
    ///   - underWay: What the caller can do while nothing has come: called when the request has been sent or has to wait for
    ///     room, again with each further attempt, and not at all where nothing can be asked.
    ///   - allowed: Waits until a model may be asked; called before anything of the request is sent, with each attempt. What
    ///     it throws ends the call, and is nobody's failure.
    /// - Returns: the answer, once its first token is there.
    /// - Throws: why there is none; nothing of an answer has come then, so another model may be asked.
    package func open(
        model: String, _ request: ChatRequest, deadline: MonotonicInstant, firstTokenBy: MonotonicInstant? = nil,
        underWay: () async -> Void = {}, allowed: () async throws(BackendError) -> Void = { () throws(BackendError) in }
    ) async throws(BackendError) -> ChatStream {
        guard let endpoints = models.withLockedValue({ $0[model] }) else {
            throw BackendError(.unknownModel, "No endpoint is registered for the model \(model).")
        }
        budget.noteCall()
        var attempts = ChatAttempts(
            model: model, request, deadline: deadline, firstTokenBy: firstTokenBy, configuration.limits)
        while true {
            let grant = try await leave(to: endpoints, attempts, underWay)
            let failure: BackendError
            let started = MonotonicInstant.now
            do throws(BackendError) {
                return try await attempt(grant, endpoints, &attempts, underWay, allowed)
            } catch {
                failure = error
            }
            let next = attempts.failed(
                failure, at: grant, of: endpoints.members, seconds: started.seconds(to: .now), now: .now)
            guard let pause = next, budget.takeRetry() else { throw attempts.final(failure) }
            endpoints.noteRetry()
            try await sleep(pause, attempts)
        }
    }

    /// Waits until an endpoint has room and wants calls.
    private func leave(
        to endpoints: ModelEndpoints, _ attempts: ChatAttempts, _ beforeWaiting: () async -> Void
    ) async throws(BackendError) -> EndpointSet.Grant {
        switch await endpoints.admit(
            attempts.preference, began: attempts.began, until: attempts.firstTokenBy, beforeWaiting)
        {
        case .granted(let grant):
            guard Task.isCancelled || attempts.firstTokenBy <= .now else { return grant }
            endpoints.giveBack(grant)
            throw Task.isCancelled ? attempts.error(.cancelled) : attempts.timeout()
        case .refused(.queueFull): throw attempts.error(.overloaded)
        case .refused(.resting(let until)): throw attempts.error(.overloaded, until: until)
        case .refused(.broken): throw attempts.error(.breakerOpen, until: endpoints.probeDue)
        case .refused(.none): throw attempts.error(.unknownModel)
        case .deadlinePassed: throw attempts.timeout()
        case .cancelled: throw attempts.error(.cancelled)
        }
    }

    private func sleep(_ pause: Duration, _ attempts: ChatAttempts) async throws(BackendError) {
        do {
            try await Task.sleep(for: pause)
        } catch {
            throw attempts.error(.cancelled)
        }
    }

    /// Calls one endpoint and waits for its first token.
    private func attempt(
        _ grant: EndpointSet.Grant, _ endpoints: ModelEndpoints, _ attempts: inout ChatAttempts,
        _ underWay: () async -> Void, _ allowed: () async throws(BackendError) -> Void
    ) async throws(BackendError) -> ChatStream {
        let endpoint = grant.configuration
        var transfer: TransferRequest
        do throws(BackendError) {
            guard places.openTransfers < configuration.limits.maximumTransfers else {
                throw attempts.error(.overloaded)
            }
            transfer = try access.chat(
                endpoint, body: try attempts.body(for: endpoint), promptBytes: attempts.request.promptBytes,
                deadline: attempts.deadline, firstTokenBy: attempts.firstTokenBy)
            transfer.trace = attempts.request.trace
            transfer.limits = endpoint.limits(configuration.limits)
            try await allowed()
        } catch {
            endpoints.ended(grant, error)
            throw error
        }
        let place = places.place(for: transfer)
        let call = try ChatCall(transfer, on: place) { [revision, deadline = attempts.deadline] end in
            switch end {
            case .succeeded(let report):
                endpoints.ended(grant, nil, report.latency)
            case .failed(var error):
                // Whoever made the caller's task gives it up when its time is over.
                if error.kind == .cancelled, deadline <= .now { error.kind = .timeout(.total) }
                endpoints.ended(grant, error)
            }
            revision.withLockedValue { $0 += 1 }
        }
        await underWay()
        switch await call.next() {
        case .events(let events):
            endpoints.answered(grant)
            return ChatStream(
                model: attempts.model, call: call, first: events, began: attempts.began, earlier: attempts.made,
                promptBytes: attempts.request.promptBytes)
        case .end(.failed(let error)): throw error
        case .end(.succeeded):
            // Not to be: success always comes with the usage.
            throw BackendError(.badResponse, "\(endpoint.baseURL) sent an empty answer.", endpoint: endpoint.baseURL)
        }
    }

    // MARK: - Looking

    var all: [ModelEndpoints] { models.withLockedValue { Array($0.values) } }

    /// Rises whenever a measurement changes.
    package var measurementRevision: UInt64 { revision.withLockedValue { $0 } }

    /// The measured speed of each model that has been called; see `ModelMeasurement`.
    package func measurements() -> [String: ModelMeasurement] {
        var measured: [String: ModelMeasurement] = [:]
        for model in all { measured[model.model] = ModelMeasurement(model.members.map(\.figures.latency)) }
        return measured
    }

    /// What libcurl has been called for so far; nil after `shutDown`.
    package func transferWork() async -> TransferWork? { await places.work() }

    /// What goes on, for people and figures.
    package func status() -> BackendStatus {
        BackendStatus(
            openTransfers: places.openTransfers, retriesLeft: budget.left,
            models: all.map { model in
                let (waiting, retries) = model.counts
                return BackendStatus.Model(
                    model: model.model, waiting: waiting, retries: retries, endpoints: model.members.map(\.status))
            }.sorted { $0.model < $1.model })
    }
}
