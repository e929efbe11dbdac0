/// The endpoints of one model and the calls that wait for them: a pure state machine, told of calls and of the time.
///
/// A call goes to the endpoint with the fewest running calls among those that are well and have room, else into one queue
/// for all, first come, first served.
package struct EndpointSet: Sendable {
    /// Names an endpoint; never used again for another.
    package typealias EndpointID = Int
    /// Names a call that waits.
    package typealias CallID = UInt64

    package struct Member: Sendable {
        package let id: EndpointID
        package fileprivate(set) var configuration: EndpointConfiguration
        package var breaker: CircuitBreaker
        package var running = 0
        /// It has asked for a pause.
        package var restsUntil = MonotonicInstant(nanoseconds: 0)
        /// The last check of its health failed.
        package var isSuspect = false
        /// Its last failure was that it was not reached or broke off; a check that succeeds then says that it is back.
        package var wasSilent = false
        /// When a call last got its first token or ended well.
        package var lastAnswer: MonotonicInstant?
        package var lastFailure: MonotonicInstant?
        package var lastCall: MonotonicInstant?
        package var lastCheck: MonotonicInstant?
        /// Checks since the last call or failure that found it well.
        package var wellChecks = 0
        package var figures = EndpointFigures()
    }

    /// What a call must not or need not ask again.
    package struct Preference: Sendable {
        /// Asked only where no other has room.
        package var avoided: [EndpointID] = []
        /// Never asked.
        package var excluded: [EndpointID] = []

        package init(avoided: [EndpointID] = [], excluded: [EndpointID] = []) {
            self.avoided = avoided
            self.excluded = excluded
        }
    }

    /// Leave to call an endpoint; `ended` gives it back.
    package struct Grant: Sendable, Equatable {
        package var endpoint: EndpointID
        package var configuration: EndpointConfiguration
        package var began: MonotonicInstant
        /// Set where the breaker lets it through to see whether the endpoint is well again.
        package var probe: CircuitBreaker.ProbeID?

        package init(
            endpoint: EndpointID, configuration: EndpointConfiguration, began: MonotonicInstant,
            probe: CircuitBreaker.ProbeID? = nil
        ) {
            self.endpoint = endpoint
            self.configuration = configuration
            self.began = began
            self.probe = probe
        }
    }

    package enum Refusal: Sendable, Equatable {
        case queueFull
        /// All endpoints failed too often lately.
        case broken
        /// All have asked for a pause, and until the first of them is over it is longer than the call may wait.
        case resting(until: MonotonicInstant)
        /// None is left that the call may ask.
        case none
    }

    package enum Admission: Sendable, Equatable {
        case granted(Grant)
        case queued
        case refused(Refusal)
    }

    /// What becomes of calls that waited.
    package struct Decision: Sendable, Equatable {
        package var call: CallID
        package var result: Result

        package enum Result: Sendable, Equatable {
            case granted(Grant)
            case refused(Refusal)
        }
    }

    private struct Waiter: Sendable {
        var call: CallID
        var preference: Preference
        var began: MonotonicInstant
        var until: MonotonicInstant
    }

    package private(set) var members: [Member] = []
    private var queue: [Waiter] = []
    private var nextEndpoint = 0
    /// Where the search begins, so that equals take turns.
    private var turn = 0
    private var limits: BackendLimits

    package init(limits: BackendLimits) {
        self.limits = limits
    }

    /// Keeps to other limits from the next call on.
    mutating func use(_ limits: BackendLimits) {
        self.limits = limits
        for index in members.indices { members[index].breaker.use(limits) }
    }

    package var waiting: Int { queue.count }

    private var queueLimit: Int { members.reduce(0) { $0 + $1.configuration.maxQueue } }

    // MARK: - Calls

    /// A call wants to begin. One that is queued is decided about by a later input, or takes itself away by `leave`.
    ///
    /// - Parameters:
    ///   - began: When it came first, so that one that comes again is served before those that came meanwhile; nil for now.
    ///   - until: When it takes itself away.
    package mutating func admit(
        _ call: CallID, _ preference: Preference = Preference(), began: MonotonicInstant? = nil,
        until: MonotonicInstant = .distantFuture, at now: MonotonicInstant
    ) -> (admission: Admission, others: [Decision]) {
        let others = decide(at: now)
        // Nobody is overtaken: who still waits has no use for what room there is.
        if let grant = grant(preference, at: now) { return (.granted(grant), others) }
        let waiter = Waiter(call: call, preference: preference, began: began ?? now, until: until)
        if let refusal = refusal(waiter, at: now) { return (.refused(refusal), others) }
        guard queue.count < queueLimit else { return (.refused(.queueFull), others) }
        var place = queue.count
        while place > 0, queue[place - 1].began > waiter.began { place -= 1 }
        queue.insert(waiter, at: place)
        return (.queued, others)
    }

    /// Time has passed; see `nextWake`.
    package mutating func wake(at now: MonotonicInstant) -> [Decision] {
        decide(at: now)
    }

    /// When an endpoint's pause is over for which calls may wait, the one it asked for or the breaker's; nil where none
    /// waits for that.
    package func nextWake(after now: MonotonicInstant) -> MonotonicInstant? {
        guard !queue.isEmpty else { return nil }
        var next: MonotonicInstant?
        for member in members {
            var end = member.restsUntil
            if case .open(let until) = member.breaker.state { end = max(end, until) }
            if end > now, end < next ?? .distantFuture { next = end }
        }
        return next
    }

    /// A call that waits gives up.
    ///
    /// - Returns: false where it had been decided about already.
    package mutating func leave(_ call: CallID) -> Bool {
        guard let index = queue.firstIndex(where: { $0.call == call }) else { return false }
        queue.remove(at: index)
        return true
    }

    /// A call is over.
    ///
    /// One that was given up before its first token (`nothing`, `wasSilent`) is a failure of the endpoint where the caller
    /// had been patient enough; see `hung`.
    ///
    /// - Parameters:
    ///   - wasSilent: The server did not answer at all.
    ///   - rest: The pause that the endpoint asked for.
    ///   - chance: From 0 up to 1, at random.
    package mutating func ended(
        _ grant: Grant, _ verdict: CircuitBreaker.Verdict, wasSilent: Bool = false, rest: Duration? = nil,
        at now: MonotonicInstant, chance: Double
    ) -> [Decision] {
        var mayRefuse = rest != nil
        if let index = members.firstIndex(where: { $0.id == grant.endpoint }) {
            let hung = verdict == .nothing && wasSilent && hung(members[index], grant, at: now)
            let verdict = hung ? .failure : verdict
            // It may take longer than that, but so long at least.
            if hung { members[index].figures.latency.note(givenUpAfter: grant.began.seconds(to: now)) }
            members[index].running -= 1
            members[index].lastCall = now
            switch verdict {
            case .success:
                members[index].isSuspect = false
                members[index].wasSilent = false
                members[index].lastFailure = nil
                members[index].lastAnswer = now
            case .failure:
                // A server that hangs may well answer checks all the while.
                members[index].wasSilent = wasSilent && !hung
                members[index].lastFailure = now
                members[index].wellChecks = 0
            case .nothing where wasSilent:
                // Perhaps the caller was only impatient: a check will tell.
                members[index].lastFailure = now
                members[index].wellChecks = 0
            case .nothing: break
            }
            if let rest {
                let until = now.advanced(by: min(rest, limits.longestRest))
                members[index].restsUntil = max(members[index].restsUntil, until)
            }
            members[index].breaker.ended(verdict, grant.probe, at: now, chance: chance)
            if !members[index].breaker.admits(at: now) { mayRefuse = true }
        }
        return decide(at: now, mayRefuse: mayRefuse)
    }

    /// Whether a call that was given up without a token tells of a hung endpoint, and not of an impatient caller: it has
    /// waited for the endpoint's own time-out, or for as long as the answers before would make one wait at the very most,
    /// and no other call has been answered meanwhile.
    private func hung(_ member: Member, _ grant: Grant, at now: MonotonicInstant) -> Bool {
        let waited = grant.began.duration(to: now)
        if waited >= grant.configuration.limits(limits).firstTokenTimeout { return true }
        if let answer = member.lastAnswer, answer >= grant.began { return false }
        let expected = member.figures.latency.longestFirstTokenSeconds ?? 0
        return waited >= max(limits.breakerPatience, Duration(clampingSeconds: expected))
    }

    /// A call has got its first token.
    package mutating func answered(_ grant: Grant, at now: MonotonicInstant) -> [Decision] {
        guard let index = members.firstIndex(where: { $0.id == grant.endpoint }) else { return [] }
        members[index].lastAnswer = now
        guard grant.probe != nil else { return [] }
        members[index].breaker.answered(grant.probe)
        return decide(at: now)
    }

    /// Notes what a call showed of its endpoint.
    package mutating func note(_ endpoint: EndpointID, _ change: (inout EndpointFigures) -> Void) {
        guard let index = members.firstIndex(where: { $0.id == endpoint }) else { return }
        change(&members[index].figures)
    }

    // MARK: - Health

    /// Endpoints that a check could tell something new about: those that failed lately and those that nobody calls.
    package func dueForCheck(at now: MonotonicInstant) -> [Member] {
        members.filter { member in
            if member.isSuspect || member.breaker.state != .closed { return true }
            if member.lastFailure != nil, member.wellChecks < Self.checksThatClear { return true }
            guard member.running == 0 else { return false }
            guard let last = [member.lastCall, member.lastCheck].compactMap({ $0 }).max() else { return true }
            return last.duration(to: now) >= idleInterval(member)
        }
    }

    /// After so many that found it well, a failure is no reason to look any more.
    private static let checksThatClear = 2

    /// What is well and idle is asked less and less often.
    private func idleInterval(_ member: Member) -> Duration {
        let interval = limits.healthInterval.inSeconds * Double(1 << min(member.wellChecks, 20))
        return Duration(
            clampingSeconds: max(limits.healthInterval.inSeconds, min(interval, limits.longestHealthInterval.inSeconds))
        )
    }

    package mutating func checked(_ endpoint: EndpointID, isWell: Bool, at now: MonotonicInstant) -> [Decision] {
        guard let index = members.firstIndex(where: { $0.id == endpoint }) else { return [] }
        // A server that answers health checks all the while and fails calls has to wait for its probe.
        if isWell, members[index].wasSilent || members[index].isSuspect { members[index].breaker.hurry(at: now) }
        members[index].isSuspect = !isWell
        members[index].lastCheck = now
        members[index].wellChecks = isWell ? members[index].wellChecks + 1 : 0
        members[index].figures.checks += 1
        return decide(at: now)
    }

    // MARK: - Changes of the registry

    /// Puts other endpoints in place. Those that are the same by base URL and model name keep their calls, breaker and
    /// figures, and whatever else has changed of them holds for the next call. Calls that run are not touched; where a limit
    /// has become less than they are, new ones wait until it holds.
    package mutating func replace(_ configurations: [EndpointConfiguration], at now: MonotonicInstant) -> [Decision] {
        var old = members
        members = configurations.map { configuration in
            if let index = old.firstIndex(where: { $0.configuration.isSameEndpoint(as: configuration) }) {
                var member = old.remove(at: index)
                member.configuration = configuration
                return member
            }
            nextEndpoint += 1
            return Member(id: nextEndpoint, configuration: configuration, breaker: CircuitBreaker(limits: limits))
        }
        return decide(at: now, mayRefuse: true)
    }

    // MARK: - The choice

    private mutating func grant(_ preference: Preference, at now: MonotonicInstant) -> Grant? {
        var best: (index: Int, rank: (Int, Int, Int))?
        for step in members.indices {
            let index = (turn + step) % members.count
            let member = members[index]
            guard isFree(member, at: now), !preference.excluded.contains(member.id) else { continue }
            let rank = (preference.avoided.contains(member.id) ? 1 : 0, member.isSuspect ? 1 : 0, member.running)
            if best == nil || rank < best!.rank { best = (index, rank) }
        }
        guard let (index, _) = best else { return nil }
        turn = (index + 1) % members.count
        members[index].running += 1
        members[index].lastCall = now
        members[index].wellChecks = 0
        members[index].figures.attempts += 1
        let probe = members[index].breaker.began()
        return Grant(
            endpoint: members[index].id, configuration: members[index].configuration, began: now, probe: probe)
    }

    private func isFree(_ member: Member, at now: MonotonicInstant) -> Bool {
        member.running < member.configuration.maxConcurrency && member.restsUntil <= now
            && member.breaker.admits(at: now)
    }

    /// Why there is nothing to wait for; nil where there is.
    private func refusal(_ waiter: Waiter, at now: MonotonicInstant) -> Refusal? {
        var isAllowedAny = false
        var first: MonotonicInstant?
        for member in members where !waiter.preference.excluded.contains(member.id) {
            isAllowedAny = true
            guard member.breaker.admits(at: now) else { continue }
            first = min(first ?? .distantFuture, member.restsUntil)
        }
        guard isAllowedAny else { return Refusal.none }
        guard let first else { return .broken }
        guard first > now else { return nil }
        let isTooLong = first >= waiter.until || first > now.advanced(by: limits.longestRetryAfter)
        return isTooLong ? .resting(until: first) : nil
    }

    /// Gives room to those that wait, in their order.
    ///
    /// - Parameter mayRefuse: Whether to look at all for those that wait in vain now, and turn them away; that is so where
    ///   an endpoint rests, is broken or gone that was not before.
    private mutating func decide(at now: MonotonicInstant, mayRefuse: Bool = false) -> [Decision] {
        guard !queue.isEmpty else { return [] }
        var mayRefuse = mayRefuse
        var decisions: [Decision] = []
        var left: [Waiter] = []
        var next = 0
        while next < queue.count {
            let hasRoom = members.contains { isFree($0, at: now) }
            guard hasRoom || mayRefuse else { break }
            let waiter = queue[next]
            next += 1
            if hasRoom, let grant = grant(waiter.preference, at: now) {
                // While the probe runs, its endpoint is broken for the others.
                if grant.probe != nil { mayRefuse = true }
                decisions.append(Decision(call: waiter.call, result: .granted(grant)))
            } else if mayRefuse, let refusal = refusal(waiter, at: now) {
                decisions.append(Decision(call: waiter.call, result: .refused(refusal)))
            } else {
                // It waits for another endpoint than the one with room; the next may take that.
                left.append(waiter)
            }
        }
        if !decisions.isEmpty { queue.replaceSubrange(..<next, with: left) }
        return decisions
    }
}
