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

    private static func endpoint(_ name: String, _ concurrency: Int, queue: Int = 2) -> EndpointConfiguration {
        var endpoint = EndpointConfiguration(baseURL: "http://\(name)/v1", modelName: "m")
        endpoint.maxConcurrency = concurrency
        endpoint.maxQueue = queue
        return endpoint
    }

    private mutating func admit(_ preference: EndpointSet.Preference = .init()) -> EndpointSet.Admission {
        lastCall += 1
        let (admission, others) = set.admit(lastCall, preference, at: now)
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
        #expect(admit() == .refused(.resting(until: now.advanced(by: .seconds(2)))))
        now = now.advanced(by: .seconds(2))
        #expect(try grant().endpoint == second.endpoint)
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

    @Test mutating func aCallThatGaveUpOnASilentServerHasItChecked() throws {
        _ = set.replace([Self.endpoint("a", 2)], at: now)
        _ = set.ended(try grant(), .nothing, wasSilent: false, at: now, chance: 1)
        #expect(set.dueForCheck(at: now).isEmpty)
        _ = set.ended(try grant(), .nothing, wasSilent: true, at: now, chance: 1)
        #expect(set.dueForCheck(at: now).count == 1)
        #expect(set.members[0].breaker.state == .closed)
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

    /// Whatever comes in whatever order: every call is decided about once, the limits hold, and none is forgotten.
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func randomInputs(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var limits = BackendLimits()
        limits.breakerFailures = 3
        var set = EndpointSet(limits: limits)
        var now = MonotonicInstant(nanoseconds: 1_000_000_000_000)
        let all = (0..<4).map { Self.endpoint("\($0)", Int.random(in: 1...3, using: &random), queue: 3) }
        _ = set.replace(all, at: now)
        var waiting: Set<UInt64> = []
        var running: [(call: UInt64, grant: EndpointSet.Grant)] = []
        var lastCall: UInt64 = 0
        func decide(_ decisions: [EndpointSet.Decision]) {
            for decision in decisions {
                #expect(waiting.remove(decision.call) != nil, "seed \(seed)")
                if case .granted(let grant) = decision.result { running.append((decision.call, grant)) }
            }
        }
        for _ in 0..<1500 {
            now = now.advanced(by: .milliseconds(Int.random(in: 0...300, using: &random)))
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<9:
                lastCall += 1
                let excluded = set.members.map(\.id).filter { _ in Int.random(in: 0..<5, using: &random) == 0 }
                let (admission, others) = set.admit(lastCall, .init(excluded: excluded), at: now)
                decide(others)
                switch admission {
                case .granted(let grant): running.append((lastCall, grant))
                case .queued: waiting.insert(lastCall)
                case .refused: break
                }
            case 9..<17:
                guard !running.isEmpty else { continue }
                let (_, grant) = running.remove(at: Int.random(in: 0..<running.count, using: &random))
                let verdicts: [CircuitBreaker.Verdict] = [.success, .success, .failure, .nothing]
                decide(
                    set.ended(
                        grant, verdicts.randomElement(using: &random)!, wasSilent: Bool.random(using: &random),
                        rest: Int.random(in: 0..<10, using: &random) == 0 ? .milliseconds(400) : nil, at: now,
                        chance: Double.random(in: 0..<1, using: &random)))
            case 17:
                guard let call = waiting.randomElement(using: &random) else { continue }
                let left4 = set.leave(call)
                #expect(left4)
                waiting.remove(call)
            case 18:
                guard let member = set.members.randomElement(using: &random) else { continue }
                decide(set.checked(member.id, isWell: Bool.random(using: &random), at: now))
            default: decide(set.replace(all.filter { _ in Int.random(in: 0..<4, using: &random) > 0 }, at: now))
            }
            #expect(set.waiting == waiting.count, "seed \(seed)")
            for member in set.members {
                #expect((0...member.configuration.maxConcurrency).contains(member.running), "seed \(seed)")
                #expect(member.running == running.count { $0.grant.endpoint == member.id }, "seed \(seed)")
            }
        }
        // Once all that run have ended well and time has passed, nobody waits any more.
        for _ in 0..<1000 where !running.isEmpty || !waiting.isEmpty {
            now = now.advanced(by: .seconds(60))
            if running.isEmpty {
                decide(set.replace(set.members.map(\.configuration), at: now))
                if running.isEmpty { break }
            }
            let (_, grant) = running.removeFirst()
            decide(set.ended(grant, .success, at: now, chance: 0))
        }
        #expect(waiting.isEmpty && running.isEmpty, "seed \(seed)")
    }
}
