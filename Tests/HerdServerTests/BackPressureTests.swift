import HerdFrames
import HerdMessages
import HerdServer
import Testing

/// Peers that do not take what they asked for.
@Suite struct BackPressureTests {
    /// How much the system may keep for a peer that does not read: its receive buffer and the server's send buffer.
    private static let systemBuffers = 8 << 20

    @Test func `calls go on while a stream of the same connection has no credit`() async throws {
        try await withServer { server in
            let connection = try await server.greet()
            // A gigabyte, of which the peer takes two messages.
            connection.send(.probe(1, count: 16_384, bytes: 65_536, credit: 2))
            for _ in 0..<2 { _ = try await connection.next(.message) }
            for call in 10..<200 as Range<UInt64> {
                connection.send(Frame(.request, call: call, method: Admin.health.path))
                let end = try await connection.next(.end)
                #expect(end.call == call)
                #expect(end.code == .ok)
            }
            connection.send(Frame(.credit, call: 1, credit: 1))
            _ = try await connection.next(.message)
            connection.send(Frame(.cancel, call: 1))
            #expect(try await connection.next(.end).code == .cancelled)
            try await server.untilIdle()
        }
    }

    @Test(arguments: [0, 1, 127, 128, 16_383, 16_384, 4_000_000] as [UInt32])
    func `a probe's messages have the length asked for`(bytes: UInt32) async throws {
        try await withServer { server in
            let connection = try await server.greet()
            connection.send(.probe(1, count: 2, bytes: bytes))
            for _ in 0..<2 {
                let message = try await connection.next(.message)
                let payload = try ProbeMessage(packed: message.payload).payload
                #expect(payload.count == Int(bytes))
                #expect(message.payload == ProbeMessage(payload: payload).pack())
            }
            #expect(try await connection.next(.end).code == .ok)
        }
    }

    @Test(arguments: [HandlerExecutor.eventLoop, .pool])
    func `a peer that does not take its answers is not worked for`(executor: HandlerExecutor) async throws {
        let begun = Counter()
        let answer = RouteResponse(decisionId: String(repeating: "x", count: 128 << 10))
        try await withServer { server in
            server.unary(Router.route, on: executor) { _, _ in
                begun.increment()
                return answer
            }
        } _: { server in
            let stalled = try await server.greet(systemBuffer: 65_536)
            try await stalled.setReading(false)
            // 25 MB, asked for with 8 KB.
            stalled.send(bytes: (1...200).flatMap { Frame.route($0).wireBytes() })
            try await begun.wait(for: 4)
            let other = try await server.greet()
            try await within {
                var last = -1
                var still = 0
                while still < 20 {
                    let isServing = try await other.isServing()
                    #expect(isServing)
                    try await Task.sleep(for: .milliseconds(5))
                    still = begun.count == last ? still + 1 : 0
                    last = begun.count
                }
            }
            #expect(begun.count * (128 << 10) < Self.systemBuffers + (4 << 20), "\(begun.count) answers")
            try await stalled.setReading(true)
            try await stalled.take(200, .end)
        }
    }

    @Test func `a peer that stops reading holds up its stream, and nobody else`() async throws {
        let sent = Counter()
        let chunk = [UInt8](repeating: 1, count: 65_536)
        try await withServer { server in
            server.stream(Admin.probe) { request, _, writer in
                for _ in 0..<request.count {
                    try await writer.send(ProbeMessage(payload: chunk))
                    sent.increment()
                }
            }
        } _: { server in
            let stalled = try await server.greet(systemBuffer: 65_536)
            try await stalled.setReading(false)
            // 64 MB, and credit for all of it.
            stalled.send(.probe(1, count: 1024, bytes: 0, credit: .max))
            try await sent.wait(for: 16)
            // It comes to rest: what is sent no longer grows, far below the whole.
            let other = try await server.greet()
            try await within {
                var last = -1
                var still = 0
                while still < 20 {
                    let isServing = try await other.isServing()
                    #expect(isServing)
                    try await Task.sleep(for: .milliseconds(5))
                    still = sent.count == last ? still + 1 : 0
                    last = sent.count
                }
            }
            #expect(sent.count * chunk.count < Self.systemBuffers + (3 << 20), "\(sent.count) messages")
            // And goes on when the peer reads on.
            try await stalled.setReading(true)
            try await stalled.take(1024, .message)
            #expect(try await stalled.next(.end).code == .ok)
        }
    }

    @Test func `a flood of PINGs is answered, each with a little of its payload`() async throws {
        try await withServer { server in
            let connection = try await server.greet()
            let payload = (0..<100).map { UInt8($0) }
            connection.send(
                bytes: Array(repeatElement(Frame(.ping, payload: payload).wireBytes(), count: 5000).joined()))
            #expect(try await connection.next(.pong).payload == Array(payload.prefix(64)))
            try await connection.take(4999, .pong)
            connection.send(Frame(.ping))
            #expect(try await connection.next(.pong).payload.isEmpty)
        }
    }

    @Test func `who sends without reading is not read, and loses nothing`() async throws {
        try await withServer { server in
            let connection = try await server.greet(systemBuffer: 65_536)
            try await connection.setReading(false)
            let ping = Frame(.ping, payload: [UInt8](repeating: 7, count: 64)).wireBytes()
            // 10 MB of PINGs, in pieces; once the server stops reading they stay with the peer.
            let piece = Array(repeatElement(ping, count: 4096).joined())
            let pieces = (10 << 20) / piece.count
            for _ in 0..<pieces { connection.send(bytes: piece) }
            let other = try await server.greet()
            for _ in 0..<50 {
                #expect(try await other.isServing())
                try await Task.sleep(for: .milliseconds(2))
            }
            #expect(try await connection.hasSentAll == false)
            try await connection.setReading(true)
            try await connection.take(pieces * 4096, .pong)
        }
    }

    @Test func `a peer that pipelines thousands of calls does not keep its neighbours waiting`() async throws {
        try await withServer { server in
            // A third of a millisecond each.
            server.immediate(Router.route) { _, _ in
                let end = ContinuousClock.now + .microseconds(300)
                while ContinuousClock.now < end {}
                return RouteResponse()
            }
        } _: { server in
            let greedy = try await server.greet()
            let other = try await server.greet()
            // A second of work in one go.
            greedy.send(bytes: (1...3000).flatMap { Frame.route($0).wireBytes() })
            let first = try await greedy.next(.end)
            #expect(first.code == .ok)
            // Meanwhile the neighbour's calls are answered, many before the last of those.
            let isOver = Signal()
            let neighbour = Task {
                var count = 0
                while !isOver.hasFired {
                    guard try await other.isServing() else { break }
                    count += 1
                }
                return count
            }
            try await greedy.take(2999, .end)
            isOver.fire()
            let answered = try await neighbour.value
            #expect(answered > 20, "\(answered)")
        }
    }

    @Test func `CREDIT without end, and CANCEL`() async throws {
        try await withServer { server in
            let connection = try await server.greet()
            connection.send(.probe(1, count: .max, bytes: 10_000, credit: 1))
            _ = try await connection.next(.message)
            for _ in 0..<10 { connection.send(Frame(.credit, call: 1, credit: .max)) }
            try await connection.take(1000, .message)
            connection.send(Frame(.cancel, call: 1))
            let end = try await connection.next(otherThan: .message)
            #expect(end?.kind == .end)
            #expect(end?.code == .cancelled)
            connection.send(Frame(.credit, call: 1, credit: 1), Frame(.cancel, call: 1))
            try await connection.expectNothingMore()
            try await server.untilIdle()
        }
    }
}
