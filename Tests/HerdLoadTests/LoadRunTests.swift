import HerdClient
import HerdFrames
import HerdLoad
import HerdServer
import HerdTransport
import Logging
import Testing

@Suite("Load runs")
struct LoadRunTests {
    private func withServer(_ body: (String) async throws -> Void) async throws {
        let server = HerdServer(name: "test", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let address = try #require(try await server.start().first)
        do {
            try await body(address.description)
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
        plan.inFlight = 4
        plan.duration = .milliseconds(milliseconds)
        plan.warmUp = .milliseconds(50)
        return plan
    }

    @Test func healthIsCountedFromTheWarmUpOn() async throws {
        try await withServer { address in
            let report = try await LoadRun(plan(address), HealthWorkload()).run()
            #expect(report.latencies.count > 0 && report.failed == 0 && report.exitCode == 0)
            #expect(report.elapsedSeconds >= 0.25 && !report.wasInterrupted)
            let rate = Double(report.latencies.count) / report.elapsedSeconds
            #expect(abs(report.requestsPerSecond - rate) < 1)
            #expect(report.latencies.percentile(0.5) <= report.latencies.maximum)
            #expect(report.table.contains("requests/s") && report.table.contains("p99.9"))
            #expect(report.json.contains("\"requests_per_second\": "))
        }
    }

    @Test func probesCountMessagesAndBytes() async throws {
        try await withServer { address in
            let report = try await LoadRun(plan(address), ProbeWorkload(count: 20, bytes: 100)).run()
            #expect(report.failed == 0 && report.latencies.count > 0)
            #expect(report.messages == UInt64(report.latencies.count) * 20)
            #expect(report.messageBytes == report.messages * 102)
        }
    }

    @Test func failuresAreCountedByCode() async throws {
        try await withServer { address in
            // This server routes nothing.
            let report = try await LoadRun(plan(address), RouteWorkload(prompts: ["a", "b"])).run()
            #expect(report.latencies.count == 0 && report.failures.map(\.code) == ["UNIMPLEMENTED"])
            #expect(report.exitCode == 69 && report.table.contains("UNIMPLEMENTED"))
            let message = try #require(report.failures.first?.message)
            #expect(message.contains("herd.v1.Router/Route") && report.table.contains(message))
            #expect(report.json.contains("\"failure_messages\"") && report.json.contains(message))
            #expect(report.warnings.contains { $0.contains(message) })
        }
        let report = try await LoadRun(plan("127.0.0.1:1"), HealthWorkload()).run()
        #expect(report.failures.map(\.code) == ["UNAVAILABLE"] && report.exitCode == 69)
    }

    @Test func aCancelledRunReportsWhatItHas() async throws {
        try await withServer { address in
            let run = try LoadRun(plan(address, milliseconds: 60_000), HealthWorkload())
            let work = Task { await run.run() }
            let deadline = ContinuousClock.now + .seconds(20)
            while (run.progress?.requests ?? 0) < 100, ContinuousClock.now < deadline { await Task.yield() }
            work.cancel()
            let report = await work.value
            #expect(report.wasInterrupted && report.latencies.count >= 100 && report.failed == 0)
            #expect(report.elapsedSeconds < 30)
        }
    }

    @Test func plansThatMakeNoSenseAreRefused() {
        var none = LoadPlan()
        none.connections = 0
        #expect(throws: LoadFailure.self) { try LoadRun(none, HealthWorkload()) }
        #expect(throws: LoadFailure.self) { try LoadRun(plan("no address"), HealthWorkload()) }
        var few = plan("127.0.0.1:1")
        few.servers = ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]
        #expect(throws: LoadFailure.self) { try LoadRun(few, HealthWorkload()) }
        // More than the client puts on a connection, and more than there can be tasks.
        for (connections, inFlight) in [(1, 16_385), (65_536, 16_384), (Int.max, 2)] {
            var many = plan("127.0.0.1:1")
            (many.connections, many.inFlight) = (connections, inFlight)
            #expect(throws: LoadFailure.self) { try LoadRun(many, HealthWorkload()) }
        }
    }

    @Test func whatBeganInTheWarmUpDoesNotCount() async throws {
        try await withServer { address in
            let workload = WatchfulWorkload()
            var plan = plan(address)
            plan.warmUp = .milliseconds(200)
            let run = try LoadRun(plan, workload)
            await workload.calls.watch(run)
            let report = await run.run()
            let (early, all) = await (workload.calls.early, workload.calls.all)
            #expect(early > 0)
            // A request may begin between the look at the phase and its change.
            #expect((all - early - 8...all - early).contains(report.latencies.count))
        }
    }

    @Test func aRunTooShortForOneRequestSaysSo() async throws {
        try await withServer { address in
            let workload = WatchfulWorkload(lastsUntilTheEnd: true)
            var plan = plan(address)
            plan.warmUp = .milliseconds(200)
            let run = try LoadRun(plan, workload)
            await workload.calls.watch(run)
            let report = await run.run()
            #expect(report.latencies.count == 0 && report.failed == 0 && report.exitCode == 69)
            #expect(report.warnings.contains { $0.contains("no request began and ended in the 0.3 s") })
        }
    }
}

/// A workload that sees whether its run counts already, and whose first requests outlast the warm-up.
private struct WatchfulWorkload: Workload {
    actor Calls {
        private var run: LoadRun?
        private(set) var early = 0
        private(set) var all = 0

        func watch(_ run: LoadRun) { self.run = run }

        /// - Returns: whether the run counted nothing yet.
        func begin() -> Bool {
            all += 1
            let isEarly = run?.progress == nil
            if isEarly { early += 1 }
            return isEarly
        }

        func counts() -> Bool { run?.progress != nil }
        func elapsed() -> Duration { run?.progress?.elapsed ?? .zero }
    }

    let name = "watchful"
    let calls = Calls()
    var lastsUntilTheEnd = false

    func perform(
        _ number: Int, on client: HerdClient, timeout: Duration
    ) async throws(CallError) -> Transfer {
        if await calls.begin() {
            while await !calls.counts() { await Task.yield() }
        }
        while lastsUntilTheEnd, await calls.elapsed() < .milliseconds(600) { await Task.yield() }
        try? await Task.sleep(for: .milliseconds(1))
        return Transfer()
    }
}
