import HerdFrames
import HerdMessages
import HerdServer
import HerdTransport
import NIOConcurrencyHelpers
import NIOCore
import Testing

/// Servers that more is asked of than they can do.
@Suite struct OverloadTests {
    /// A server whose Route keeps its event loop busy for a millisecond.
    /// - Parameter isImmediate: as it is taken from the connection, not in a task: then no machine is so fast that all
    ///   of a flood has begun before its first call has ended.
    private func withSlowServer(
        delay: Duration?, isImmediate: Bool = false, access: (any AccessControl)? = nil,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        var configuration = ServerConfiguration()
        configuration.maximumQueueDelay = delay
        try await withServer(configuration) { server in
            if let access { server.authorize(access) }
            if isImmediate {
                server.immediate(Router.route) { _, _ in Self.busy() }
            } else {
                server.unary(Router.route, on: .eventLoop) { _, _ in Self.busy() }
            }
        } _: { server in
            try await body(server)
        }
    }

    private static func busy() -> RouteResponse {
        let end = NIODeadline.now() + .milliseconds(1)
        while NIODeadline.now() < end {}
        return RouteResponse(decisionId: "d")
    }

    @Test func `calls beyond what can be done are turned away at once and may be made again`() async throws {
        try await withSlowServer(delay: .milliseconds(20), isImmediate: true) { server in
            let connection = try await server.greet()
            // A second's work every 300 ms until something is shed; each call ends exactly once.
            var ends: [UInt64: StatusCode] = [:]
            var call: UInt64 = 0
            while !ends.values.contains(.resourceExhausted) && call < 10_000 {
                connection.send(bytes: (1...1_000).flatMap { Frame.route(call + $0).wireBytes() })
                for _ in 1...1_000 {
                    let end = try await connection.next(.end)
                    #expect(ends.updateValue(end.code, forKey: end.call) == nil)
                    guard end.code != .ok else { continue }
                    #expect(end.code == .resourceExhausted)
                    #expect(end.metadata["retry-after-ms"] == "100")
                    #expect(end.metadata["not-started"] == "1")
                }
                call += 1_000
            }
            #expect(ends.values.contains(.ok))
            let shed = ends.values.count { $0 == .resourceExhausted }
            #expect(shed > 0)
            #expect(try await server.figure("shed_calls") == Double(shed))
            // It is for long waits that calls are shed.
            #expect(try await server.figure("loop_delay_p99_ms") > 1)
        }
    }

    @Test func `Health is answered whatever else there is to do`() async throws {
        try await withSlowServer(delay: .milliseconds(20)) { server in
            let connection = try await server.greet()
            var bytes: [UInt8] = []
            for call in 1...900 as ClosedRange<UInt64> {
                bytes += Frame.route(2 * call).wireBytes()
                bytes += Frame(.request, call: 2 * call + 1, method: Admin.health.path).wireBytes()
            }
            connection.send(bytes: bytes)
            var answered = 0
            for _ in 1...1_800 {
                let end = try await connection.next(.end)
                guard end.call % 2 == 1 else { continue }
                #expect(end.code == .ok)
                answered += 1
            }
            #expect(answered == 900)
        }
    }

    @Test func `a server that is to turn nobody away works everything off`() async throws {
        try await withSlowServer(delay: nil) { server in
            let connection = try await server.greet()
            connection.send(bytes: (1...300).flatMap { Frame.route($0).wireBytes() })
            for _ in 1...300 { #expect(try await connection.next(.end).code == .ok) }
        }
    }

    @Test func `everybody is served again when it is over`() async throws {
        try await withSlowServer(delay: .milliseconds(20)) { server in
            let connection = try await server.greet()
            connection.send(bytes: (1...1_000).flatMap { Frame.route($0).wireBytes() })
            try await connection.take(1_000, .end)
            // Whoever calls as fast as it is answered waits for nobody.
            for call in 2_000..<2_050 as Range<UInt64> {
                connection.send(.route(call))
                #expect(try await connection.next(.end).code == .ok)
            }
        }
    }

    @Test func `whoever may no longer call is not told to try again`() async throws {
        let access = ExpiringAccess()
        try await withSlowServer(delay: .milliseconds(20), isImmediate: true, access: access) { server in
            let connection = try await server.greet()
            var (callCount, shed) = (0, 0)
            while shed == 0 && callCount < 10_000 {
                connection.send(bytes: (1...1_000).flatMap { Frame.route(UInt64(callCount) + $0).wireBytes() })
                for _ in 1...1_000 where try await connection.next(.end).code == .resourceExhausted { shed += 1 }
                callCount += 1_000
            }
            #expect(shed > 0)
            // Once with HELLO and with every call, answered or not.
            #expect(access.recheckCount.withLockedValue { $0 } == 1 + callCount)
        }
    }
}

/// Access that may end with every call.
private struct ExpiringAccess: AccessControl {
    let generation = AccessGeneration()
    let recheckCount = NIOLockedValueBox(0)

    func admit(_ hello: Hello) throws -> Principal { Principal(id: "expiring") }
    func recheck(_ principal: Principal) throws(CallError) -> NIODeadline {
        recheckCount.withLockedValue { $0 += 1 }
        return .uptimeNanoseconds(0)
    }
    func roles(for method: String) -> Roles { .all }
}
