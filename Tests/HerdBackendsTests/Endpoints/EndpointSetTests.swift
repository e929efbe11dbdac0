import HerdBackends
import Testing

@Suite("Endpoints of a model")
struct EndpointSetTests {
    private var set: EndpointSet
    private var now = MonotonicInstant(nanoseconds: 1_000_000_000_000)
    private var lastCall: UInt64 = 0

    init() {
        set = EndpointSet(limits: BackendLimits())
    }

    static func endpoint(_ name: String, _ concurrency: Int, queue: Int = 2) -> EndpointConfiguration {
        var endpoint = EndpointConfiguration(baseURL: "http://\(name)/v1", modelName: "m")
        endpoint.maxConcurrency = concurrency
        endpoint.maxQueue = queue
        return endpoint
    }

    private mutating func admit(
        _ preference: EndpointSet.Preference = .init(), began: MonotonicInstant? = nil, for patience: Duration? = nil
    ) -> EndpointSet.Admission {
        lastCall += 1
        let until = patience.map { now.advanced(by: $0) } ?? .distantFuture
        let (admission, others) = set.admit(lastCall, preference, began: began, until: until, at: now)
        #expect(others.isEmpty)
        return admission
    }

    private mutating func grant(_ preference: EndpointSet.Preference = .init()) throws -> EndpointSet.Grant {
        let admission = admit(preference)
        guard case .granted(let grant) = admission else {
            throw Failed(description: "not granted: \(admission)")
        }
        return grant
    }

    struct Failed: Error, CustomStringConvertible {
        var description: String
    }

    private mutating func end(
        _ grant: EndpointSet.Grant, _ verdict: CircuitBreaker.Verdict = .success, rest: Duration? = nil
    ) -> [EndpointSet.Decision] {
        set.ended(grant, verdict, rest: rest, at: now, chance: 1)
    }

    @Test mutating func theOneWithTheFewestCallsIsTaken() throws {
        _ = set.replace([Self.endpoint("a", 3), Self.endpoint("b", 3)], at: now)
        let first = try grant()
        let second = try grant()
        #expect(first.configuration != second.configuration)
        let third = try grant()
        let fourth = try grant()
        #expect(Set([third.endpoint, fourth.endpoint]).count == 2)
        _ = end(first)
        _ = end(third.endpoint == first.endpoint ? third : fourth)
        #expect(try grant().endpoint == first.endpoint)
        #expect(try grant().endpoint == first.endpoint)
    }

    @Test mutating func whoWaitsIsServedInOrder() throws {
        _ = set.replace([Self.endpoint("a", 1, queue: 3)], at: now)
        let running = try grant()
        #expect(admit() == .queued)
        #expect(admit() == .queued)
        #expect(admit() == .queued)
        #expect(admit() == .refused(.queueFull))
        #expect(set.waiting == 3)
        let decisions = end(running)
        #expect(decisions.map(\.call) == [2])
        let left1 = set.leave(3)
        #expect(left1)
        let left2 = set.leave(3)
        #expect(!left2)
        let left3 = set.leave(2)
        #expect(!left3)
        guard case .granted(let second)? = decisions.first?.result else { throw Failed(description: "\(decisions)") }
        #expect(end(second).map(\.call) == [4])
        #expect(set.waiting == 0)
    }

    @Test mutating func nobodyIsOvertaken() throws {
        _ = set.replace([Self.endpoint("a", 1), Self.endpoint("b", 1)], at: now)
        let grants = [try grant(), try grant()]
        let a = grants[0].endpoint
        // It does not want the first, so that the next may have it; the one after that does not come before it.
        #expect(admit(.init(excluded: [a])) == .queued)
        #expect(admit() == .queued)
        #expect(end(grants[0]).map(\.call) == [4])
        #expect(end(grants[1]).map(\.call) == [3])
    }

    @Test mutating func avoidedAndExcludedEndpoints() throws {
        _ = set.replace([Self.endpoint("a", 1), Self.endpoint("b", 1)], at: now)
        let ids = set.members.map(\.id)
        #expect(try grant(.init(avoided: [ids[0]])).endpoint == ids[1])
        // The other one is all there is.
        let avoided = try grant(.init(avoided: [ids[0]]))
        #expect(avoided.endpoint == ids[0])
        _ = end(avoided)
        #expect(admit(.init(excluded: [ids[0]])) == .queued)
        #expect(admit(.init(excluded: ids)) == .refused(.none))
    }

    @Test mutating func whenAllBreakersOpenNobodyWaits() throws {
        _ = set.replace([Self.endpoint("a", 6, queue: 10)], at: now)
        let grants = try (0..<6).map { _ in try grant() }
        #expect(admit() == .queued)
        #expect(admit() == .queued)
        for grant in grants.prefix(4) { #expect(end(grant, .failure).count <= 1) }
        var waiting = set.waiting
        #expect(waiting == 0)
        let decided = end(grants[4], .failure)
        #expect(decided.isEmpty)
        #expect(admit() == .refused(.broken))
        waiting = set.waiting
        #expect(waiting == 0)
        // One probe, and nobody else.
        now = now.advanced(by: .seconds(1))
        let probe = try grant()
        #expect(probe.probe != nil)
        #expect(admit() == .refused(.broken))
        _ = end(probe, .success)
        _ = try grant()
    }

    @Test mutating func waitersAreTurnedAwayWithTheLastBreaker() throws {
        var limits = BackendLimits()
        limits.breakerFailures = 1
        set = EndpointSet(limits: limits)
        _ = set.replace([Self.endpoint("a", 1, queue: 10)], at: now)
        let running = try grant()
        #expect(admit() == .queued)
        #expect(admit() == .queued)
        let decisions = end(running, .failure)
        #expect(decisions.map(\.result) == [.refused(.broken), .refused(.broken)])
    }

    @Test mutating func anEndpointThatRestsIsPassedOver() throws {
        _ = set.replace([Self.endpoint("a", 2), Self.endpoint("b", 2)], at: now)
        let (first, second) = (try grant(), try grant())
        _ = end(first, .success, rest: .seconds(3))
        #expect(try grant().endpoint == second.endpoint)
        _ = end(second, .success, rest: .seconds(2))
        // Who has no time for that does not wait at all.
        #expect(admit(for: .seconds(2)) == .refused(.resting(until: now.advanced(by: .seconds(2)))))
        now = now.advanced(by: .seconds(2))
        #expect(try grant().endpoint == second.endpoint)
    }

    @Test mutating func whoWaitsForAnEndpointThatRestsStaysInTheQueue() throws {
        _ = set.replace([Self.endpoint("a", 1, queue: 3)], at: now)
        let began = now
        let running = try grant()
        now = now.advanced(by: .milliseconds(10))
        #expect(admit() == .queued)
        #expect(admit(for: .seconds(2)) == .queued)
        #expect(set.nextWake(after: now) == nil)
        // Who waits in vain is told so at once, the other one stays.
        #expect(end(running, rest: .seconds(3)).map(\.call) == [3])
        #expect(set.waiting == 1)
        let over = now.advanced(by: .seconds(3))
        #expect(set.nextWake(after: now) == over)
        now = now.advanced(by: .seconds(1))
        #expect(admit() == .queued)
        // One that comes again has been there longest.
        #expect(admit(began: began) == .queued)
        #expect(admit() == .refused(.queueFull))
        #expect(set.wake(at: now).isEmpty)
        now = over
        #expect(set.nextWake(after: now) == nil)
        var order: [UInt64] = []
        var decisions = set.wake(at: now)
        while case .granted(let grant)? = decisions.first?.result {
            order += decisions.map(\.call)
            decisions = end(grant)
        }
        #expect(order == [5, 2, 4])
    }

    @Test mutating func whoComesWhenARestIsOverDoesNotOvertake() throws {
        _ = set.replace([Self.endpoint("a", 1, queue: 3)], at: now)
        _ = end(try grant(), rest: .seconds(1))
        #expect(admit() == .queued)
        now = now.advanced(by: .seconds(1))
        let (admission, others) = set.admit(9, at: now)
        #expect(admission == .queued)
        #expect(others.map(\.call) == [2])
    }

    @Test mutating func aBreakersPauseIsWaitedForToo() throws {
        var limits = BackendLimits()
        limits.breakerFailures = 1
        set = EndpointSet(limits: limits)
        _ = set.replace([Self.endpoint("a", 1), Self.endpoint("b", 1)], at: now)
        let (first, second) = (try grant(), try grant())
        #expect(admit() == .queued)
        #expect(end(first, .failure).isEmpty)
        let over = now.advanced(by: .seconds(1))
        #expect(set.nextWake(after: now) == over)
        let decisions = set.wake(at: over)
        guard case .granted(let probe)? = decisions.first?.result else { throw Failed(description: "\(decisions)") }
        #expect(probe.probe != nil && probe.endpoint == first.endpoint && probe.endpoint != second.endpoint)
    }

    @Test mutating func changesOfTheRegistry() throws {
        let (a, b, c) = (Self.endpoint("a", 1), Self.endpoint("b", 1), Self.endpoint("c", 1))
        _ = set.replace([a, b], at: now)
        let (first, second) = (try grant(), try grant())
        #expect(admit() == .queued)
        let kept = set.members[1].id
        let decisions = set.replace([b, c], at: now)
        #expect(set.members.map(\.configuration) == [b, c])
        #expect(set.members[0].id == kept && set.members[0].running == 1)
        guard case .granted(let third)? = decisions.first?.result else { throw Failed(description: "\(decisions)") }
        #expect(third.configuration == c)
        // One that is gone gives nothing back.
        #expect(admit() == .queued)
        #expect(end(first).isEmpty)
        #expect(end(second).map(\.call) == [4])
        #expect(admit() == .queued)
        #expect(set.replace([], at: now).map(\.result) == [.refused(.none)])
    }

    @Test mutating func anEndpointThatChangesKeepsItsState() throws {
        var limits = BackendLimits()
        limits.breakerFailures = 1
        set = EndpointSet(limits: limits)
        var (a, b) = (Self.endpoint("a", 2), Self.endpoint("b", 1))
        _ = set.replace([a, b], at: now)
        let (first, second, third) = (try grant(), try grant(), try grant())
        #expect(admit() == .queued)
        let ids = set.members.map(\.id)
        // A new key, and less room than there are calls.
        a.apiKeyEnv = "HERD_KEY_A"
        a.connectTimeout = .seconds(1)
        a.maxConcurrency = 1
        #expect(set.replace([b, a], at: now).isEmpty)
        #expect(set.members.map(\.id) == ids.reversed())
        #expect(set.members.map(\.configuration) == [b, a])
        #expect(set.members.map(\.running) == [1, 2])
        #expect(set.members.map(\.figures.attempts) == [1, 2])
        let inA = [first, second, third].filter { $0.endpoint == ids[0] }
        #expect(inA.count == 2)
        #expect(end(inA[0]).isEmpty)
        #expect(end(inA[1]).map(\.call) == [4])
        // More room counts at once, and the breaker stays open.
        #expect(admit() == .queued)
        a.maxConcurrency = 2
        let decisions = set.replace([b, a], at: now)
        #expect(decisions.map(\.call) == [5])
        guard case .granted(let grant)? = decisions.first?.result else { throw Failed(description: "\(decisions)") }
        #expect(grant.configuration == a)
        #expect(end(grant, .failure).isEmpty)
        b.maxQueue = 0
        _ = set.replace([a, b], at: now)
        #expect(set.members[0].breaker.state != .closed)
        // Another name of the model is another endpoint.
        a.modelName = "n"
        _ = set.replace([a, b], at: now)
        #expect(set.members[0].id != ids[0] && set.members[0].running == 0)
        #expect(set.members[0].breaker.state == .closed)
    }

    @Test mutating func endpointsThatAreNamedTwiceKeepTheirOrder() throws {
        let a = Self.endpoint("a", 1)
        _ = set.replace([a, a], at: now)
        let ids = set.members.map(\.id)
        _ = try grant()
        _ = set.replace([a, a, a], at: now)
        #expect(Array(set.members.map(\.id).prefix(2)) == ids)
        #expect(set.members.map(\.running).reduce(0, +) == 1)
    }

    @Test mutating func checksAreDueForTheIdleAndTheIll() throws {
        _ = set.replace([Self.endpoint("a", 1), Self.endpoint("b", 1)], at: now)
        #expect(set.dueForCheck(at: now).count == 2)
        let (first, second) = (try grant(), try grant())
        #expect(set.dueForCheck(at: now).isEmpty)
        _ = end(first, .failure)
        _ = end(second, .success)
        #expect(set.dueForCheck(at: now).map(\.id) == [first.endpoint])
        now = now.advanced(by: .seconds(5))
        #expect(set.dueForCheck(at: now).count == 2)
        // One whose check failed is the last to be asked.
        _ = set.checked(first.endpoint, isWell: false, at: now)
        #expect(try grant().endpoint == second.endpoint)
        #expect(try grant().endpoint == first.endpoint)
    }

    @Test mutating func oneThatIsWellAndIdleIsCheckedLessAndLessOften() throws {
        _ = set.replace([Self.endpoint("a", 1)], at: now)
        func gap() -> Int {
            (1...100).first { !set.dueForCheck(at: now.advanced(by: .seconds($0))).isEmpty } ?? 0
        }
        let id = set.members[0].id
        var gaps: [Int] = []
        for _ in 0..<6 {
            _ = set.checked(id, isWell: true, at: now)
            gaps.append(gap())
            now = now.advanced(by: .seconds(gaps.last ?? 0))
        }
        #expect(gaps == [10, 20, 40, 60, 60, 60])
        // A call begins it anew, and one that fails is looked at until it has been found well twice.
        _ = end(try grant(), .success)
        #expect(gap() == 5)
        _ = end(try grant(), .failure)
        for _ in 0..<2 {
            #expect(gap() == 1)
            _ = set.checked(id, isWell: true, at: now)
        }
        #expect(gap() == 20)
    }

    @Test mutating func callsThatAreGivenUpMakeItSlow() throws {
        _ = set.replace([Self.endpoint("a", 8)], at: now)
        let id = set.members[0].id
        var latency: LatencyMeasurement { self.set.members[0].figures.latency }
        set.note(id) { $0.latency.note(firstTokenSeconds: 0.1, tokensPerSecond: 50) }
        // What its callers gave up soon says nothing of it.
        try giveUp(3, after: .milliseconds(300))
        #expect(latency.firstTokenSeconds == 0.1)
        try giveUp(4, after: .seconds(2))
        #expect(latency.firstTokenSeconds ?? 0 > 1 && latency.samples == 5)
        // It is not expected to be any slower for that.
        #expect(latency.longestFirstTokenSeconds ?? 9 < 0.5)
        try giveUp(1, after: .seconds(2))
        #expect(isOpen)
    }

    @Test mutating func aCallThatGaveUpOnASilentServerHasItChecked() throws {
        _ = set.replace([Self.endpoint("a", 2)], at: now)
        _ = set.ended(try grant(), .nothing, wasSilent: false, at: now, chance: 1)
        #expect(set.dueForCheck(at: now).isEmpty)
        _ = set.ended(try grant(), .nothing, wasSilent: true, at: now, chance: 1)
        #expect(set.dueForCheck(at: now).count == 1)
        #expect(set.members[0].breaker.state == .closed)
    }

    /// Has calls given up before their first token after these times, one after another.
    private mutating func giveUp(_ count: Int, after patience: Duration) throws {
        for _ in 0..<count {
            let grant = try grant()
            now = now.advanced(by: patience)
            _ = set.ended(grant, .nothing, wasSilent: true, at: now, chance: 1)
        }
    }

    private var isOpen: Bool { self.set.members[0].breaker.state != .closed }

    @Test mutating func callsThatWaitedInVainOpenTheBreaker() throws {
        _ = set.replace([Self.endpoint("a", 8)], at: now)
        try giveUp(4, after: .seconds(2))
        #expect(!isOpen)
        try giveUp(1, after: .seconds(2))
        #expect(isOpen)
        // The probe is judged in the same way, and a server that answers checks all the while has to wait for it.
        now = now.advanced(by: .seconds(1))
        try giveUp(1, after: .seconds(2))
        #expect(admit() == .refused(.broken))
        _ = set.checked(set.members[0].id, isWell: true, at: now)
        #expect(admit() == .refused(.broken))
        // One that did not answer them either is back when it does.
        _ = set.checked(set.members[0].id, isWell: false, at: now)
        _ = set.checked(set.members[0].id, isWell: true, at: now)
        #expect(try grant().probe != nil)
    }

    @Test mutating func impatientCallersDoNotOpenTheBreaker() throws {
        _ = set.replace([Self.endpoint("a", 8)], at: now)
        try giveUp(100, after: .milliseconds(999))
        #expect(!isOpen)
        // A model that is known to be slow is given more: twice its mean and more while that is not certain.
        let id = set.members[0].id
        for _ in 0..<2 { set.note(id) { $0.latency.note(firstTokenSeconds: 4, tokensPerSecond: nil) } }
        try giveUp(100, after: .seconds(8))
        #expect(!isOpen)
        try giveUp(5, after: .seconds(12))
        #expect(isOpen)
    }

    @Test mutating func whatHasOutlastedTheEndpointsOwnTimeOutCounts() throws {
        var slow = Self.endpoint("a", 8)
        slow.firstTokenTimeout = .milliseconds(300)
        _ = set.replace([slow], at: now)
        try giveUp(5, after: .milliseconds(300))
        #expect(isOpen)
    }

    @Test mutating func anEndpointThatAnswersOthersIsNotHung() throws {
        _ = set.replace([Self.endpoint("a", 8)], at: now)
        let other = try grant()
        for _ in 0..<10 {
            let grant = try grant()
            now = now.advanced(by: .seconds(1))
            _ = set.answered(other, at: now)
            now = now.advanced(by: .seconds(2))
            _ = set.ended(grant, .nothing, wasSilent: true, at: now, chance: 1)
        }
        #expect(!isOpen)
        // Nor are calls that were cancelled while they were answered.
        for _ in 0..<10 {
            let grant = try grant()
            _ = set.answered(grant, at: now)
            now = now.advanced(by: .seconds(5))
            _ = set.ended(grant, .nothing, wasSilent: true, at: now, chance: 1)
        }
        #expect(!isOpen)
    }

    @Test mutating func aCheckHurriesOnlyWhereTheServerWasSilent() throws {
        for wasSilent in [true, false] {
            set = EndpointSet(limits: BackendLimits())
            _ = set.replace([Self.endpoint("a", 1)], at: now)
            for _ in 0..<5 {
                _ = set.ended(try grant(), .failure, wasSilent: wasSilent, at: now, chance: 1)
            }
            #expect(admit() == .refused(.broken))
            _ = set.checked(set.members[0].id, isWell: true, at: now)
            if wasSilent { #expect(try grant().probe != nil) } else { #expect(admit() == .refused(.broken)) }
        }
    }
}
