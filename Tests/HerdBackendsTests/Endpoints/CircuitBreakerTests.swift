import HerdBackends
import Testing

@Suite("Circuit breaker")
struct CircuitBreakerTests {
    private var breaker: CircuitBreaker
    private var now = MonotonicInstant(nanoseconds: 1_000_000_000_000)

    init() {
        breaker = CircuitBreaker(limits: BackendLimits())
    }

    private mutating func call(_ verdict: CircuitBreaker.Verdict) {
        #expect(breaker.admits(at: now))
        let probe = breaker.began()
        breaker.ended(verdict, probe, at: now, chance: 1)
    }

    private mutating func pass(_ milliseconds: Int) {
        now = now.advanced(by: .milliseconds(milliseconds))
    }

    @Test mutating func fiveFailuresInARowOpenIt() {
        for _ in 0..<4 { call(.failure) }
        call(.success)
        for _ in 0..<4 { call(.failure) }
        #expect(breaker.state == .closed)
        call(.nothing)
        call(.failure)
        #expect(breaker.state == .open(until: now.advanced(by: .seconds(1))))
        #expect(!breaker.admits(at: now))
    }

    @Test mutating func halfOfTwentyOpenIt() {
        for _ in 0..<9 {
            call(.failure)
            call(.success)
        }
        // Ten failures of nineteen: the window is not full.
        call(.failure)
        #expect(breaker.state == .closed)
        call(.failure)
        #expect(breaker.state != .closed)
    }

    @Test mutating func oldCallsLeaveTheWindow() {
        for _ in 0..<4 { call(.failure) }
        for _ in 0..<40 { call(.success) }
        for _ in 0..<4 { call(.failure) }
        call(.success)
        for _ in 0..<4 { call(.failure) }
        #expect(breaker.state == .closed)
    }

    @Test mutating func aProbeClosesIt() {
        for _ in 0..<5 { call(.failure) }
        pass(999)
        #expect(!breaker.admits(at: now))
        pass(1)
        #expect(breaker.admits(at: now))
        let probe = breaker.began()
        #expect(probe == 1)
        #expect(breaker.state == .halfOpen(probe: 1))
        #expect(!breaker.admits(at: now))
        breaker.ended(.success, probe, at: now, chance: 1)
        #expect(breaker.state == .closed)
        for _ in 0..<4 { call(.failure) }
        #expect(breaker.state == .closed)
    }

    @Test mutating func eachProbeThatFailsDoublesThePause() {
        for _ in 0..<5 { call(.failure) }
        for seconds in [2, 4, 8, 16, 30, 30] {
            guard case .open(let until) = breaker.state else {
                Issue.record("it is \(breaker.state)")
                return
            }
            now = until
            call(.failure)
            #expect(breaker.state == .open(until: now.advanced(by: .seconds(seconds))))
        }
    }

    @Test mutating func aQuarterOfThePauseIsChance() {
        for _ in 0..<4 { call(.failure) }
        let early = breaker.began()
        breaker.ended(.failure, early, at: now, chance: 0)
        #expect(breaker.state == .open(until: now.advanced(by: .milliseconds(750))))
    }

    @Test mutating func aProbeThatTellsNothingIsFollowedByAnother() {
        for _ in 0..<5 { call(.failure) }
        pass(1000)
        call(.nothing)
        #expect(breaker.state == .halfOpen(probe: nil))
        call(.success)
        #expect(breaker.state == .closed)
    }

    @Test mutating func aProbeThatIsAnsweredClosesItBeforeItsEnd() {
        for _ in 0..<5 { call(.failure) }
        pass(1000)
        let probe = breaker.began()
        breaker.answered(nil)
        #expect(!breaker.admits(at: now))
        breaker.answered(probe)
        #expect(breaker.state == .closed)
        // Its end is an ordinary one, also when there is another probe by then.
        for _ in 0..<5 { call(.failure) }
        pass(1000)
        let next = breaker.began()
        breaker.ended(.failure, probe, at: now, chance: 1)
        #expect(breaker.state == .halfOpen(probe: next))
    }

    @Test mutating func whatBeganBeforeTellsNothing() {
        let early = breaker.began()
        #expect(early == nil)
        for _ in 0..<5 { call(.failure) }
        let open = breaker.state
        breaker.ended(.success, nil, at: now, chance: 1)
        #expect(breaker.state == open)
        pass(1000)
        let probe = breaker.began()
        #expect(probe == 1)
        breaker.ended(.failure, nil, at: now, chance: 1)
        breaker.ended(.success, nil, at: now, chance: 1)
        #expect(breaker.state == .halfOpen(probe: 1))
    }

    @Test mutating func aCheckBringsTheProbeForward() {
        breaker.hurry(at: now)
        #expect(breaker.state == .closed)
        for _ in 0..<5 { call(.failure) }
        breaker.hurry(at: now)
        call(.success)
        #expect(breaker.state == .closed)
    }
}
