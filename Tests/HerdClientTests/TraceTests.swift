import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import Testing

/// The W3C trace context of calls.
@Suite struct TraceTests {
    private static let first = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    private static let second = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"

    private static let rest = first.dropFirst(2)

    @Test(arguments: [first, second, "cc\(rest)", "01\(rest)-more-to-come"])
    func `a traceparent`(text: String) {
        #expect(TraceContext(traceparent: text)?.traceparent == text)
    }

    @Test(arguments: [
        "", "00", "00-ab", "\(first.dropLast())", "\(first)0", "\(first)-more", "ff\(rest)", "0x\(rest)",
        "01\(rest)more",
        first.uppercased(), "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", String(repeating: "0", count: 600),
    ])
    func `none`(text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test func `a new one is well formed and not like another`() {
        let traces = (0..<100).map { _ in TraceContext() }
        #expect(traces.allSatisfy { TraceContext(traceparent: $0.traceparent) == $0 && $0.traceID.count == 32 })
        #expect(Set(traces).count == 100)
        #expect(TraceContext(isSampled: false).traceparent.hasSuffix("-00"))
    }

    @Test func `the call's own goes before the task's, a malformed one is left out`() async throws {
        try await withServer { server in
            server.immediate(Router.route) { _, context in
                routed((context.traceparent ?? "none") + (context.metadata["tracestate"] ?? ""))
            }
        } _: { server in
            let client = server.client()
            func trace(_ metadata: [String: String] = [:]) async throws -> String {
                try await client.call(Router.route, route(""), metadata: metadata).decisionId
            }
            #expect(try await trace() == "none")
            #expect(try await trace(["traceparent": Self.first, "tracestate": "x=1"]) == Self.first + "x=1")
            #expect(try await trace(["traceparent": "00-ab", "tracestate": "x=1"]) == "none")
            try await TraceContext.$current.withValue(TraceContext(traceparent: Self.second)) {
                let task = try await trace()
                #expect(task == Self.second)
                let own = try await trace(["traceparent": Self.first])
                #expect(own == Self.first)
                let malformed = try await trace(["traceparent": "00-ab", "tracestate": "x=1"])
                #expect(malformed == Self.second)
            }
            var configuration = ClientConfiguration()
            configuration.startsTraces = true
            let made = try await server.client(configuration).decision("")
            #expect(TraceContext(traceparent: made) != nil)
        }
    }

    @Test func `a server goes on with a valid trace, and begins one for every other call`() async throws {
        try await withServer { server in
            server.unary(Router.route) { _, context in
                let metadata = context.forwardedMetadata
                return routed(
                    [context.traceparent ?? "none", metadata["traceparent"] ?? "", metadata["tracestate"] ?? ""]
                        .joined(separator: " "))
            }
        } _: { server in
            // As bytes, because a client leaves out what is none.
            let connection = try await server.greet()
            var seen: Set<Substring> = []
            let cases: [(traceparent: String, state: String, isTaken: Bool, passedState: String)] = [
                (Self.first, "x=1", true, "x=1"), (Self.second, "", true, ""),
                (Self.first, String(repeating: "x", count: 513), true, ""), (Self.first, "x=\u{1}", true, ""),
                ("ff\(Self.rest)", "x=1", false, ""), (Self.first.uppercased(), "x=1", false, ""),
                ("", "x=1", false, ""), (String(repeating: "0", count: 9_000), "", false, ""),
            ]
            for (call, test) in cases.enumerated() {
                connection.send(
                    Frame(
                        .request, call: UInt64(call + 1), method: Router.route.path, payload: route("").pack(),
                        metadata: ["traceparent": test.traceparent, "tracestate": test.state]))
                let answer = try RouteResponse(packed: try await connection.next(.end).payload).decisionId
                let parts = answer.split(separator: " ", omittingEmptySubsequences: false)
                #expect(parts[0] == (test.isTaken ? test.traceparent : "none"))
                let passed = try #require(TraceContext(traceparent: String(parts[1])))
                if test.isTaken {
                    #expect(passed.traceID == test.traceparent.dropFirst(3).prefix(32))
                    #expect(passed.traceparent.suffix(3) == test.traceparent.suffix(3))
                } else {
                    #expect(passed.traceparent.hasSuffix("-00"))
                    #expect(seen.insert(passed.traceID).inserted)
                }
                #expect(seen.insert(passed.traceparent.dropFirst(36).prefix(16)).inserted)
                #expect(parts[2] == test.passedState)
            }
        }
    }

    @Test func `a request's trace goes on in the calls its handler makes, and in those alone`() async throws {
        try await withServer { server in
            server.immediate(Router.route) { _, context in routed(context.traceparent ?? "none") }
        } _: { inner in
            let client = inner.client()
            try await withServer { server in
                server.unary(Router.route) { request, _ in
                    try await client.call(Router.route, request)
                }
            } _: { outer in
                let answer = try await outer.client().call(
                    Router.route, route(""), metadata: ["traceparent": Self.first])
                // The same trace, in which the outer server's span made the call.
                let passed = try #require(TraceContext(traceparent: answer.decisionId))
                #expect(passed.traceID == Self.first.dropFirst(3).prefix(32))
                #expect(passed.traceparent != Self.first && passed.traceparent.hasSuffix("-01"))
                for traceparent in [nil, "00-ab"] {
                    let untraced = try await outer.client().call(
                        Router.route, route(""), metadata: traceparent.map { ["traceparent": $0] } ?? [:])
                    #expect(untraced.decisionId == "none")
                }
            }
        }
    }
}
