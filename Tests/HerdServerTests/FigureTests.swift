import HerdFrames
import HerdMessages
import HerdServer
import Testing

/// What Status tells of the connections of a server.
@Suite struct FigureTests {
    @Test func `protocol errors are counted by kind`() async throws {
        try await withServer { server in
            for _ in 0..<2 {
                let connection = try await server.greet()
                connection.send(Frame(.hello, version: 1))
                try await connection.expectGoAway(.invalidArgument)
            }
            let early = try await server.connect()
            early.send(.route(1))
            try await early.expectGoAway(.invalidArgument)
            let long = try await server.connect()
            long.send(bytes: [0xff, 0xff, 0xff, 0xff])
            try await long.expectGoAway(.resourceExhausted)
            let figures = try await server.greet().call(Admin.status, StatusRequest()).figures
            #expect(figures["protocol_errors"] == 4)
            #expect(figures["protocol_errors_second_hello"] == 2)
            #expect(figures["protocol_errors_before_hello"] == 1)
            #expect(figures["protocol_errors_frame_too_long"] == 1)
            #expect(figures["protocol_errors_open_call"] == nil)
            #expect(figures["connections_accepted"] == 5)
            #expect(figures["connections_refused"] == 0)
            #expect(figures["keepalive_closed"] == 0)
            #expect((figures["bytes_received"] ?? 0) > 0)
            #expect((figures["bytes_sent"] ?? 0) > 0)
        }
    }

    @Test func `refused credentials are counted, and are no protocol error`() async throws {
        try await withServer { server in
            server.authorize { hello in
                guard hello.client.isEmpty else { throw CallError.unauthenticated("who?") }
                return Principal()
            }
        } _: { server in
            let connection = try await server.connect()
            connection.send(Frame(.hello, metadata: ["client": "x"], version: 1))
            try await connection.expectGoAway(.unauthenticated)
            let figures = try await server.greet().call(Admin.status, StatusRequest()).figures
            #expect(figures["unauthenticated"] == 1)
            #expect(figures["protocol_errors"] == 0)
        }
    }

    @Test func `a NUL in an answer becomes U+FFFD and is counted`() async throws {
        try await withServer { server in
            server.immediate(Router.route) { _, _ in
                var response = RouteResponse()
                response.decisionId = "a\0b"
                return response
            }
            server.immediate(Router.getDecision) { _, _ in
                throw CallError(.notFound, "no\0thing", metadata: ["k": "\0"])
            }
        } _: { server in
            let connection = try await server.greet()
            let before = try await connection.call(Admin.status, StatusRequest()).figures["texts_with_nul"] ?? 0
            let response = try await connection.call(Router.route, RouteRequest())
            #expect(response.decisionId == "a\u{fffd}b")
            connection.send(Frame(.request, call: 1, method: Router.getDecision.path))
            let end = try await connection.next(.end)
            #expect(end.message == "no\u{fffd}thing")
            #expect(end.metadata == ["k": "\u{fffd}"])
            let after = try await connection.call(Admin.status, StatusRequest()).figures["texts_with_nul"] ?? 0
            #expect(after >= before + 3)
        }
    }
}
