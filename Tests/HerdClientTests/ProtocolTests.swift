import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import Testing

/// What a connection meets of peers that do not keep to the rules: each gets its GOAWAY, and nobody else notices.
@Suite struct ProtocolTests {
    @Test func `the server's HELLO states its limits`() async throws {
        try await withServer { server in
            let connection = try await server.connect()
            connection.send(Frame(.hello, version: 1))
            let hello = try await connection.next(.hello)
            #expect(hello.version == 1)
            #expect(hello.metadata["max-frame-bytes"] == "4194304")
            #expect(hello.metadata["max-calls"] == "1024")
            #expect(hello.metadata["server"] == "test")
        }
    }

    @Test func `a call before HELLO`() async throws {
        try await withServer { server in
            let connection = try await server.connect()
            connection.send(Frame(.request, call: 1, method: Admin.health.path), Frame(.hello, version: 1))
            try await connection.expectGoAway(.invalidArgument)
        }
    }

    @Test func `two HELLOs`() async throws {
        try await withServer { server in
            let connection = try await server.greet()
            connection.send(Frame(.hello, version: 1))
            try await connection.expectGoAway(.invalidArgument)
        }
    }

    @Test func `version 99`() async throws {
        try await withServer { server in
            let connection = try await server.connect()
            connection.send(Frame(.hello, version: 99), Frame(.request, call: 1, method: Admin.health.path))
            let goAway = try await connection.expectGoAway(.failedPrecondition)
            #expect(goAway.version == 1)
        }
    }

    @Test func `no HELLO in time, or half of one`() async throws {
        var configuration = ServerConfiguration()
        configuration.helloTimeout = .milliseconds(30)
        try await withServer(configuration) { server in
            let silent = try await server.connect()
            try await silent.expectGoAway(.deadlineExceeded)
            let halting = try await server.connect()
            halting.send(bytes: Array(Frame(.hello, metadata: ["client": "slow"], version: 1).wireBytes().dropLast()))
            try await halting.expectGoAway(.deadlineExceeded)
        }
    }

    @Test func `bad credentials, and the calls behind them are not run`() async throws {
        let run = Signal()
        try await withServer { server in
            server.authorize { hello in
                guard hello.authorization == "Bearer right" else {
                    throw CallError.unauthenticated("the token is not known")
                }
                return Principal(name: "right")
            }
            server.immediate(Router.route) { _, _ in
                run.fire()
                return routed("")
            }
        } _: { server in
            let connection = try await server.connect()
            connection.send(
                Frame(.hello, metadata: ["authorization": "Bearer wrong"], version: 1),
                Frame(.request, call: 1, method: Router.route.path))
            let goAway = try await connection.expectGoAway(.unauthenticated)
            #expect(goAway.message == "the token is not known")
            #expect(run.hasFired == false)
            await expect(.unauthenticated) { try await server.client().call(Router.route, route("")) }
            #expect(run.hasFired == false)
        }
    }

    @Test(arguments: [
        Frame(.request, call: 0, method: Admin.health.path), Frame(.message, call: 1), Frame(.end, call: 1),
        Frame(.unspecified),
    ])
    func `what no client may send`(frame: Frame) async throws {
        try await withServer { server in
            let connection = try await server.greet()
            connection.send(frame)
            try await connection.expectGoAway(.invalidArgument)
        }
    }

    @Test func `an id that is open again`() async throws {
        try await withServer { server in
            server.unary(Router.route) { _, context in
                try await Task.sleep(for: .seconds(60))
                return routed("")
            }
        } _: { server in
            let connection = try await server.greet()
            connection.send(
                Frame(.request, call: 9, method: Router.route.path),
                Frame(.request, call: 9, method: Router.route.path))
            try await connection.expectGoAway(.invalidArgument)
            // The handler of the first was cancelled.
            try await server.untilIdle()
        }
    }

    @Test func `unknown kinds, and CANCEL and CREDIT for no call, are ignored`() async throws {
        try await withServer { server in
            let connection = try await server.greet()
            connection.send(
                Frame(Frame.Kind(rawValue: 10)), Frame(Frame.Kind(rawValue: .max), call: 7), Frame(.cancel, call: 5),
                Frame(.credit, call: 5, credit: .max), Frame(.pong), Frame(.goAway))
            try await connection.expectNothingMore()
        }
    }

    @Test func `a 5 MiB frame is refused by its length`() async throws {
        try await withServer { server in
            let connection = try await server.greet()
            let frame = Frame(.request, call: 1, method: "x/Y", payload: [UInt8](repeating: 0, count: 5 << 20))
            connection.send(frame)
            try await connection.expectGoAway(.resourceExhausted)
        }
    }

    @Test func `a frame just under the limit is taken`() async throws {
        try await withServer { server in
            let connection = try await server.greet()
            let frame = Frame(.request, call: 1, method: "x/Y", payload: [UInt8](repeating: 0, count: 4_194_280))
            connection.send(frame)
            #expect(try await connection.next(.end).code == .unimplemented)
        }
    }

    @Test func `garbage`() async throws {
        try await withServer { server in
            let web = try await server.connect()
            // "GET " is a length of 1.2 GB.
            web.send(bytes: [UInt8]("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
            try await web.expectGoAway(.resourceExhausted)
            let noise = try await server.greet()
            noise.send(bytes: [0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff])
            try await noise.expectGoAway(.invalidArgument)
        }
    }

    @Test func `half a frame and then silence is waited for`() async throws {
        try await withServer { server in
            let connection = try await server.greet()
            let frame = Frame(.request, call: 1, method: Admin.health.path).wireBytes()
            connection.send(bytes: Array(frame.prefix(10)))
            // Somebody else is served meanwhile.
            let isServing = try await server.client().isServing()
            #expect(isServing)
            connection.send(bytes: Array(frame.dropFirst(10)))
            #expect(try await connection.next(.end).code == .ok)
        }
    }

    @Test func `one byte at a time`() async throws {
        try await withServer { server in
            let connection = try await server.connect()
            let bytes =
                Frame(.hello, version: 1).wireBytes()
                + Frame(.request, call: 300, method: Admin.health.path, metadata: ["tenant": "t"]).wireBytes()
            for byte in bytes { connection.send(bytes: [byte]) }
            _ = try await connection.next(.hello)
            let end = try await connection.next(.end)
            #expect(end.call == 300)
            #expect(try HealthResponse(packed: end.payload).state == .serving)
        }
    }

    @Test func `EOF cancels the open calls`() async throws {
        let started = Counter()
        let cancelled = Counter()
        try await withServer { server in
            server.unary(Router.route) { _, _ in
                started.increment()
                do {
                    try await Task.sleep(for: .seconds(60))
                } catch {
                    cancelled.increment()
                }
                return routed("")
            }
        } _: { server in
            let connection = try await server.greet()
            for call in 1...3 { connection.send(Frame(.request, call: UInt64(call), method: Router.route.path)) }
            try await started.wait(for: 3)
            try await connection.close()
            try await cancelled.wait(for: 3)
            try await server.untilIdle()
        }
    }
}
