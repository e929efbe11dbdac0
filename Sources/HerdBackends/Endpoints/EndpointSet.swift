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
        package let configuration: EndpointConfiguration
        package var breaker: CircuitBreaker
        package var running = 0
        /// It has asked for a pause.
        package var restsUntil = MonotonicInstant(nanoseconds: 0)
        /// The last check of its health failed.
        package var isSuspect = false
        /// Its last failure was that it did not answer.
        package var wasSilent = false
        package var lastFailure: MonotonicInstant?
        package var lastCall: MonotonicInstant?
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
        /// Set where the breaker lets it through to see whether the endpoint is well again.
        package var probe: CircuitBreaker.ProbeID?

        package init(endpoint: EndpointID, configuration: EndpointConfiguration, probe: CircuitBreaker.ProbeID? = nil) {
            self.endpoint = endpoint
            self.configuration = configuration
            self.probe = probe
        }
    }

    package enum Refusal: Sendable, Equatable {
        case queueFull
        /// All endpoints failed too often lately.
        case broken
        /// All have asked for a pause; until the first of them is over.
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
    }

    package private(set) var members: [Member] = []
    private var queue: [Waiter] = []
    private var nextEndpoint = 0
    /// Where the search begins, so that equals take turns.
    private var turn = 0
    private let limits: BackendLimits

    package init(limits: BackendLimits) {
        self.limits = limits
    }

    package var waiting: Int { queue.count }

    private var queueLimit: Int { members.reduce(0) { $0 + $1.configuration.maxQueue } }

    // MARK: - Calls

    /// A call wants to begin. One that is queued is decided about by a later input, or takes itself away by `leave`.
    package mutating func admit(
        _ call: CallID, _ preference: Preference = Preference(), at now: MonotonicInstant
    ) -> (admission: Admission, others: [Decision]) {
        let others = queue.isEmpty ? [] : decide(at: now)
        // Nobody is overtaken: who still waits has no use for what room there is.
        if let grant = grant(preference, at: now) { return (.granted(grant), others) }
        if let refusal = refusal(preference, at: now) { return (.refused(refusal), others) }
        guard queue.count < queueLimit else { return (.refused(.queueFull), others) }
        queue.append(Waiter(call: call, preference: preference))
        return (.queued, others)
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
    /// - Parameters:
    ///   - wasSilent: The server did not answer at all.
    ///   - rest: The pause that the endpoint asked for.
    ///   - chance: From 0 up to 1, at random.
    package mutating func ended(
        _ grant: Grant, _ verdict: CircuitBreaker.Verdict, wasSilent: Bool = false, rest: Duration? = nil,
        at now: MonotonicInstant, chance: Double
    ) -> [Decision] {
        if let index = members.firstIndex(where: { $0.id == grant.endpoint }) {
            members[index].running -= 1
            members[index].lastCall = now
            switch verdict {
            case .success:
                members[index].isSuspect = false
                members[index].wasSilent = false
                members[index].lastFailure = nil
            case .failure:
                members[index].wasSilent = wasSilent
                members[index].lastFailure = now
            case .nothing:
                // Perhaps the caller was only impatient: a check will tell.
                if wasSilent { members[index].lastFailure = now }
            }
            if let rest {
                let until = now.advanced(by: min(rest, limits.longestRetryAfter))
                members[index].restsUntil = max(members[index].restsUntil, until)
            }
            members[index].breaker.ended(verdict, grant.probe, at: now, chance: chance)
        }
        return decide(at: now)
    }

    /// A call has got its first token.
    package mutating func answered(_ grant: Grant, at now: MonotonicInstant) -> [Decision] {
        guard let index = members.firstIndex(where: { $0.id == grant.endpoint }) else { return [] }
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
            if member.isSuspect || member.lastFailure != nil || member.breaker.state != .closed { return true }
            guard member.running == 0 else { return false }
            return member.lastCall.map { $0.duration(to: now) >= limits.healthInterval } ?? true
        }
    }

    package mutating func checked(_ endpoint: EndpointID, isWell: Bool, at now: MonotonicInstant) -> [Decision] {
        guard let index = members.firstIndex(where: { $0.id == endpoint }) else { return [] }
        members[index].isSuspect = !isWell
        members[index].figures.checks += 1
        // A server that answers health checks and fails calls has to wait for its probe.
        if isWell, members[index].wasSilent { members[index].breaker.hurry(at: now) }
        return decide(at: now)
    }

    // MARK: - Changes of the registry

    /// Puts other endpoints in place; those that stay the same keep their state. Calls that run are not touched.
    package mutating func replace(_ configurations: [EndpointConfiguration], at now: MonotonicInstant) -> [Decision] {
        var old = members
        members = configurations.map { configuration in
            if let index = old.firstIndex(where: { $0.configuration == configuration }) { return old.remove(at: index) }
            nextEndpoint += 1
            return Member(id: nextEndpoint, configuration: configuration, breaker: CircuitBreaker(limits: limits))
        }
        return decide(at: now)
    }

    // MARK: - The choice

    private mutating func grant(_ preference: Preference, at now: MonotonicInstant) -> Grant? {
        var best: (index: Int, rank: (Int, Int, Int))?
        for step in members.indices {
            let index = (turn + step) % members.count
            let member = members[index]
            guard member.running < member.configuration.maxConcurrency, isOpenTo(preference, member, at: now),
                member.restsUntil <= now
            else { continue }
            let rank = (preference.avoided.contains(member.id) ? 1 : 0, member.isSuspect ? 1 : 0, member.running)
            if best == nil || rank < best!.rank { best = (index, rank) }
        }
        guard let (index, _) = best else { return nil }
        turn = (index + 1) % members.count
        members[index].running += 1
        members[index].lastCall = now
        members[index].figures.attempts += 1
        let probe = members[index].breaker.began()
        return Grant(endpoint: members[index].id, configuration: members[index].configuration, probe: probe)
    }

    private func isOpenTo(_ preference: Preference, _ member: Member, at now: MonotonicInstant) -> Bool {
        !preference.excluded.contains(member.id) && member.breaker.admits(at: now)
    }

    /// Why there is nothing to wait for; nil where there is.
    private func refusal(_ preference: Preference, at now: MonotonicInstant) -> Refusal? {
        let allowed = members.filter { !preference.excluded.contains($0.id) }
        guard !allowed.isEmpty else { return Refusal.none }
        let open = allowed.filter { $0.breaker.admits(at: now) }
        guard !open.isEmpty else { return .broken }
        guard let first = open.map(\.restsUntil).min(), first > now else { return nil }
        return .resting(until: first)
    }

    /// Gives room to those that wait, in their order, and turns away those that wait for nothing.
    private mutating func decide(at now: MonotonicInstant) -> [Decision] {
        guard !queue.isEmpty else { return [] }
        var decisions: [Decision] = []
        var index = 0
        while index < queue.count {
            let waiter = queue[index]
            if let grant = grant(waiter.preference, at: now) {
                queue.remove(at: index)
                decisions.append(Decision(call: waiter.call, result: .granted(grant)))
            } else if let refusal = refusal(waiter.preference, at: now) {
                queue.remove(at: index)
                decisions.append(Decision(call: waiter.call, result: .refused(refusal)))
            } else if members.contains(where: { $0.running < $0.configuration.maxConcurrency }) {
                // It waits for another endpoint than the one with room; the next may take that.
                index += 1
            } else {
                break
            }
        }
        return decisions
    }
}
