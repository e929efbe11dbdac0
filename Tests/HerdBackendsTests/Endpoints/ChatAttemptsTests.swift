import HerdBackends
import Testing

@Suite("Attempts")
struct ChatAttemptsTests {
    private static let now = MonotonicInstant(nanoseconds: 1_000_000_000_000)

    private static func attempts(
        deadline: Duration = .seconds(60), firstTokenBy: Duration? = nil,
        _ change: (inout BackendLimits) -> Void = { _ in }
    ) -> ChatAttempts {
        var limits = BackendLimits()
        change(&limits)
        return ChatAttempts(
            model: "m", ChatRequest(messages: [.init(.user, "x")]), deadline: now.advanced(by: deadline),
            firstTokenBy: firstTokenBy.map { now.advanced(by: $0) }, limits, now: now)
    }

    private static func members(_ count: Int) -> [EndpointSet.Member] {
        var set = EndpointSet(limits: BackendLimits())
        _ = set.replace(
            (0..<count).map { EndpointConfiguration(baseURL: "http://\($0)", modelName: "m") }, at: now)
        return set.members
    }

    /// The pauses after failures of these kinds at these endpoints, all of them in milliseconds.
    private static func pauses(
        _ attempts: ChatAttempts, of count: Int, _ failures: [(Int, BackendError.Kind)], chance: Double = 1
    ) -> [Double?] {
        var attempts = attempts
        let members = members(count)
        return failures.map { index, kind in
            let grant = EndpointSet.Grant(
                endpoint: members[index].id, configuration: members[index].configuration, began: now)
            let pause = attempts.failed(
                BackendError(kind, "no"), at: grant, of: members, seconds: 0, now: now, chance: chance)
            return pause.map { Double($0.components.seconds) * 1000 + Double($0.components.attoseconds) / 1e15 }
        }
    }

    private static let trouble = BackendError.Kind.status(code: 500, retryAfterSeconds: nil)

    @Test func pausesDouble() {
        let failures = (0..<9).map { _ in (0, Self.trouble) }
        let attempts = Self.attempts { $0.maximumAttempts = 9 }
        #expect(
            Self.pauses(attempts, of: 1, failures) == [50, 100, 200, 400, 800, 1600, 2000, 2000, nil])
        #expect(Self.pauses(attempts, of: 1, failures, chance: 0).prefix(3) == [25, 50, 100])
    }

    @Test func aFreshEndpointIsAskedAtOnce() {
        #expect(Self.pauses(Self.attempts(), of: 2, [(0, Self.trouble), (1, Self.trouble)]) == [0, 100])
        #expect(Self.pauses(Self.attempts(), of: 3, [(0, .tls), (1, .unreachable), (2, .unreachable)]) == [0, 0, nil])
    }

    @Test func whatWouldFailTheSameIsTriedElsewhereOrNotAtAll() {
        for kind in [BackendError.Kind.tls, .timeout(.firstToken), .badResponse, .tooLarge, .redirected(host: "x")] {
            #expect(Self.pauses(Self.attempts(), of: 1, [(0, kind)]) == [nil])
            #expect(Self.pauses(Self.attempts(), of: 2, [(0, kind), (1, kind)]) == [0, nil])
        }
        for kind in [BackendError.Kind.badRequest(status: 400), .cancelled, .timeout(.total), .shutDown] {
            #expect(Self.pauses(Self.attempts(), of: 2, [(0, kind)]) == [nil])
        }
    }

    @Test func whatTheServerAsksForIsWaitedForWithinTheDeadline() {
        func asked(_ seconds: Double) -> [(Int, BackendError.Kind)] {
            [(0, .status(code: 429, retryAfterSeconds: seconds))]
        }
        // In the queue, to which the call goes back at once.
        #expect(Self.pauses(Self.attempts(), of: 1, asked(2)) == [0])
        #expect(Self.pauses(Self.attempts(), of: 1, asked(31)) == [nil])
        #expect(Self.pauses(Self.attempts(deadline: .seconds(2)), of: 1, asked(2)) == [nil])
        #expect(Self.pauses(Self.attempts(firstTokenBy: .seconds(2)), of: 1, asked(2)) == [nil])
        #expect(Self.pauses(Self.attempts(), of: 2, asked(2)) == [0])
    }

    @Test func nothingIsTriedWhenTheTimeForTheFirstTokenIsOver() {
        #expect(Self.pauses(Self.attempts(firstTokenBy: .zero), of: 2, [(0, .unreachable)]) == [nil])
        #expect(Self.pauses(Self.attempts(firstTokenBy: .milliseconds(50)), of: 1, [(0, Self.trouble)]) == [nil])
        #expect(Self.pauses(Self.attempts(firstTokenBy: .milliseconds(51)), of: 1, [(0, Self.trouble)]) == [50])
    }

    @Test func theBudgetFillsWithCallsAndTime() {
        let budget = RetryBudget(ratio: 0.5, perSecond: 0, now: Self.now)
        var taken = 0
        while budget.takeRetry(at: Self.now) { taken += 1 }
        #expect(taken == 50)
        for _ in 0..<5 { budget.noteCall() }
        #expect([budget.takeRetry(at: Self.now), budget.takeRetry(at: Self.now)] == [true, true])
        #expect(!budget.takeRetry(at: Self.now))

        let slow = RetryBudget(ratio: 0, perSecond: 10, now: Self.now)
        taken = 0
        while slow.takeRetry(at: Self.now) { taken += 1 }
        #expect(taken == 100)
        #expect(!slow.takeRetry(at: Self.now.advanced(by: .milliseconds(99))))
        #expect(slow.takeRetry(at: Self.now.advanced(by: .milliseconds(101))))
        #expect(slow.left == 0)
    }
}
