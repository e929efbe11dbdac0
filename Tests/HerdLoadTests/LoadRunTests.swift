import HerdFrames
import HerdLoad
import HerdMessages
import HerdServer
import HerdTransport
import Logging
import Synchronization
import Testing

@Suite("Load runs")
struct LoadRunTests {
    private func withServer(
        _ register: (HerdServer) -> Void = { _ in }, _ body: (String, HerdServer) async throws -> Void
    ) async throws {
        let server = HerdServer(name: "test", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        register(server)
        let address = try #require(try await server.start().first)
        do {
            try await body(address.description, server)
        } catch {
            await server.stop(timeout: .zero)
            throw error
        }
        await server.stop(timeout: .zero)
    }

    private func plan(_ address: String, milliseconds: Int64 = 300) -> LoadPlan {
        var plan = LoadPlan()
        plan.servers = [address]
        plan.connections = 2
        plan.pace = .inFlight(4)
        plan.duration = .milliseconds(milliseconds)
        plan.warmUp = .milliseconds(50)
        return plan
    }

    // MARK: - Closed loops

    @Test func echoIsCountedFromTheWarmUpOn() async throws {
        try await withServer { address, server in
            let report = try await LoadRun(plan(address, milliseconds: 1_000), .echo).run()
            #expect(report.latencies.count > 0 && report.failed == 0 && report.exitCode == 0)
            #expect(report.elapsedSeconds >= 0.9 && !report.wasInterrupted)
            #expect(report.latencies.percentile(0.5) <= report.latencies.maximum)
            #expect(report.table.contains("requests/s") && report.table.contains("p99.99"))
            #expect(report.json.contains("\"requests_per_second\": "))
            // The server is in this process, whose socket was found.
            #expect(report.serverSeconds != nil)
        }
    }

    @Test(arguments: [1, 3]) func aNumberOfRequestsIsMadeExactly(threads: Int) async throws {
        let calls = Counter()
        try await withServer({ server in
            server.immediate(Router.route) { _, _ in
                calls.add()
                return RouteResponse()
            }
        }) { address, _ in
            var plan = plan(address)
            plan.connections = 3
            plan.threads = threads
            plan.duration = nil
            plan.requests = 1_000
            plan.warmUp = .milliseconds(20)
            let report = try await LoadRun(plan, .route(PromptSet(["a"]))).run()
            #expect(report.latencies.count == 1_000 && report.failed == 0)
            // Those of the warm-up were made, and do not count.
            #expect(calls.value > 1_000)
        }
    }

    @Test func probesCountMessagesAndBytes() async throws {
        try await withServer { address, _ in
            // More than the server may send without more credit; for so long that a slow build gets through some.
            let report = try await LoadRun(plan(address, milliseconds: 1_000), .probe(count: 200, bytes: 100)).run()
            #expect(report.failed == 0 && report.latencies.count > 0)
            #expect(report.messages == UInt64(report.latencies.count) * 200)
            #expect(report.messageBytes == report.messages * 102)
            #expect(report.firstTokens.count == report.latencies.count)
            #expect(report.firstTokens.maximum <= report.latencies.maximum)
        }
    }

    @Test func theFirstTokenIsThatOfTheAnswer() async throws {
        try await withServer({ server in
            server.stream(Router.complete) { request, _, writer in
                try await writer.send(CompleteEvent(event: .decision(RouteResponse(model: "m"))))
                try await Task.sleep(for: .milliseconds(30))
                try await writer.send(CompleteEvent(event: .delta("a")))
                try await writer.send(CompleteEvent(event: .finish(CompleteFinish())))
            }
        }) { address, _ in
            var plan = plan(address)
            (plan.duration, plan.requests) = (nil, 50)
            let report = try await LoadRun(plan, .complete(PromptSet(["a"]))).run()
            #expect(report.failed == 0 && report.latencies.count > 0)
            #expect(report.firstTokens.percentile(0) >= 30_000_000)
        }
    }

    @Test func repeatsAreAsManyAsAsked() async throws {
        let (known, new) = (Counter(), Counter())
        try await withServer({ server in
            server.immediate(Router.route) { request, _ in
                (["one", "two"].contains(request.prompt) ? known : new).add()
                if !request.prompt.hasPrefix("one"), !request.prompt.hasPrefix("two") {
                    throw CallError(.invalidArgument, "what is \(request.prompt)?")
                }
                return RouteResponse()
            }
        }) { address, _ in
            var plan = plan(address)
            plan.duration = nil
            plan.requests = 4_000
            let report = try await LoadRun(plan, .route(PromptSet(["one", "two"], repeats: 0.75))).run()
            #expect(report.failed == 0)
            let share = Double(known.value) / Double(known.value + new.value)
            // Over 6 standard errors.
            #expect(abs(share - 0.75) < 0.05, "\(share)")
        }
    }

    // MARK: - Failures

    @Test func failuresAreCountedByCode() async throws {
        try await withServer { address, _ in
            // This server routes nothing.
            let report = try await LoadRun(plan(address, milliseconds: 1_000), .route(PromptSet(["a", "b"]))).run()
            #expect(report.latencies.count == 0 && report.failures.map(\.code) == ["UNIMPLEMENTED"])
            #expect(report.exitCode == 69 && report.table.contains("UNIMPLEMENTED"))
            let message = try #require(report.failures.first?.message)
            #expect(message.contains("herd.v1.Router/Route") && report.table.contains(message))
            #expect(report.json.contains("\"failure_messages\"") && report.json.contains(message))
            #expect(report.warnings.contains { $0.contains(message) })
        }
        let report = try await LoadRun(plan("127.0.0.1:1"), .echo).run()
        #expect(report.failures.map(\.code) == ["UNAVAILABLE"] && report.exitCode == 69)
        #expect(report.failures.first?.message.contains("127.0.0.1:1 can't be reached") == true)
    }

    @Test func aServerThatNeverAnswersIsGivenUp() async throws {
        try await withServer({ server in
            server.unary(Router.route) { _, context in
                try await Task.sleep(for: .seconds(60))
                return RouteResponse()
            }
        }) { address, _ in
            var plan = plan(address)
            plan.timeout = .milliseconds(50)
            let report = try await LoadRun(plan, .route(PromptSet(["a"]))).run()
            #expect(report.latencies.count == 0 && report.failures.map(\.code) == ["DEADLINE_EXCEEDED"])
        }
    }

    @Test func aServerThatStopsEndsWhatItHasAndIsMissed() async throws {
        try await withServer { address, server in
            let run = try LoadRun(plan(address, milliseconds: 60_000), .echo)
            let work = Task { try await run.run() }
            try await eventually { (run.progress?.requests ?? 0) >= 100 }
            await server.stop(timeout: .seconds(5))
            try await eventually { (run.progress?.failures ?? 0) >= 10 }
            work.cancel()
            let report = try await work.value
            #expect(report.failures.map(\.code) == ["UNAVAILABLE"] && report.latencies.count >= 100)
        }
    }

    @Test func aCancelledRunReportsWhatItHas() async throws {
        try await withServer { address, _ in
            let run = try LoadRun(plan(address, milliseconds: 60_000), .echo)
            let work = Task { try await run.run() }
            try await eventually { (run.progress?.requests ?? 0) >= 100 }
            work.cancel()
            let report = try await work.value
            #expect(report.wasInterrupted && report.latencies.count >= 100 && report.failed == 0)
            #expect(report.elapsedSeconds < 30)
        }
    }

    @Test func plansThatMakeNoSenseAreRefused() {
        var none = LoadPlan()
        none.connections = 0
        #expect(throws: LoadFailure.self) { try LoadRun(none, .echo) }
        for address in ["no address", "127.0.0.1", "::1:7601", "127.0.0.1:0", "127.0.0.1:70000", "unix:", "host:"] {
            let failure = #expect(throws: LoadFailure.self) { try LoadRun(plan(address), .echo) }
            #expect(failure?.exitCode == 64 && failure?.message.contains(address) == true)
        }
        var few = plan("127.0.0.1:1")
        few.servers = ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]
        #expect(throws: LoadFailure.self) { try LoadRun(few, .echo) }
        // More than a connection takes, and than there is memory for.
        for (connections, inFlight) in [(1, 16_385), (65_536, 16_384), (Int.max, 2)] {
            var many = plan("127.0.0.1:1")
            (many.connections, many.pace) = (connections, .inFlight(inFlight))
            #expect(throws: LoadFailure.self) { try LoadRun(many, .echo) }
        }
        for rate in [0, -1, Double.infinity, Double.nan] {
            var odd = plan("127.0.0.1:1")
            odd.pace = .rate(rate, .constant)
            #expect(throws: LoadFailure.self) { try LoadRun(odd, .echo) }
        }
    }

    @Test func aRunTooShortForOneRequestSaysSo() async throws {
        try await withServer { address, _ in
            var plan = plan(address)
            // It is over before any loop looks at the clock again.
            plan.duration = .nanoseconds(1)
            let report = try await LoadRun(plan, .echo).run()
            #expect(report.latencies.count == 0 && report.failed == 0 && report.exitCode == 69)
            #expect(report.warnings.contains { $0.contains("no request began and ended in the") })
        }
    }

    // MARK: - Open loops

    @Test(arguments: [1, 2]) func anOpenLoopKeepsItsRate(threads: Int) async throws {
        try await withServer { address, _ in
            for pattern in ArrivalSchedule.Pattern.allCases {
                var plan = plan(address, milliseconds: 500)
                plan.pace = .rate(1_000, pattern)
                plan.threads = threads
                let report = try await LoadRun(plan, .echo).run()
                #expect(report.failed == 0)
                let offered = try #require(report.offeredRate)
                // Poisson: 500 give or take 22.
                #expect(abs(offered - 1_000) < (pattern == .constant ? 10 : 300), "\(pattern): \(offered)")
                #expect(report.sendDelays.count == report.latencies.count)
                #expect(report.json.contains("\"arrivals\": \"\(pattern.rawValue)\""))
            }
        }
    }

    @Test func aStallShowsInAllRequestsThatItHoldsUp() async throws {
        let first = FirstMoment()
        try await withServer({ server in
            server.unary(Router.route) { _, _ in
                // All that come in the first while wait for its end.
                try await Task.sleep(until: await first.moment + .milliseconds(300))
                return RouteResponse()
            }
        }) { address, _ in
            var plan = plan(address, milliseconds: 1_000)
            plan.warmUp = .zero
            plan.pace = .rate(500, .constant)
            let report = try await LoadRun(plan, .route(PromptSet(["a"]))).run()
            #expect(report.failed == 0 && report.latencies.count == 500)
            // At 500 a second every one of the stall's 300 ms is some request's first.
            let slow = report.latencies.percentiles([0.9, 1]).map(\.value)
            #expect(slow[1] >= 200_000_000 && slow[0] >= 100_000_000, "\(slow)")
        }
    }

    @Test func aRateBeyondAllReasonEnds() async throws {
        try await withServer({ $0.immediate(Router.route) { _, _ in RouteResponse() } }) { address, _ in
            var plan = plan(address, milliseconds: 50)
            plan.warmUp = .zero
            plan.timeout = .milliseconds(200)
            plan.pace = .rate(1e7, .constant)
            // 200 GB a second; of short ones some machines answer five million a second.
            let prompts = PromptSet([String(repeating: "a", count: 20_000)])
            let report = try await LoadRun(plan, .route(prompts)).run()
            #expect(report.latencies.count + report.failed == 500_000)
            #expect(
                report.warnings.contains { $0.contains("do not keep the rate") },
                "\(report.warnings), \(report.latencies.count) answered, \(report.failures)")
        }
    }

    @Test func aRateThatCannotBeKeptIsTold() async throws {
        try await withServer({ server in
            server.unary(Router.route) { _, _ in
                try await Task.sleep(for: .milliseconds(400))
                return RouteResponse()
            }
        }) { address, _ in
            var plan = plan(address, milliseconds: 300)
            plan.pace = .rate(200, .constant)
            let report = try await LoadRun(plan, .route(PromptSet(["a"]))).run()
            #expect(report.latencies.count == 60 && report.failed == 0)
            #expect(report.warnings.contains { $0.contains("do not keep the rate") }, "\(report.warnings)")
        }
    }
}

/// When it was first asked for.
private actor FirstMoment {
    private(set) lazy var moment = ContinuousClock.now
}

private final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .relaxed) }

    func add() { count.add(1, ordering: .relaxed) }
}

private struct Overdue: Error {}

private func eventually(_ condition: () -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while !condition() {
        guard ContinuousClock.now < deadline else { throw Overdue() }
        try await Task.sleep(for: .milliseconds(5))
    }
}
