import HerdBackends
import Testing

/// Answers of servers that do well, each in its own way.
@Suite("Answers", .serialized)
struct AnswerTests {
    @Test("llama.cpp's dialect, usage and all")
    func fine() async throws {
        let server = try await FaultyServer.shared
        try await withPool([("m", [try server.endpoint("fine")])]) { pool in
            let answer = try await pool.ask("m", "a bc d")
            #expect(answer.text == "a bc d")
            let outcome = try #require(answer.outcome)
            #expect(outcome.usage == TokenUsage(prompt: 7, completion: 3, cached: 3))
            #expect(outcome.finishReason == .stop)
            #expect(outcome.firstTokenSeconds <= outcome.totalSeconds)
            #expect(answer.events.first == .role("assistant"))
            #expect(answer.events.suffix(2) == [.finish(.stop), .usage(outcome.usage)])
            #expect(pool.measurementRevision == 1)
            #expect(pool.measurements()["m"]?.samples == 1)
        }
    }

    @Test("The second dialect, and others", arguments: ["second-dialect", "comments", "whole", "slow"])
    func dialects(_ behaviour: String) async throws {
        let server = try await FaultyServer.shared
        try await withPool([("m", [try server.endpoint(behaviour)])]) { pool in
            let answer = try await pool.ask("m", "a bc d")
            #expect(answer.text == "a bc d")
            #expect(answer.outcome?.finishReason == .stop)
            #expect(answer.outcome?.usage.isEstimated == (behaviour == "comments"))
        }
    }

    @Test("Usage is estimated where the server sends none")
    func estimated() async throws {
        let server = try await FaultyServer.shared
        try await withPool([("m", [try server.endpoint("no-usage")])]) { pool in
            let answer = try await pool.ask("m", "123456789")
            #expect(answer.outcome?.usage == TokenUsage(prompt: 3, completion: 3, isEstimated: true))
            #expect(answer.outcome?.finishReason == .length)
        }
    }

    @Test("An answer is over when it is complete, though its connection is not")
    func lingering() async throws {
        let server = try await FaultyServer.shared
        try await withPool(
            [("m", [try server.endpoint("lingering")])], limits: { $0.drainTimeout = .milliseconds(50) }
        ) { pool in
            let answer = try await pool.ask("m", "a b")
            #expect(answer.text == "a b")
            #expect(answer.outcome?.usage.isEstimated == true)
        }
    }

    @Test("Thoughts and tool calls")
    func tools() async throws {
        let server = try await FaultyServer.shared
        try await withPool([("m", [try server.endpoint("tools")])]) { pool in
            let answer = try await pool.ask("m", "x")
            #expect(answer.reasoning == "Hm.")
            var calls: [Int: (id: String?, name: String?, arguments: String)] = [:]
            for case .toolCall(let delta) in answer.events {
                var call = calls[delta.index] ?? (nil, nil, "")
                call.id = call.id ?? delta.id
                call.name = call.name ?? delta.name
                call.arguments += delta.arguments
                calls[delta.index] = call
            }
            #expect(calls[0]?.id == "call_a" && calls[0]?.name == "add" && calls[0]?.arguments == "{\"a\": 1}")
            #expect(calls[1]?.id == "call_b" && calls[1]?.name == "sort" && calls[1]?.arguments == "{}")
            #expect(answer.outcome?.finishReason == .toolCalls)
        }
    }

    @Test("TLS with a CA of one's own, by address and by name", arguments: ["127.0.0.1", "localhost"])
    func tls(_ host: String) async throws {
        let server = try await FaultyServer.shared
        let endpoint = try server.endpoint("fine", port: "good", scheme: "https", host: host) { $0.caFile = "ca.pem" }
        try await withPool([("m", [endpoint])], secrets: server.folder) { pool in
            for _ in 0..<3 {
                let answer = try await pool.ask("m", "a b")
                #expect(answer.text == "a b")
            }
        }
    }

    @Test("Unknown models, wrong requests and deadlines that have passed")
    func refusals() async throws {
        let server = try await FaultyServer.shared
        try await withPool([("m", [try server.endpoint("fine")]), ("none", [])]) { pool in
            func kind(_ model: String, _ request: ChatRequest, _ deadline: Duration) async throws -> BackendError.Kind {
                try await #require(throws: BackendError.self) {
                    _ = try await pool.ask(model, request, within: deadline)
                }.kind
            }
            let request = ChatRequest(messages: [.init(.user, "x")])
            var wrong = request
            wrong.extraJSON = Array("{\"stream\": false}".utf8)
            let kinds = [
                try await kind("other", request, .seconds(5)), try await kind("none", request, .seconds(5)),
                try await kind("m", request, .zero), try await kind("m", wrong, .seconds(5)),
            ]
            #expect(
                kinds == [
                    .unknownModel, .unknownModel, .timeout(.total), .invalidRequest(field: "extra_json.stream"),
                ])
        }
    }
}
