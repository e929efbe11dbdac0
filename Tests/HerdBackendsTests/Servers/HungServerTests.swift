import HerdBackends
import Testing

/// Servers that take a call and say nothing, under the default limits.
@Suite("Hung servers", .serialized)
struct HungServerTests {
    private static func hung(_ pool: BackendPool, _ model: String) -> BackendStatus.Endpoint? {
        pool.status().models.first { $0.model == model }?.endpoints.first
    }

    /// Opens answers, several at a time, that must not come.
    private static func open(
        _ pool: BackendPool, _ model: String, times count: Int, deadline: Duration, firstTokenBy: Duration? = nil
    ) async -> [BackendError.Kind?] {
        await withTaskGroup(of: BackendError.Kind?.self) { group in
            for _ in 0..<count {
                group.addTask {
                    let now = MonotonicInstant.now
                    do throws(BackendError) {
                        _ = try await pool.open(
                            model: model, ChatRequest(messages: [.init(.user, "x")]),
                            deadline: now.advanced(by: deadline),
                            firstTokenBy: firstTokenBy.map { now.advanced(by: $0) })
                        return nil
                    } catch {
                        return error.kind
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    @Test("Their breaker opens, whichever of the caller's times ends the calls")
    func opens() async throws {
        let server = try await FaultyServer.shared
        let names = ["hang-before-token.share", "hang-before-headers.deadline", "hang-before-token.cancelled"]
        try await withPool(names.map { ($0, [try server.endpoint($0)]) }) { pool in
            let cancelled = Task { await Self.open(pool, names[2], times: 5, deadline: .seconds(60)) }
            async let shares = Self.open(
                pool, names[0], times: 5, deadline: .seconds(60), firstTokenBy: .milliseconds(1800))
            async let deadlines = Self.open(pool, names[1], times: 5, deadline: .milliseconds(1800))
            #expect(await shares == Array(repeating: .timeout(.firstToken), count: 5))
            #expect(await deadlines == Array(repeating: .timeout(.total), count: 5))
            // The router's own end of a call may come a moment before.
            cancelled.cancel()
            #expect(await cancelled.value == Array(repeating: .cancelled, count: 5))
            for name in names { #expect(Self.hung(pool, name)?.breaker == .open, "\(name)") }
            let began = MonotonicInstant.now
            let next = await Self.open(pool, names[1], times: 1, deadline: .seconds(60), firstTokenBy: .seconds(30))
            // Unless the test was held up for so long that this was the probe.
            #expect(next == [.breakerOpen] || began.seconds(to: .now) > 1)
        }
    }

    @Test("Callers that are in a hurry do not open it")
    func hurry() async throws {
        let server = try await FaultyServer.shared
        let name = "hang-before-token.hurry"
        try await withPool([(name, [try server.endpoint(name)])]) { pool in
            for _ in 0..<5 {
                let ends = await Self.open(pool, name, times: 8, deadline: .milliseconds(20))
                #expect(ends == Array(repeating: .timeout(.total), count: 8))
            }
            let shares = await Self.open(
                pool, name, times: 8, deadline: .seconds(20), firstTokenBy: .milliseconds(20))
            #expect(shares == Array(repeating: .timeout(.firstToken), count: 8))
            #expect(Self.hung(pool, name)?.breaker == .closed)
        }
    }

    @Test("A queue for a busy endpoint ends with the time for the first token")
    func busy() async throws {
        let server = try await FaultyServer.shared
        let endpoint = try server.endpoint("slow.busy") { $0.maxConcurrency = 1 }
        try await withPool([("m", [endpoint])]) { pool in
            let words = Array(repeating: "a", count: 500).joined(separator: " ")
            let long = try await pool.open(
                model: "m", ChatRequest(messages: [.init(.user, words)]), deadline: .now.advanced(by: .seconds(20)))
            let ends = await Self.open(
                pool, "m", times: 1, deadline: .seconds(20), firstTokenBy: .milliseconds(50))
            #expect(ends == [.timeout(.firstToken)])
            long.cancel()
            let answer = try await pool.ask("m", "x")
            #expect(answer.text == "x")
        }
    }
}
