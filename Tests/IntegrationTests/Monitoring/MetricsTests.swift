import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// What a herd tells those who operate it.
@Suite(.serialized, .timeLimit(.minutes(2))) struct MetricsTests {
    @Test func `what is counted agrees with what was done`() async throws {
        let herd = try await MonitoredHerd()
        defer { herd.end() }
        let client = try herd.daemon.client("router")
        defer { client.close() }
        for _ in 0..<7 { _ = try await client.call(Admin.health, HealthRequest()) }
        for number in 0..<5 {
            _ = try await client.call(
                Registry.putModel, PutModelRequest(model: Model(name: "m\"\(number)\\", free: true)))
        }
        for _ in 0..<3 {
            await #expect(throws: CallError.self) {
                _ = try await client.call(Registry.getModel, GetModelRequest(name: "nobody"))
            }
        }
        await #expect(throws: CallError.self) {
            _ = try await client.call(path: "herd.v1.Router/Nonsense", payload: [])
        }
        await #expect(throws: CallError.self) {
            _ = try await client.call(path: "herd.v1.Other/Nonsense", payload: [])
        }
        let metrics = try await herd.metrics(of: "router")
        func calls(_ method: String, _ code: String) -> Double? {
            metrics.value("herd_calls_total", ["method": method, "code": code])
        }
        #expect(calls(Admin.health.path, "OK") == 7)
        #expect(calls(Registry.putModel.path, "OK") == 5)
        #expect(calls(Registry.getModel.path, "NOT_FOUND") == 3)
        #expect(calls(Registry.getModel.path, "OK") == 0)
        #expect(calls("unknown", "UNIMPLEMENTED") == 2)
        #expect(metrics.value("herd_call_duration_seconds_count", ["method": Registry.putModel.path]) == 5)
        #expect(metrics.value("herd_models") == 5)
        #expect((metrics.value("herd_store_commits_total") ?? 0) >= 5.0)
        #expect(
            metrics.value("herd_store_commit_duration_seconds_count") == metrics.value("herd_store_commits_total"))
        #expect(metrics.value("herd_build_info", ["service": "router", "version": HerdVersion.text]) == 1)
        let status = try await client.call(Admin.status, StatusRequest())
        let put = try #require(status.methods.first { $0.method == Registry.putModel.path })
        #expect(put.calls == 5 && put.p50Ms > 0 && put.p50Ms <= put.p99Ms)
        let get = try #require(status.methods.first { $0.method == Registry.getModel.path })
        #expect(get.errors == ["NOT_FOUND": 3] && get.failures == 3)
        for service in ["scorer", "refiner"] {
            let metrics = try await herd.metrics(of: service)
            #expect(metrics.value("herd_ready") == 1)
            #expect((metrics.value("process_resident_memory_bytes") ?? 0) > 1_048_576)
            #expect((metrics.value("process_open_fds") ?? 0) > 3)
            let start = try #require(metrics.value("process_start_time_seconds"))
            #expect(abs(start - Date().timeIntervalSince1970) < 120)
        }
    }

    @Test func `a herd is ready until it drains, and degraded without a predictor`() async throws {
        let herd = try await MonitoredHerd()
        defer { herd.end() }
        let ready = try await herd.get("/readyz", of: "router")
        #expect(ready.status == 200 && ready.body.contains("degraded"), "\(ready)")
        #expect(try await herd.get("/healthz", of: "router").status == 200)
        #expect(try await herd.get("/healthz", of: "scorer").status == 200)
        let client = try herd.daemon.client("router")
        defer { client.close() }
        // A call that is open makes the drain last.
        let probe = Task {
            for try await _ in client.stream(
                Admin.probe, ProbeRequest(count: .max, bytes: 1), timeout: .seconds(60))
            { try await Task.sleep(for: .milliseconds(20)) }
        }
        defer { probe.cancel() }
        let deadline = ContinuousClock.now + .seconds(20)
        while try await herd.metrics(of: "router").value("herd_open_calls") == 0 {
            try #require(ContinuousClock.now < deadline)
            try await Task.sleep(for: .milliseconds(100))
        }
        herd.daemon.process.terminate()
        var draining = try await herd.get("/readyz", of: "router")
        while draining.status == 200 {
            try #require(ContinuousClock.now < deadline)
            draining = try await herd.get("/readyz", of: "router")
        }
        #expect(draining.status == 503 && draining.body.contains("draining"), "\(draining)")
        probe.cancel()
        let process = herd.daemon.process
        await Blocking.onThread { process.waitUntilExit() }
        #expect(process.terminationStatus == 0)
    }

    @Test func `other machines are let in only where that is asked for`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-http-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let arguments = ["router", "--data", folder.path, "--listen", "127.0.0.1:0"]
        let refused = try await Programs.run(Programs.herdd, arguments + ["--http-listen", "0.0.0.0:0"])
        #expect(refused.status == 78)
        #expect(refused.errors.contains("server.http_public"), "\(refused.errors)")
        let open = try await Daemon(
            arguments + ["--http-listen", "0.0.0.0:0"], in: folder, environment: ["HERD_SERVER_HTTP_PUBLIC": "true"])
        #expect(open.addresses["router-http"]?.host == "0.0.0.0")
        #expect(open.terminate() == 0)
        let none = try await Daemon(arguments, in: folder, environment: ["HERD_ROUTER_HTTP_LISTEN": "none"])
        #expect(none.listening["router-http"] == nil)
        // An address that somebody has set and nobody can have is an error.
        let taken = try await Programs.run(
            Programs.herdd,
            [
                "router", "--data", folder.appending(path: "other").path, "--listen", "127.0.0.1:0", "--http-listen",
                try none.address("router"),
            ])
        #expect(taken.status == 69, "\(taken.errors)")
        #expect(none.terminate() == 0)
    }

    @Test func `every model has its samples, and no other has`() async throws {
        let herd = try await MonitoredHerd()
        defer { herd.end() }
        let client = try herd.daemon.client("router")
        defer { client.close() }
        for number in 0..<20 {
            // Two endpoints at one URL are told apart.
            let endpoints = ["x", "y"].map { Endpoint(baseUrl: "http://127.0.0.1:9/v1", model: $0) }
            let model = Model(name: "model-\(number)", free: true, endpoints: endpoints)
            _ = try await client.call(Registry.putModel, PutModelRequest(model: model))
        }
        _ = try await client.call(Registry.removeModel, RemoveModelRequest(name: "model-7"))
        let metrics = try await herd.metrics(of: "router")
        let samples = try #require(metrics.families["herd_endpoint_breaker_state"]?.samples)
        #expect(samples.count == 38)
        #expect(!samples.contains { $0.labels["model"] == "model-7" })
        #expect(metrics.families["herd_model_answers_total"]?.samples.count == 19)
    }
}
