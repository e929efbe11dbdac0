import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import HerdTransport
import NIOConcurrencyHelpers
import NIOCore
import Testing

/// Which calls are made again, where, how often and when.
@Suite struct RetryTests {
    @Test func `an idempotent call whose connection was lost is made again, another one is not`() async throws {
        let server = try await ScriptedServer.start()
        for isIdempotent in [true, false] {
            let client = server.client()
            let answer = Task { try await client.call(path: "x/Method", payload: [1], isIdempotent: isIdempotent) }
            let first = try await server.greet()
            _ = try await first.next(.request)
            try await first.close()
            if isIdempotent {
                let second = try await server.greet()
                let again = try await second.next(.request)
                second.send(Frame(.end, call: again.call, payload: [2]))
                #expect(try await answer.value == [2])
            } else {
                await expect(.unavailable) { try await answer.value }
            }
            client.close()
        }
    }

    @Test func `a stream is made again before its first message, not after`() async throws {
        let server = try await ScriptedServer.start()
        let client = server.client()
        let count = Counter()
        let reader = Task {
            for try await _ in client.stream(path: "x/Stream", payload: [], isIdempotent: true) { count.increment() }
        }
        let connection = try await server.greet()
        connection.send(.end(try await connection.next(.request), .unavailable))
        let again = try await connection.next(.request)
        connection.send(Frame(.message, call: again.call), .end(again, .unavailable))
        await expect(.unavailable) { try await reader.value }
        #expect(count.count == 1)
        client.close()
    }

    @Test func `methods are known by their path`() async throws {
        let (client, requests, script) = try await refusing { .end($0, .unavailable) }
        await expect(.unavailable) { try await client.call(path: Router.route.path, payload: []) }
        #expect(requests.count == 4)
        await expect(.unavailable) { try await client.call(path: Scorer.rollback.path, payload: []) }
        #expect(requests.count == 5)
        await expect(.unavailable) { try await client.call(path: "x/Unknown", payload: []) }
        #expect(requests.count == 6)
        script.cancel()
    }

    @Test func `other codes are not retried`() async throws {
        let (client, requests, script) = try await refusing { .end($0, .resourceExhausted) }
        await expect(.resourceExhausted) { try await client.call(Router.route, route("")) }
        #expect(requests.count == 1)
        script.cancel()
    }

    @Test func `a call that an overloaded server turned away is made again, within the budget`() async throws {
        let asked = Counter()
        let (client, requests, script) = try await refusing { request in
            asked.increment()
            guard asked.count == 1 || request.method == Router.complete.path else {
                return Frame(.end, call: request.call, payload: RouteResponse(decisionId: "d").pack())
            }
            return .end(request, .resourceExhausted, ["not-started": "1", "retry-after-ms": "30"])
        }
        let start = ContinuousClock.now
        let answer = try await client.call(Router.route, route(""))
        #expect(answer.decisionId == "d")
        #expect(requests.count == 2)
        #expect(ContinuousClock.now - start >= .milliseconds(30))
        await expect(.resourceExhausted) { try await client.call(path: Router.complete.path, payload: []) }
        #expect(requests.count == 6)
        script.cancel()
    }

    @Test func `a call that a server turned down goes to another one first`() async throws {
        let sent = Counter()
        let sick = try await ScriptedServer.start()
        let script = Task {
            await sick.serve { request in
                guard request.method != Admin.health.path else {
                    return Frame(.end, call: request.call, payload: HealthResponse(service: "sick").pack())
                }
                sent.increment()
                return .end(request, .unavailable, ["not-started": "1", "retry-after-ms": "60000"])
            }
        }
        try await withServers(1) { servers in
            let client = HerdClient(endpoints: [sick.address, servers[0].address])
            try await client.untilConnected(to: 2)
            for _ in 0..<50 {
                let payload = try await client.call(path: Router.route.path, payload: [], isIdempotent: false)
                #expect(try RouteResponse(packed: payload).decisionId == "0")
            }
            #expect(sent.count > 0)
            client.close()
        }
        script.cancel()
    }

    // MARK: - Budget

    @Test func `servers in trouble get no more than the budget allows`() async throws {
        let (client, requests, script) = try await refusing { .end($0, .unavailable) }
        let start = ContinuousClock.now
        let calls = 500
        let failures = await client.failures(of: calls) {
            _ = try await client.call(Router.route, route(""), timeout: .seconds(20))
        }
        #expect(failures.count == calls)
        // A fifth of the calls, what was saved up, and ten per second.
        let seconds = Double((ContinuousClock.now - start).components.seconds + 1)
        #expect(requests.count <= calls + calls / 5 + 100 + Int(seconds * 10), "\(requests.count) requests")
        #expect(requests.count > calls)
        script.cancel()
    }

    @Test func `a bucket of tokens`() {
        let budget = RetryBudget(ratio: 0.1, minimumPerSecond: 2)
        let start = NIODeadline.now()
        func taken(at time: NIODeadline) -> Int {
            var count = 0
            while budget.takeRetry(at: time) { count += 1 }
            return count
        }
        #expect(budget.maximumRetries == 20)
        #expect(taken(at: start) == 20)
        for _ in 0..<100 { budget.noteCall() }
        #expect(taken(at: start) == 10)
        // 2 per second; what was not taken is kept for ten seconds.
        #expect(taken(at: start + .seconds(3)) == 6)
        #expect(taken(at: start + .seconds(1000)) == 20)
        for _ in 0..<1000 { budget.noteCall() }
        #expect((20...21).contains(taken(at: start + .seconds(1000))))
    }

    @Test(arguments: [(0.0, 0), (-1, -1), (.nan, 0), (.infinity, .max)] as [(Double, Int)])
    func `strange budgets do no harm`(ratio: Double, minimum: Int) {
        let budget = RetryBudget(ratio: ratio, minimumPerSecond: minimum)
        budget.noteCall()
        _ = budget.takeRetry()
        #expect(budget.maximumRetries >= 0)
    }

    // MARK: - Time

    @Test func `retry-after-ms is waited for`() async throws {
        let (client, requests, script) = try await refusing(times: 1) {
            .end($0, .unavailable, ["retry-after-ms": "150"])
        }
        let start = ContinuousClock.now
        _ = try await client.call(Router.route, route(""))
        #expect(ContinuousClock.now - start >= .milliseconds(150))
        #expect(requests.count == 2)
        script.cancel()
    }

    @Test(arguments: ["60000", "99999999999999"])
    func `a server that asks for more time than there is, is not called again`(wait: String) async throws {
        let (client, requests, script) = try await refusing { .end($0, .unavailable, ["retry-after-ms": wait]) }
        let error = await client.routeError()
        #expect(error?.message == "as the script says")
        #expect(requests.count == 1)
        script.cancel()
    }

    @Test(arguments: ["", "-5", "soon", "0"])
    func `a retry-after-ms that makes no sense is passed over`(wait: String) async throws {
        let (client, requests, script) = try await refusing(times: 1) {
            .end($0, .unavailable, ["retry-after-ms": wait])
        }
        #expect(await client.routeError() == nil)
        #expect(requests.count == 2)
        script.cancel()
    }

    @Test func `all attempts keep to the one deadline, which travels on`() async throws {
        let left = NIOLockedValueBox<[UInt64]>([])
        var configuration = ClientConfiguration()
        configuration.retryWindow = .seconds(60)
        let (client, _, script) = try await refusing(configuration) { request in
            left.withLockedValue { $0.append(request.timeoutMicroseconds) }
            return .end(request, .unavailable, ["retry-after-ms": "20"])
        }
        await expect(.unavailable) { try await client.call(Router.route, route(""), timeout: .seconds(10)) }
        let times = left.withLockedValue { $0 }
        #expect(times.count == 4)
        #expect(times == times.sorted(by: >))
        #expect(times.allSatisfy { (1...10_000_000).contains($0) })
        #expect((times.first ?? 0) >= (times.last ?? 0) + 60_000)
        script.cancel()
    }

    @Test func `cancelling the task ends the wait for the next attempt`() async throws {
        var configuration = ClientConfiguration()
        configuration.retryWindow = .seconds(60)
        let (client, requests, script) = try await refusing(configuration) {
            .end($0, .unavailable, ["retry-after-ms": "10000"])
        }
        let call = Task { await client.routeError() }
        try await requests.wait(for: 1)
        call.cancel()
        let error = try await within { await call.value }
        #expect(error?.code == .cancelled)
        script.cancel()
    }

    /// A client of a server that answers its first `times` requests so, and the later ones well; it counts them.
    private func refusing(
        _ configuration: ClientConfiguration = ClientConfiguration(), times: Int = .max,
        _ answer: @escaping @Sendable (Frame) -> Frame
    ) async throws -> (client: HerdClient, requests: Counter, script: Task<Void, Never>) {
        let server = try await ScriptedServer.start()
        let requests = Counter()
        let script = Task {
            await server.serve { request in
                requests.increment()
                return requests.count <= times ? answer(request) : .routed(request)
            }
        }
        return (server.client(configuration), requests, script)
    }
}
