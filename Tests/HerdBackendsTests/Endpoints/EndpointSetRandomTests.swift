import HerdBackends
import Testing

@Suite("Endpoints of a model, whatever comes")
struct EndpointSetRandomTests {
    /// Whatever comes in whatever order: every call is decided about once, the limits hold, and none is forgotten.
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func randomInputs(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var limits = BackendLimits()
        limits.breakerFailures = 3
        var set = EndpointSet(limits: limits)
        var now = MonotonicInstant(nanoseconds: 1_000_000_000_000)
        let all = (0..<4).map { EndpointSetTests.endpoint("\($0)", Int.random(in: 1...3, using: &random), queue: 3) }
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
                let until = now.advanced(by: .milliseconds(Int.random(in: 0...2000, using: &random)))
                let (admission, others) = set.admit(lastCall, .init(excluded: excluded), until: until, at: now)
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
                let hasLeft = set.leave(call)
                #expect(hasLeft)
                waiting.remove(call)
            case 18:
                guard let member = set.members.randomElement(using: &random) else { continue }
                decide(set.checked(member.id, isWell: Bool.random(using: &random), at: now))
                if let next = set.nextWake(after: now) {
                    #expect(next > now && !waiting.isEmpty, "seed \(seed)")
                    if Bool.random(using: &random) {
                        now = next
                        decide(set.wake(at: now))
                    }
                }
            default:
                var kept = all.filter { _ in Int.random(in: 0..<4, using: &random) > 0 }
                for index in kept.indices {
                    kept[index].connectTimeout = .seconds(Int.random(in: 1...3, using: &random))
                }
                decide(set.replace(kept, at: now))
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
