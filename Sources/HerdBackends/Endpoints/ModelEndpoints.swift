import NIOConcurrencyHelpers

/// The endpoints of one model, for calls that wait without blocking a thread.
final class ModelEndpoints: Sendable {
    /// How waiting ended.
    enum Verdict: Sendable {
        case granted(EndpointSet.Grant)
        case refused(EndpointSet.Refusal)
        case deadlinePassed
        case cancelled
    }

    private struct State {
        var endpoints: EndpointSet
        var waiting: [EndpointSet.CallID: CheckedContinuation<Verdict, Never>] = [:]
        /// Decided before the call had begun to wait.
        var early: [EndpointSet.CallID: Verdict] = [:]
        var lastCall: EndpointSet.CallID = 0
        /// Set for when an endpoint's pause is over that calls wait for.
        var alarm: (id: TransferID, at: MonotonicInstant)?
        var retries = 0
    }

    let model: String
    private let state: NIOLockedValueBox<State>
    private let thread: TransferThread

    init(model: String, limits: BackendLimits, thread: TransferThread) {
        self.model = model
        self.thread = thread
        state = NIOLockedValueBox(State(endpoints: EndpointSet(limits: limits)))
    }

    func replace(_ configurations: [EndpointConfiguration]) {
        change { $0.replace(configurations, at: $1) }
    }

    /// Keeps to other limits from the next call on.
    func use(_ limits: BackendLimits) { state.withLockedValue { $0.endpoints.use(limits) } }

    // MARK: - Calls

    /// Waits for leave to call one of the endpoints.
    ///
    /// - Parameters:
    ///   - began: When the call came first.
    ///   - until: How long it may wait.
    ///   - beforeWaiting: Called if it has to.
    func admit(
        _ preference: EndpointSet.Preference, began: MonotonicInstant, until: MonotonicInstant,
        _ beforeWaiting: () async -> Void = {}
    ) async -> Verdict {
        let (call, admission, resumed) = state.withLockedValue { state in
            let now = MonotonicInstant.now
            state.lastCall += 1
            let (admission, others) = state.endpoints.admit(
                state.lastCall, preference, began: began, until: until, at: now)
            return (state.lastCall, admission, settle(others, in: &state, at: now))
        }
        for (continuation, verdict) in resumed { continuation.resume(returning: verdict) }
        switch admission {
        case .granted(let grant): return .granted(grant)
        case .refused(let refusal): return .refused(refusal)
        case .queued:
            await beforeWaiting()
            return await wait(call, until: until)
        }
    }

    private func wait(_ call: EndpointSet.CallID, until deadline: MonotonicInstant) async -> Verdict {
        let alarm = thread.setAlarm(at: deadline) { [weak self] in self?.leave(call, .deadlinePassed) }
        defer { if let alarm { thread.clearAlarm(alarm) } }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let early = state.withLockedValue { state in
                    let early = state.early.removeValue(forKey: call)
                    if early == nil { state.waiting[call] = continuation }
                    return early
                }
                if let early { continuation.resume(returning: early) }
            }
        } onCancel: {
            leave(call, .cancelled)
        }
    }

    private func leave(_ call: EndpointSet.CallID, _ verdict: Verdict) {
        let waiter = state.withLockedValue { state -> CheckedContinuation<Verdict, Never>? in
            guard state.endpoints.leave(call) else { return nil }
            let waiter = state.waiting.removeValue(forKey: call)
            if waiter == nil { state.early[call] = verdict }
            return waiter
        }
        waiter?.resume(returning: verdict)
    }

    /// A call is over; `error` is nil where it succeeded.
    func ended(_ grant: EndpointSet.Grant, _ error: BackendError?, _ latency: (first: Double, rate: Double?)? = nil) {
        var rest: Duration?
        if case .status(_, let pause?) = error?.kind { rest = Duration(clampingSeconds: pause) }
        change { endpoints, now in
            endpoints.note(grant.endpoint) { figures in
                if let error {
                    // That a caller does not want its answer any more is nobody's failure.
                    if error.kind != .cancelled { figures.failures[error.kind.label, default: 0] += 1 }
                } else {
                    figures.successes += 1
                }
                if let latency {
                    figures.latency.note(firstTokenSeconds: latency.first, tokensPerSecond: latency.rate)
                }
            }
            let verdict: CircuitBreaker.Verdict =
                error.map { $0.countsAgainstEndpoint ? .failure : $0.saysServerWorks ? .success : .nothing } ?? .success
            // Chance is a system call, and what succeeds has no use for it.
            return endpoints.ended(
                grant, verdict, wasSilent: error?.isSilence ?? false, rest: rest, at: now,
                chance: error == nil ? 0 : Double.random(in: 0..<1))
        }
    }

    /// A call that was granted is not made, because its time is over.
    func giveBack(_ grant: EndpointSet.Grant) {
        change { $0.ended(grant, .nothing, at: $1, chance: 0) }
    }

    /// A call has got its first token.
    func answered(_ grant: EndpointSet.Grant) {
        change { $0.answered(grant, at: $1) }
    }

    func noteRetry() { state.withLockedValue { $0.retries += 1 } }

    // MARK: - Health

    func dueForCheck() -> [EndpointSet.Member] { state.withLockedValue { $0.endpoints.dueForCheck(at: .now) } }

    func checked(_ endpoint: EndpointSet.EndpointID, isWell: Bool) {
        change { $0.checked(endpoint, isWell: isWell, at: $1) }
    }

    // MARK: - Looking

    var members: [EndpointSet.Member] { state.withLockedValue { $0.endpoints.members } }
    var counts: (waiting: Int, retries: Int) { state.withLockedValue { ($0.endpoints.waiting, $0.retries) } }

    /// When the first breaker lets a probe through; nil where none is open.
    var probeDue: MonotonicInstant? {
        members.compactMap { member in
            if case .open(let until) = member.breaker.state { until } else { nil }
        }.min()
    }

    // MARK: - Decisions

    private func change(_ body: (inout EndpointSet, MonotonicInstant) -> [EndpointSet.Decision]) {
        let resumed = state.withLockedValue { state in
            let now = MonotonicInstant.now
            return settle(body(&state.endpoints, now), in: &state, at: now)
        }
        for (continuation, verdict) in resumed { continuation.resume(returning: verdict) }
    }

    /// - Returns: whom to resume, once the lock is free.
    private func settle(
        _ decisions: [EndpointSet.Decision], in state: inout State, at now: MonotonicInstant
    ) -> [(CheckedContinuation<Verdict, Never>, Verdict)] {
        var resumed: [(CheckedContinuation<Verdict, Never>, Verdict)] = []
        for decision in decisions {
            let verdict: Verdict =
                switch decision.result {
                case .granted(let grant): .granted(grant)
                case .refused(let refusal): .refused(refusal)
                }
            if let waiter = state.waiting.removeValue(forKey: decision.call) {
                resumed.append((waiter, verdict))
            } else {
                state.early[decision.call] = verdict
            }
        }
        setAlarm(in: &state, after: now)
        return resumed
    }

    /// One alarm is enough for all that wait; one that rings too early sets the next.
    private func setAlarm(in state: inout State, after now: MonotonicInstant) {
        if let alarm = state.alarm, alarm.at <= now { state.alarm = nil }
        guard let next = state.endpoints.nextWake(after: now) else { return }
        if let alarm = state.alarm {
            guard next < alarm.at else { return }
            thread.clearAlarm(alarm.id)
        }
        state.alarm = thread.setAlarm(at: next) { [weak self] in self?.change { $0.wake(at: $1) } }.map { ($0, next) }
    }
}
