import HerdFrames
import HerdMessages
import HerdServer
import HerdTransport
import NIOCore
import Testing

/// How many calls a credential may make: by the clock, and by what is open.
@Suite struct CallLimiterTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    private static func after(_ milliseconds: Int64) -> NIODeadline { start + .milliseconds(milliseconds) }

    @Test func aSecondBringsSoManyCalls() throws {
        let limiter = CallLimiter(.init(callsPerSecond: 10), now: Self.start)
        for _ in 0..<10 { #expect(limiter.begin(at: Self.start) == nil) }
        let refused = try #require(limiter.begin(at: Self.start))
        #expect(refused.code == .resourceExhausted && refused.metadata["retry-after-ms"] == "100")
        #expect(refused.message.contains("10.0 calls per second"))
        #expect(limiter.begin(at: Self.after(99)) != nil)
        #expect(limiter.begin(at: Self.after(100)) == nil)
        #expect(limiter.begin(at: Self.after(100)) != nil)
        // A pause is worth one second's calls.
        var begun = 0
        while limiter.begin(at: Self.after(60_000)) == nil { begun += 1 }
        #expect(begun == 10)
        // A connection on another event loop was read a moment before.
        #expect(limiter.begin(at: Self.after(59_999)) != nil)
    }

    @Test func aCallNowAndThenIsARateToo() throws {
        let limiter = CallLimiter(.init(callsPerSecond: 0.5), now: Self.start)
        #expect(limiter.begin(at: Self.start) == nil)
        let refused = try #require(limiter.begin(at: Self.start))
        #expect(refused.metadata["retry-after-ms"] == "2000")
        #expect(limiter.begin(at: Self.after(1_999)) != nil)
        #expect(limiter.begin(at: Self.after(2_000)) == nil)
        #expect(limiter.begin(at: Self.after(2_000)) != nil)
    }

    @Test func soManyMayBeOpen() throws {
        let limiter = CallLimiter(.init(callsAtOnce: 2), now: Self.start)
        #expect(limiter.begin(at: Self.start) == nil && limiter.begin(at: Self.start) == nil)
        let refused = try #require(limiter.begin(at: Self.start))
        #expect(refused.code == .resourceExhausted && refused.metadata["retry-after-ms"] != nil)
        limiter.ended()
        #expect(limiter.begin(at: Self.start) == nil && limiter.open == 2)
        limiter.set(.init(callsAtOnce: 3))
        #expect(limiter.begin(at: Self.start) == nil && limiter.begin(at: Self.start) != nil)
        limiter.set(.init())
        for _ in 0..<100 { #expect(limiter.begin(at: Self.start) == nil) }
    }

    /// A server whose clients share one limiter.
    private func withLimitedServer(
        _ limits: CallLimiter.Limits, _ register: (HerdServer) -> Void = { _ in },
        _ body: (TestServer, CallLimiter) async throws -> Void
    ) async throws {
        let limiter = CallLimiter(limits)
        try await withServer {
            $0.authorize(LimitedAccess(limiter: limiter))
            register($0)
        } _: {
            try await body($0, limiter)
        }
    }

    @Test func everyWayOfEndingGivesThePlaceBack() async throws {
        let begun = Counter()
        let release = Signal()
        try await withLimitedServer(.init(callsAtOnce: 2)) { server in
            server.unary(
                Router.route, inline: { request, _ in request.prompt == "now" ? RouteResponse() : nil }
            ) { request, _ in
                begun.increment()
                if request.prompt == "fail" { throw CallError(.notFound, "no") }
                if request.prompt == "stubborn" { await release.waitRegardless() }
                if request.prompt == "hang" { try await Task.sleep(for: .seconds(600)) }
                return RouteResponse()
            }
        } _: { server, limiter in
            func request(_ id: UInt64, _ prompt: String, timeout: UInt64 = 0) -> Frame {
                Frame(
                    .request, call: id, method: Router.route.path, timeoutMicroseconds: timeout,
                    payload: RouteRequest(prompt: prompt).pack())
            }
            let connection = try await server.greet()
            // Replies at once and later, errors: one after the other, on one place, since another call holds the other.
            connection.send(request(1, "hang"))
            try await begun.wait(for: 1)
            for (id, prompt, code) in [
                (2, "now", StatusCode.ok), (3, "later", .ok), (4, "fail", .notFound), (5, "later", .ok),
            ] {
                connection.send(request(UInt64(id), prompt))
                let end = try await connection.next(.end)
                #expect(end.code == code && limiter.open == 1, "\(prompt): \(end.message)")
            }
            // Over the limit; Health is answered all the same.
            connection.send(request(6, "hang"))
            try await begun.wait(for: 5)
            connection.send(request(7, "later"))
            let refused = try await connection.next(.end)
            #expect(refused.code == .resourceExhausted && refused.metadata["retry-after-ms"] != nil)
            #expect(try await connection.isServing())
            // A handler that does not heed its end holds no place once the caller was told.
            connection.send(Frame(.cancel, call: 6))
            #expect(try await connection.next(.end).code == .cancelled)
            connection.send(request(8, "stubborn"))
            try await begun.wait(for: 6)
            connection.send(Frame(.cancel, call: 8))
            #expect(try await connection.next(.end).code == .cancelled && limiter.open == 1)
            // The deadline.
            connection.send(request(9, "hang", timeout: 1_000))
            #expect(try await connection.next(.end).code == .deadlineExceeded && limiter.open == 1)
            // A stream, until its end.
            connection.send(.probe(10, count: 2, bytes: 1, credit: 1))
            _ = try await connection.next(.message)
            #expect(limiter.open == 2)
            connection.send(Frame(.credit, call: 10, credit: 1))
            _ = try await connection.next(.message)
            #expect(try await connection.next(.end).code == .ok && limiter.open == 1)
            // Another connection shares what is left, and loses it with its end.
            let other = try await server.greet()
            other.send(request(1, "hang"), request(2, "later"))
            #expect(try await other.next(.end).code == .resourceExhausted)
            try await other.close()
            try await within { while limiter.open > 1 { await Task.yield() } }
            // One that breaks the rules, with calls open.
            let broken = try await server.greet()
            broken.send(request(1, "hang"), Frame(.hello, version: 1))
            try await broken.expectGoAway(.invalidArgument)
            try await within { while limiter.open > 1 { await Task.yield() } }
            let figures = try await connection.call(Admin.status, StatusRequest(), id: 11).figures
            #expect(figures["calls_over_limit"] == 2)
            var writer = MetricsWriter(.text)
            server.server.writeMetrics(to: &writer)
            let metrics = String(decoding: writer.finish(), as: UTF8.self)
            #expect(metrics.contains("\nherd_calls_over_limit_total 2\n"))
            try await connection.close()
            try await within { while limiter.open > 0 { await Task.yield() } }
            release.fire()
        }
    }

    @Test func whatCannotBeCalledCountsToo() async throws {
        try await withLimitedServer(.init(callsPerSecond: 0.001)) { server, limiter in
            let connection = try await server.greet()
            for code in [StatusCode.unimplemented, .resourceExhausted] {
                connection.send(Frame(.request, call: 1, method: "no/thing"))
                #expect(try await connection.next(.end).code == code && limiter.open == 0)
            }
            #expect(try await connection.isServing())
            // Both are in a counter, the one that was over the limit, too.
            limiter.set(.init())
            let figures = try await connection.call(Admin.status, StatusRequest()).figures
            #expect(figures["unknown_methods"] == 2 && figures["calls_over_limit"] == 1)
        }
    }

    @Test func whatACallerMayNotCallIsCountedWithItsMethod() async throws {
        let limiter = CallLimiter(.init(callsPerSecond: 0.001))
        try await withServer { server in
            server.authorize(LimitedAccess(limiter: limiter, forbidden: Router.route.path))
            server.immediate(Router.route) { _, _ in RouteResponse() }
        } _: { server in
            let connection = try await server.greet()
            for code in [StatusCode.permissionDenied, .resourceExhausted] {
                connection.send(.route(1))
                #expect(try await connection.next(.end).code == code)
            }
            limiter.set(.init())
            let status = try await connection.call(Admin.status, StatusRequest())
            let route = try #require(status.methods.first { $0.method == Router.route.path })
            #expect(route.errors == ["PERMISSION_DENIED": 1, "RESOURCE_EXHAUSTED": 1])
            #expect(status.figures["unknown_methods"] == 0)
        }
    }

    @Test func aCallerInTurnIsNeverRefusedForItsOwnCallBefore() async throws {
        try await withLimitedServer(.init(callsAtOnce: 1)) { server in
            server.unary(Router.route, on: .pool) { _, _ in RouteResponse() }
        } _: { server, limiter in
            let connection = try await server.greet()
            for id in UInt64(1)...300 {
                connection.send(.route(id))
                #expect(try await connection.next(.end).code == .ok)
            }
            #expect(limiter.open == 0)
        }
    }
}

/// Lets everybody in, with one limiter for all.
private struct LimitedAccess: AccessControl {
    let generation = AccessGeneration()
    let limiter: CallLimiter
    /// A method for operators alone, whom nobody is.
    var forbidden = ""

    func admit(_ hello: Hello) throws -> Principal { Principal(id: "one", roles: .client) }
    func recheck(_ principal: Principal) throws(CallError) -> NIODeadline { .distantFuture }
    func roles(for method: String) -> Roles { method == forbidden ? .admin : .all }
    func limiter(of principal: Principal) -> CallLimiter? { limiter }
}
