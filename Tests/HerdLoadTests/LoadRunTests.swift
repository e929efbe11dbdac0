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
    }
}
