import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// One trace from the caller through the herd's services to the model, and in their logs.
@Suite(.timeLimit(.minutes(1))) struct TraceTests {
    private static let given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test func `a trace goes on to the model, over every service between`() async throws {
        let model = try RecordingModel()
        defer { model.end() }
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-trace-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let log = folder.appending(path: "log")
        let ready = folder.appending(path: "ready.json")
        try Data().write(to: log)
        let process = Process()
        process.executableURL = Programs.herdd
        process.arguments =
            ["all", "--data", folder.appending(path: "data").path, "--log-level", "debug", "--ready-file", ready.path]
            + MonitoredHerd.ports
        process.standardError = try FileHandle(forWritingTo: log)
        try Blocking.start(process)
        defer {
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            process.waitUntilExit()
        }
        let deadline = ContinuousClock.now + .seconds(20)
        while !FileManager.default.fileExists(atPath: ready.path) {
            try #require(ContinuousClock.now < deadline && process.isRunning)
            try await Task.sleep(for: .milliseconds(5))
        }
        let listening = try JSONDecoder().decode([String: [String]].self, from: Data(contentsOf: ready))
        let client = try HerdClient(addresses: try #require(listening["router"]))
        defer { client.close() }
        _ = try await client.call(
            Registry.putModel,
            PutModelRequest(model: Model(name: "m", free: true, endpoints: [Endpoint(baseUrl: model.url)])))

        let metadata = ["traceparent": Self.given, "tracestate": "vendor=7"]
        for try await _ in client.stream(
            Router.generate, GenerateRequest(model: "m", prompt: "well?"), metadata: metadata)
        {}
        let passed = try #require(model.last("traceparent").flatMap { TraceContext(traceparent: $0) })
        #expect(passed.traceID == "0af7651916cd43dd8448eb211c80319c")
        #expect(passed.traceparent != Self.given && passed.traceparent.hasSuffix("-01"))
        #expect(model.last("tracestate") == "vendor=7")
        // The span that the model is told is that of the call, as the log names it.
        func lines(_ method: String) throws -> [[String: String]] {
            try String(contentsOf: log, encoding: .utf8).split(separator: "\n")
                .compactMap { try? JSONDecoder().decode([String: String].self, from: Data($0.utf8)) }
                .filter { $0["message"] == "call ended" && $0["method"] == method }
        }
        func line(_ method: String) async throws -> [String: String] {
            while true {
                if let line = try lines(method).last { return line }
                try #require(ContinuousClock.now < deadline + .seconds(20))
                try await Task.sleep(for: .milliseconds(5))
            }
        }
        let generated = try await line(Router.generate.path)
        #expect(generated["trace_id"] == String(passed.traceID))
        #expect(generated["span_id"] == String(passed.traceparent.dropFirst(36).prefix(16)))
        #expect(generated["code"] == "OK")

        // Over router, refiner and router again, two or three times.
        let before = model.headers.count
        for try await _ in client.stream(
            Refiner.refine, RefinementRequest(prompt: "well?", model: "m", rounds: 1), metadata: metadata)
        {}
        #expect(model.headers.count > before)
        #expect(model.headers.dropFirst(before).allSatisfy { $0.contains("0af7651916cd43dd8448eb211c80319c") })
        #expect(try await line(Refiner.refine.path)["trace_id"] == "0af7651916cd43dd8448eb211c80319c")

        // Without one the router begins a trace.
        for try await _ in client.stream(Router.generate, GenerateRequest(model: "m", prompt: "well?")) {}
        let own = try #require(model.last("traceparent").flatMap { TraceContext(traceparent: $0) })
        #expect(own.traceID != passed.traceID && own.traceparent.hasSuffix("-00"))
        #expect(model.last("tracestate") == nil)
    }
}
