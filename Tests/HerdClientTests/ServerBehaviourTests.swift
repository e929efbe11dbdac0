import HerdClient
import HerdFrames
import HerdMessages
import HerdTransport
import Testing

/// What a client meets of servers, well behaved or not.
@Suite struct ServerBehaviourTests {
    // MARK: - HELLO

    @Test func `no call is sent before the server's HELLO, whose limits hold for the first`() async throws {
        let server = try await ScriptedServer.start()
        let client = server.client()
        async let long = client.routeError(String(repeating: "x", count: 1000))
        let connection = try await server.accept()
        _ = try await connection.next(.hello)
        connection.send(Frame(.hello, metadata: ["max-frame-bytes": "500"], version: 1))
        let error = await long
        #expect(error?.code == .resourceExhausted)
        async let short = client.decision("y")
        let request = try await connection.next(.request)
        connection.send(.routed(request, "short"))
        #expect(try await short == "short")
        client.close()
    }

    @Test func `a server that takes the connection and says nothing`() async throws {
        let server = try await SilentServer.start()
        var configuration = ClientConfiguration.impatient
        configuration.connectTimeout = .milliseconds(600)
        let error = await HerdClient(address: server.address, configuration: configuration).routeError()
        #expect(error?.code == .unavailable)
        #expect(error?.message == "\(server.address) took the connection but said no HELLO in time")
        try await server.close()
    }

    @Test(arguments: [
        (StatusCode.unauthenticated, StatusCode.unauthenticated), (.permissionDenied, .permissionDenied),
        (.failedPrecondition, .failedPrecondition), (.resourceExhausted, .unavailable),
        (.invalidArgument, .unavailable), (.ok, .unavailable),
    ])
    func `GOAWAY instead of HELLO`(sent: StatusCode, found: StatusCode) async throws {
        let server = try await ScriptedServer.start()
        let client = server.client(.impatient)
        async let error = client.routeError()
        let connection = try await server.accept()
        _ = try await connection.next(.hello)
        connection.send(Frame(.goAway, code: sent, message: "go away"))
        let failure = await error
        #expect(failure?.code == found)
        #expect(failure?.message.contains("\(server.address)") == true)
    }

    @Test(arguments: [StatusCode.resourceExhausted, .ok])
    func `GOAWAY instead of HELLO starts nothing, so any call is made again`(code: StatusCode) async throws {
        let server = try await ScriptedServer.start()
        let client = server.client()
        async let answer = client.call(path: "x/NotIdempotent", payload: [7], isIdempotent: false)
        let full = try await server.accept()
        _ = try await full.next(.hello)
        full.send(Frame(.goAway, code: code, message: "10,000 connections are open"))
        let connection = try await server.greet()
        let request = try await connection.next(.request)
        connection.send(Frame(.end, call: request.call, payload: [8]))
        #expect(try await answer == [8])
        client.close()
    }

    // MARK: - PING

    @Test func `a PONG gives back the first 64 bytes`() async throws {
        let server = try await ScriptedServer.start()
        let client = server.client()
        async let answer = client.decision("")
        let connection = try await server.greet()
        let request = try await connection.next(.request)
        connection.send(Frame(.ping, payload: (0..<200).map { UInt8($0) }))
        #expect(try await connection.next(.pong).payload == (0..<64).map { UInt8($0) })
        connection.send(.routed(request))
        _ = try await answer
        client.close()
    }

    // MARK: - GOAWAY

    @Test func `after GOAWAY open calls go on, and new ones over a new connection`() async throws {
        let server = try await ScriptedServer.start()
        let client = server.client()
        async let first = client.decision("1")
        let old = try await server.greet()
        let firstRequest = try await old.next(.request)
        old.send(Frame(.goAway))
        // Sent only once the client has read GOAWAY, which its PONG tells.
        old.send(Frame(.ping, payload: [1]))
        #expect(try await old.next(.pong).payload == [1])
        async let second = client.decision("2")
        let new = try await server.greet()
        new.send(.routed(try await new.next(.request), "new"))
        #expect(try await second == "new")
        old.send(.routed(firstRequest, "old"))
        #expect(try await first == "old")
        // It closes when it needs the connection no more.
        #expect(try await old.next() == nil)
        client.close()
    }

    @Test func `a call that crosses GOAWAY and is turned down is made again, whatever the method`() async throws {
        let server = try await ScriptedServer.start()
        let client = server.client()
        async let answer = client.call(path: "x/NotIdempotent", payload: [7], isIdempotent: false)
        let old = try await server.greet()
        let request = try await old.next(.request)
        old.send(Frame(.goAway), .end(request, .unavailable, ["not-started": "1"]))
        let new = try await server.greet()
        let again = try await new.next(.request)
        #expect(again.payload == [7])
        new.send(Frame(.end, call: again.call, payload: [8]))
        #expect(try await answer == [8])
        client.close()
    }

    @Test func `GOAWAY with an error ends the open calls`() async throws {
        let server = try await ScriptedServer.start()
        let client = server.client(.impatient)
        async let error = client.routeError()
        let connection = try await server.greet()
        _ = try await connection.next(.request)
        connection.send(Frame(.goAway, code: .internal, message: "out of order"))
        let failure = await error
        #expect(failure?.code == .unavailable)
        #expect(failure?.message.hasSuffix("out of order") == true)
    }

    // MARK: - Frames

    @Test func `unknown kinds, answers to nothing and PONGs change nothing, PING is answered`() async throws {
        let server = try await ScriptedServer.start()
        let client = server.client()
        async let answer = client.decision("")
        let connection = try await server.greet()
        let request = try await connection.next(.request)
        connection.send(
            Frame(Frame.Kind(rawValue: 99), call: request.call), Frame(.end, call: 12345),
            Frame(.message, call: 12345), Frame(.pong), Frame(.ping, payload: [1, 2]))
        #expect(try await connection.next(.pong).payload == [1, 2])
        connection.send(.routed(request, "well"))
        #expect(try await answer == "well")
        client.close()
    }

    @Test func `EOF at every byte of an answer is UNAVAILABLE`() async throws {
        let server = try await ScriptedServer.start()
        let hello = Frame(.hello, version: 1).wireBytes()
        let answer = Frame(.end, call: 1, payload: routed("x").pack()).wireBytes()
        for count in 0..<(hello.count + answer.count) {
            let client = server.client(.impatient)
            async let error = client.routeError()
            let connection = try await server.accept()
            _ = try await connection.next(.hello)
            connection.send(bytes: Array(hello.prefix(count)))
            if count >= hello.count {
                _ = try await connection.next(.request)
                connection.send(bytes: Array(answer.prefix(count - hello.count)))
            }
            try await connection.close()
            #expect(await error?.code == .unavailable, "after \(count) bytes")
        }
    }

    @Test(
        arguments: [
            [0xff, 0xff, 0xff, 0xff], [0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff], Frame(.request, call: 1).wireBytes(),
            Frame(.hello, version: 1).wireBytes(), Frame(.unspecified).wireBytes(),
        ] as [[UInt8]])
    func `a server that breaks the protocol gets GOAWAY, its calls UNAVAILABLE`(bytes: [UInt8]) async throws {
        let server = try await ScriptedServer.start()
        let client = server.client(.impatient)
        async let error = client.routeError()
        let connection = try await server.greet()
        _ = try await connection.next(.request)
        connection.send(bytes: bytes)
        #expect(try await connection.next(.goAway).code != .ok)
        let failure = await error
        #expect(failure?.code == .unavailable)
        #expect(failure?.message.contains("broke the protocol") == true)
    }

    @Test func `calls over the server's limit wait for their turn`() async throws {
        let server = try await ScriptedServer.start()
        let client = server.client()
        async let first = client.decision("a")
        async let second = client.decision("b")
        async let third = client.decision("c")
        let connection = try await server.greet(["max-calls": "2"])
        let one = try await connection.next(.request)
        let two = try await connection.next(.request)
        try await connection.expectNothingFromClient()
        connection.send(.routed(one, "x"))
        let three = try await connection.next(.request)
        connection.send(.routed(two, "x"), .routed(three, "x"))
        #expect(try await [first, second, third] == ["x", "x", "x"])
        client.close()
    }

    @Test func `requests wait in the client while the server does not read`() async throws {
        let server = try await ScriptedServer.start()
        let client = server.client()
        async let first = client.decision("")
        let connection = try await server.greet()
        connection.send(.routed(try await connection.next(.request)))
        _ = try await first
        try await connection.setReading(false)
        let megabyte = [UInt8](repeating: 7, count: 1 << 20)
        let calls = (0..<32).map { _ in
            Task { try await client.call(path: "x/Method", payload: megabyte, timeout: .seconds(60)) }
        }
        // One that runs out of time meanwhile, and one that is taken back.
        await expect(.deadlineExceeded) {
            try await client.call(path: "x/Method", payload: megabyte, timeout: .milliseconds(50))
        }
        let taken = Task { try await client.call(path: "x/Method", payload: megabyte, timeout: .seconds(60)) }
        taken.cancel()
        await expect(.cancelled) { try await taken.value }
        try await connection.setReading(true)
        async let script: Void = connection.serve { Frame(.end, call: $0.call, payload: [1]) }
        for call in calls { #expect(try await call.value == [1]) }
        client.close()
        try await script
    }

    @Test func `thousands of waiting calls are taken back quickly`() async throws {
        let server = try await ScriptedServer.start()
        let client = server.client()
        let calls = Task {
            await client.failures(of: 10_000) { _ = try await client.call(path: "x/Method", payload: []) }
        }
        let connection = try await server.greet(["max-calls": "1"])
        _ = try await connection.next(.request)
        calls.cancel()
        #expect(try await within { await calls.value }.count == 10_000)
        // Some were sent as others before them were taken back. The connection takes calls as before.
        async let script: Void = connection.serve { request in
            request.method == Router.route.path ? .routed(request, "later") : nil
        }
        #expect(try await client.decision("") == "later")
        client.close()
        try await script
    }

    @Test func `whatever a server sends, calls end and the client goes on`() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("whatever a server sends: seed \(seed)")
        var random = SeededGenerator(seed)
        let server = try await ScriptedServer.start()
        for _ in 0..<30 {
            let client = server.client(.impatient)
            let calls = Task {
                await client.failures(of: 3) {
                    _ = try await client.call(path: "x/Method", payload: [1], timeout: .milliseconds(40))
                    for try await _ in client.stream(path: "x/Stream", payload: [1], timeout: .milliseconds(40)) {}
                }
            }
            let connection = try await server.greet()
            for _ in 0..<Int.random(in: 1...30, using: &random) {
                var frame = Frame(
                    Frame.Kind(rawValue: .random(in: 2...10, using: &random)),
                    call: .random(in: 0...8, using: &random))
                frame.code = StatusCode(rawValue: .random(in: 0...17, using: &random))
                frame.credit = .random(in: 0...9, using: &random)
                if Bool.random(using: &random) { frame.metadata = ["not-started": "1", "retry-after-ms": "-1"] }
                connection.send(frame)
            }
            if Bool.random(using: &random) { try? await connection.close() }
            _ = try await within { await calls.value }
            client.close()
        }
    }

    // MARK: - Silence

    @Test func `a server that is gone without a word is noticed`() async throws {
        let server = try await ScriptedServer.start()
        var configuration = ClientConfiguration.impatient
        configuration.keepAliveInterval = .milliseconds(20)
        configuration.keepAliveTimeout = .milliseconds(50)
        let client = server.client(configuration)
        async let error = client.routeError()
        let connection = try await server.greet()
        _ = try await connection.next(.request)
        _ = try await connection.next(.ping)
        let failure = await error
        #expect(failure?.code == .unavailable)
        #expect(failure?.message == "\(server.address) does not answer any more, not even a PING")
        #expect(try await connection.next() == nil)
    }

    @Test func `a server that thinks for long but answers PING keeps its calls`() async throws {
        let server = try await ScriptedServer.start()
        var configuration = ClientConfiguration.impatient
        configuration.keepAliveInterval = .milliseconds(10)
        configuration.keepAliveTimeout = .seconds(20)
        let client = server.client(configuration)
        async let answer = client.decision("")
        let connection = try await server.greet()
        let request = try await connection.next(.request)
        for _ in 0..<5 {
            let ping = try await connection.next(.ping)
            connection.send(Frame(.pong, payload: ping.payload))
        }
        connection.send(.routed(request, "thought"))
        #expect(try await answer == "thought")
        client.close()
    }

    // MARK: - Streams

    @Test func `cancellation reaches the server while it is waited for, and between messages`() async throws {
        let server = try await ScriptedServer.start()
        let client = server.client()
        async let warmUp = client.decision("")
        let connection = try await server.greet()
        connection.send(.routed(try await connection.next(.request)))
        _ = try await warmUp
        for messages in 0..<3 {
            let received = Counter()
            let reader = Task {
                for try await _ in client.stream(path: "x/Stream", payload: []) { received.increment() }
            }
            let request = try await connection.next(.request)
            for _ in 0..<messages { connection.send(Frame(.message, call: request.call)) }
            try await received.wait(for: messages)
            reader.cancel()
            let cancel = try await connection.next(.cancel)
            #expect(cancel.call == request.call)
            await expect(.cancelled) { try await reader.value }
            // What still comes for it disturbs nobody.
            connection.send(Frame(.message, call: request.call), .end(request, .cancelled))
        }
        client.close()
    }

    @Test func `a stream that is cancelled before it is sent is not sent`() async throws {
        let server = try await ScriptedServer.start()
        let client = server.client()
        let reader = Task { for try await _ in client.stream(path: "x/Stream", payload: []) {} }
        let connection = try await server.accept()
        _ = try await connection.next(.hello)
        reader.cancel()
        await expect(.cancelled) { try await reader.value }
        connection.send(Frame(.hello, version: 1))
        async let answer = client.decision("next")
        let request = try await connection.next(.request)
        #expect(request.method == Router.route.path)
        connection.send(.routed(request, "next"))
        #expect(try await answer == "next")
        client.close()
    }

    @Test func `leaving the loop takes the call back although the sequence is still held`() async throws {
        let server = try await ScriptedServer.start()
        let client = server.client()
        async let script: Frame = {
            let connection = try await server.greet()
            let request = try await connection.next(.request)
            connection.send(Frame(.message, call: request.call, payload: [1]))
            return try await connection.next(.cancel)
        }()
        let stream = client.stream(path: "x/Stream", payload: [])
        for try await message in stream {
            #expect(message == [1])
            break
        }
        #expect(try await script.kind == .cancel)
        await expect(.failedPrecondition) { for try await _ in stream {} }
        client.close()
    }

    @Test func `after its END a stream sends nothing more`() async throws {
        let server = try await ScriptedServer.start()
        let client = server.client()
        do {
            let stream = client.stream(path: "x/Stream", payload: [])
            var iterator = stream.makeAsyncIterator()
            async let script: RawConnection = {
                let connection = try await server.greet()
                let request = try await connection.next(.request)
                connection.send(Frame(.message, call: request.call), Frame(.end, call: request.call))
                return connection
            }()
            #expect(try await iterator.next() == [])
            #expect(try await iterator.next() == nil)
            #expect(try await iterator.next() == nil)
            let connection = try await script
            try await connection.expectNothingFromClient()
        }
        client.close()
    }
}

extension RawConnection {
    /// The client has sent nothing but what was taken: it answers a PING next.
    func expectNothingFromClient(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await expectNothingMore(sourceLocation: sourceLocation)
    }
}
