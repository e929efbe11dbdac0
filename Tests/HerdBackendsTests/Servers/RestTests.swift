import HerdBackends
import Testing

/// Endpoints that ask for a pause, and endpoints that change, while calls wait for them.
@Suite("Calls that wait", .serialized)
struct RestTests {
    @Test("Those that wait for an endpoint that asked for a pause are counted, bounded and served in order")
    func rest() async throws {
        let server = try await FaultyServer.shared
        let endpoint = try server.endpoint("limited-a-while.rest") { endpoint in
            endpoint.maxConcurrency = 1
            endpoint.maxQueue = 4
        }
        try await withPool([("m", [endpoint])]) { pool in
            var calls: [Task<Answer, any Error>] = []
            for index in 0..<4 {
                // The first is the one that is told to come again.
                calls.append(Task { try await pool.ask("m", "x") })
                try await eventually("it waits") { pool.status().models[0].waiting == index + 1 }
            }
            #expect(pool.status().models[0].endpoints[0].running == 0)
            let full = try await #require(throws: BackendError.self) { _ = try await pool.ask("m", "x") }
            #expect(full.kind == .overloaded)
            var answers: [String] = []
            for call in calls { answers.append(try await call.value.text) }
            // The first request was the one that was turned down.
            #expect(answers == ["2", "3", "4", "5"])
        }
    }

    @Test("A limit holds when the endpoint is registered anew under running calls")
    func change() async throws {
        let server = try await FaultyServer.shared
        let name = "slow.change"
        var endpoint = try server.endpoint(name) { $0.maxConcurrency = 1 }
        try await withPool([("m", [endpoint])]) { pool in
            let words = Array(repeating: "a", count: 500).joined(separator: " ")
            let long = try await pool.open(
                model: "m", ChatRequest(messages: [.init(.user, words)]), deadline: .now.advanced(by: .seconds(20)))
            endpoint.connectTimeout = .seconds(2)
            pool.update([("m", [endpoint])])
            let next = Task { try await pool.ask("m", "b") }
            try await eventually("it waits") { pool.status().models[0].waiting == 1 }
            let status = pool.status().models[0].endpoints[0]
            #expect(status.running == 1 && status.figures.attempts == 1)
            #expect(try await server.figures().requests[name] == 1)
            endpoint.maxConcurrency = 2
            pool.update([("m", [endpoint])])
            let answer = try await next.value
            #expect(answer.text == "b")
            long.cancel()
        }
    }
}
