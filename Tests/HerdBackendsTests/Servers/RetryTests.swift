import Foundation
import HerdBackends
import Logging
import Testing

/// Retries, queues and breakers against a real server.
@Suite("Retries, queues and breakers", .serialized)
struct RetryTests {
    private static func limits(_ change: @escaping (inout BackendLimits) -> Void = { _ in }) -> (inout BackendLimits) ->
        Void
    {
        { limits in
            limits.firstPause = .milliseconds(5)
            limits.longestPause = .milliseconds(20)
            limits.breakerFirstPause = .milliseconds(200)
            limits.breakerLongestPause = .milliseconds(200)
            change(&limits)
        }
    }

    @Test("Retry-After is waited for, as a number and as a date", arguments: ["limited-then-fine", "limited-by-date"])
    func retryAfter(_ behaviour: String) async throws {
        let server = try await FaultyServer.shared
        let endpoint = try server.endpoint("\(behaviour).retry")
        try await withPool([("m", [endpoint])], limits: Self.limits()) { pool in
            let answer = try await pool.ask("m", "a b")
            let outcome = try #require(answer.outcome)
            #expect(answer.text == "a b")
            #expect(outcome.attempts.count == 2)
            #expect(outcome.attempts[0].failure?.label == "status_429")
            // A date is cut to whole seconds, so that of two not much more than one may be left.
            #expect(outcome.totalSeconds >= 0.9)
            // It is asked for by a server that works.
            #expect(pool.status().models[0].endpoints[0].breaker == .closed)
        }
    }

    @Test("A pause past the deadline is not waited for")
    func longPause() async throws {
        let server = try await FaultyServer.shared
        let endpoint = try server.endpoint("limited-for-long.retry")
        try await withPool([("m", [endpoint])], limits: Self.limits()) { pool in
            let started = MonotonicInstant.now
            let error = try await #require(throws: BackendError.self) { _ = try await pool.ask("m", "a") }
            #expect(error.kind == .status(code: 429, retryAfterSeconds: 3600))
            // The next call does not even ask.
            let next = try await #require(throws: BackendError.self) { _ = try await pool.ask("m", "a") }
            #expect(next.kind == .overloaded && next.attempts.isEmpty)
            #expect(next.message.contains("asked for a pause"))
            let pause = try #require(next.retryAfterSeconds)
            #expect((3000...3600).contains(pause))
            #expect(started.seconds(to: .now) < 10)
            let asked = try await server.figures().requests["limited-for-long.retry"]
            #expect(asked == 1)
        }
    }

    @Test("A burst of 500 is got over")
    func burst() async throws {
        let server = try await FaultyServer.shared
        try await withPool([("m", [try server.endpoint("500-then-fine.retry")])], limits: Self.limits()) { pool in
            let answer = try await pool.ask("m", "a b")
            #expect(answer.text == "a b")
            #expect(answer.outcome?.attempts.map { $0.failure?.label ?? "" } == ["status_5xx", "status_5xx", ""])
            #expect(pool.status().models[0].retries == 2)
        }
    }

    @Test("Retries end when the budget is used up")
    func budget() async throws {
        let server = try await FaultyServer.shared
        try await withPool(
            [("m", [try server.endpoint("failing.budget")])],
            limits: Self.limits {
                $0.retryRatio = 0.05
                $0.retriesPerSecond = 0
                $0.breakerFailures = 1000
                $0.breakerFailureShare = 2
            }
        ) { pool in
            for _ in 0..<40 { _ = try? await pool.ask("m", "a") }
            // Five are saved up, and each twenty calls give one.
            let retries = pool.status().models[0].retries
            #expect((5...7).contains(retries), "\(retries) retries")
        }
    }

    @Test("A breaker opens, keeps calls away, lets one probe through and closes")
    func breaker() async throws {
        let server = try await FaultyServer.shared
        let name = "switched.breaker"
        try await withPool(
            [("m", [try server.endpoint(name)])], limits: Self.limits { $0.maximumAttempts = 1 }
        ) { pool in
            func breaker() -> BackendStatus.Breaker { pool.status().models[0].endpoints[0].breaker }
            for _ in 0..<5 { _ = try? await pool.ask("m", "a") }
            #expect(breaker() == .open)
            let error = try await #require(throws: BackendError.self) { _ = try await pool.ask("m", "a") }
            #expect(error.kind == .breakerOpen && error.retryAfterSeconds != nil)
            #expect(try await server.figures().requests[name] == 5)
            // Each pause ends with one probe, which fails and opens it again.
            try await eventually("a probe has failed") {
                _ = try? await pool.ask("m", "a")
                return try await server.figures().requests[name] ?? 0 > 5
            }
            #expect(breaker() == .open)
            try await server.set(name, "fine")
            try await eventually("it is closed") {
                let answer = try? await pool.ask("m", "a b")
                return answer?.text == "a b" && breaker() == .closed
            }
        }
    }

    @Test("A caller can go on while the model is asked, or while it waits for room", arguments: CallPlace.allCases)
    func underWay(place: CallPlace) async throws {
        let server = try await FaultyServer.shared
        let endpoint = try server.endpoint("slow.under-way-\(place)") { $0.maxConcurrency = 1 }
        try await withPool([("m", [endpoint])], on: place, limits: Self.limits()) { pool in
            let request = ChatRequest(messages: [.init(.user, "a b c d e f g h")])
            var calls: [Int] = []
            func open() async throws -> ChatStream {
                calls.append(0)
                return try await pool.open(model: "m", request, deadline: .now.advanced(by: .seconds(20))) {
                    calls[calls.count - 1] += 1
                    #expect(pool.status().models[0].endpoints[0].running == 1)
                }
            }
            let first = try await open()
            // Waits until the other one is over.
            async let rest = first.rest()
            let second = try await open()
            _ = try await (rest, second.rest())
            #expect(calls.first == 1)
            #expect((1...2).contains(calls[1]))
            await #expect(throws: BackendError.self) {
                _ = try await pool.open(model: "nobody", request, deadline: .now.advanced(by: .seconds(1))) {
                    Issue.record("nobody was asked")
                }
            }
        }
    }

    @Test("Calls wait in a queue for room, and no longer than their deadline")
    func queue() async throws {
        let server = try await FaultyServer.shared
        let endpoint = try server.endpoint("slow.queue") { endpoint in
            endpoint.maxConcurrency = 2
            endpoint.maxQueue = 6
        }
        try await withPool([("m", [endpoint])], limits: Self.limits()) { pool in
            // 20 ms a word, two at a time: eight calls of five words take 400 ms.
            let results = await withTaskGroup(of: Result<String, any Error>.self) { group in
                for index in 0..<12 {
                    group.addTask {
                        do {
                            return .success(try await pool.ask("m", "a b c d \(index)").text)
                        } catch {
                            return .failure(error)
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let kinds = results.compactMap { result in
                if case .failure(let error as BackendError) = result { error.kind } else { nil }
            }
            #expect(kinds == [.overloaded, .overloaded, .overloaded, .overloaded])
            #expect(results.count { (try? $0.get())?.hasPrefix("a b c d ") ?? false } == 8)
            #expect(pool.status().models[0].endpoints[0].figures.attempts == 8)

            let words = Array(repeating: "a", count: 500).joined(separator: " ")
            let long = try await [
                pool.open(
                    model: "m", ChatRequest(messages: [.init(.user, words)]), deadline: .now.advanced(by: .seconds(20))),
                pool.open(
                    model: "m", ChatRequest(messages: [.init(.user, words)]), deadline: .now.advanced(by: .seconds(20))),
            ]
            let late = try await #require(throws: BackendError.self) {
                _ = try await pool.ask("m", "a", within: .milliseconds(100))
            }
            #expect(late.kind == .timeout(.total))
            let cancelled = Task { try await pool.ask("m", "a") }
            try await eventually("it waits") { pool.status().models[0].waiting == 1 }
            cancelled.cancel()
            let result = await cancelled.result
            let error = #expect(throws: BackendError.self) { try result.get() }
            #expect(error?.kind == .cancelled)
            #expect(pool.status().models[0].waiting == 0)
            for stream in long { stream.cancel() }
            let answer = try await pool.ask("m", "x")
            #expect(answer.text == "x")
        }
    }

    @Test("The deadline ends a call that streams")
    func deadline() async throws {
        let server = try await FaultyServer.shared
        try await withPool([("m", [try server.endpoint("flood.deadline")])]) { pool in
            let request = ChatRequest(messages: [.init(.user, "x")])
            let stream = try await pool.open(model: "m", request, deadline: .now.advanced(by: .milliseconds(400)))
            let error = try await #require(throws: BackendError.self) {
                while try await stream.nextBatch() != nil { try await Task.sleep(for: .milliseconds(20)) }
            }
            #expect(error.kind == .timeout(.total) || error.kind == .tooLarge)
            try await eventually("the server is rid of it") {
                try await server.figures().open["flood.deadline"] == 0
            }
        }
    }

    @Test("Health checks see an idle endpoint die and come back")
    func health() async throws {
        let server = try await FaultyServer.shared
        let names = ["switched.health", "second-dialect.health"]
        try await withPool(
            [("m", [try server.endpoint(names[0])]), ("n", [try server.endpoint(names[1])])],
            limits: Self.limits { $0.healthInterval = .milliseconds(20) }
        ) { pool in
            let checks = Task { await pool.run() }
            func isHealthy(_ index: Int) -> Bool { pool.status().models[index].endpoints[0].isHealthy }
            try await eventually("it is seen to be ill") { !isHealthy(0) }
            try await server.set(names[0], "fine")
            try await eventually("it is seen to be well") { isHealthy(0) }
            // Where /health is not known, /v1/models tells.
            try await eventually("both have been asked") {
                try await server.figures().requests["\(names[1])/v1/models"] ?? 0 > 0
            }
            #expect(isHealthy(1))
            checks.cancel()
            await checks.value
        }
    }

    @Test("Models change under calls")
    func updates() async throws {
        let server = try await FaultyServer.shared
        let (slow, fine) = (try server.endpoint("slow.update"), try server.endpoint("fine.update"))
        try await withPool([("m", [slow])]) { pool in
            let request = ChatRequest(messages: [.init(.user, "a b c d e f")])
            let stream = try await pool.open(model: "m", request, deadline: .now.advanced(by: .seconds(20)))
            pool.update([("m", [fine]), ("n", [fine])])
            let rest = try await stream.rest()
            #expect(rest.text == "a b c d e f")
            let next = try await pool.ask("m", "a")
            #expect(next.outcome?.endpoint == fine.baseURL)
            pool.update([("m", [slow, fine])])
            // The one that stayed has kept what is known of it.
            #expect(pool.status().models[0].endpoints.map(\.figures.attempts) == [0, 1])
            var wrong = fine
            wrong.baseURL = "ftp://x"
            pool.update([("m", [wrong])])
            let error = try await #require(throws: BackendError.self) { _ = try await pool.ask("m", "a") }
            #expect(error.kind == .unknownModel)
        }
    }

    @Test("A task that is cancelled before the first token closes the connection")
    func cancelledEarly() async throws {
        let server = try await FaultyServer.shared
        let names = ["hang-before-headers.cancel", "hang-before-token.cancel"]
        try await withPool(names.map { ($0, [try server.endpoint($0)]) }) { pool in
            for name in names {
                let call = Task { try await pool.ask(name, "x") }
                try await eventually("the server has the call") { try await server.figures().open[name] == 1 }
                call.cancel()
                let result = await call.result
                let error = #expect(throws: BackendError.self) { try result.get() }
                #expect(error?.kind == .cancelled)
                try await eventually("the server is rid of it") { try await server.figures().open[name] == 0 }
                // Nor is a call sent by a task that is cancelled already.
                let late = Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    return try await pool.ask(name, "x")
                }
                let lateError = await #expect(throws: BackendError.self) { try await late.value }
                #expect(lateError?.kind == .cancelled)
                #expect(try await server.figures().requests[name] == 1)
            }
        }
    }

    @Test("A pool that nobody holds any more ends its thread")
    func dropped() async throws {
        let server = try await FaultyServer.shared
        // Other suites have pools of their own meanwhile.
        func threads() throws -> Set<String> {
            Set(
                try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").filter {
                    (try? String(contentsOfFile: "/proc/self/task/\($0)/comm", encoding: .utf8)) == "herd-curl\n"
                })
        }
        let before = try threads()
        var new: Set<String> = []
        do {
            let pool = try BackendPool(BackendConfiguration(), logger: Logger(label: "test"))
            pool.update([("m", [try server.endpoint("fine")])])
            let answer = try await pool.ask("m", "a b")
            #expect(answer.text == "a b")
            new = try threads().subtracting(before)
            #expect(!new.isEmpty)
        }
        try await eventually("its thread is gone") { try threads().isDisjoint(with: new) }
    }

    @Test("A pool that is shut down ends its calls")
    func shutDown() async throws {
        let server = try await FaultyServer.shared
        let pool = try BackendPool(BackendConfiguration(), logger: Logger(label: "test"))
        pool.update([("m", [try server.endpoint("flood.shutdown")])])
        let request = ChatRequest(messages: [.init(.user, "x")])
        let stream = try await pool.open(model: "m", request, deadline: .now.advanced(by: .seconds(20)))
        async let first: Void = pool.shutDown()
        async let second: Void = pool.shutDown()
        _ = await (first, second)
        let error = try await #require(throws: BackendError.self) {
            while try await stream.nextBatch() != nil {}
        }
        #expect(error.kind == .shutDown)
        let next = try await #require(throws: BackendError.self) { _ = try await pool.ask("m", "x") }
        #expect(next.kind == .shutDown)
        try await eventually("the server is rid of it") { try await server.figures().open["flood.shutdown"] == 0 }
    }
}
