import HerdFrames
import HerdMessages
import HerdServer
import Testing

/// Bytes that no client sends, at every point; the server goes on, and holds nothing.
@Suite struct HostilePeerTests {
    @Test func `whatever follows a GOAWAY is not run, and the GOAWAY arrives although input goes on`() async throws {
        let run = Signal()
        try await withServer { server in
            server.immediate(Router.route) { _, _ in
                run.fire()
                return RouteResponse()
            }
        } _: { server in
            let filler = [UInt8](repeating: 0, count: 65_536)
            for first in [Frame(.hello, version: 7), Frame(.ping), .route(1)] {
                let connection = try await server.connect()
                // Far more than the system keeps, all behind the frame that ends the connection.
                connection.send(first, Frame(.hello, version: 1))
                for call in 1...64 as ClosedRange<UInt64> {
                    connection.send(
                        Frame(.request, call: call, method: Router.route.path, payload: filler))
                }
                let goAway = try await connection.next(.goAway)
                #expect(goAway.code == (first.kind == .hello ? .failedPrecondition : .invalidArgument))
                #expect(try await connection.next() == nil)
            }
            #expect(run.hasFired == false)
        }
    }

    @Test func `a HELLO may be 64 KiB long, and what is pipelined behind it a whole frame`() async throws {
        try await withServer { server in
            server.forward(prefix: "bulk/") { _, payload, _, _ in [UInt8(payload.count >> 20)] }
        } _: { server in
            let bare = Frame(.hello, metadata: ["filler": ""], version: 1)
            func hello(of length: Int) -> [UInt8] {
                var filler = length - bare.wireBytes().count - 8
                // What the lengths inside take is found by trying.
                while true {
                    let frame = Frame(
                        .hello, metadata: ["filler": String(repeating: "x", count: filler)], version: 1)
                    let bytes = frame.wireBytes()
                    if bytes.count - 4 >= length { return bytes }
                    filler += 1
                }
            }
            let limit = 64 << 10
            let long = Frame(.request, call: 1, method: "bulk/x", payload: [UInt8](repeating: 0, count: 3 << 20))
            let greeted = try await server.connect()
            greeted.send(bytes: hello(of: limit) + long.wireBytes())
            #expect(try await greeted.next(.hello).metadata["max-frame-bytes"] == "4194304")
            #expect(try await greeted.next(.end).payload == [3])
            #expect(try await greeted.isServing())
            // The length alone is enough.
            for bytes in [Array(hello(of: limit + 1).prefix(4)), hello(of: 1 << 20)] {
                let refused = try await server.connect()
                refused.send(bytes: bytes)
                let goAway = try await refused.expectGoAway(.resourceExhausted)
                #expect(goAway.message.contains("over the limit of 65536 bytes"))
            }
            #expect(try await server.figure("protocol_errors_frame_too_long") == 2)
        }
    }

    @Test func `EOF at every byte of a conversation leaves nothing behind`() async throws {
        try await withServer { server in
            server.unary(Router.route) { _, _ in
                try await Task.sleep(for: .seconds(600))
                return RouteResponse()
            }
        } _: { server in
            let script = [
                Frame(.hello, version: 1), .route(1), .probe(2, count: 1_000_000, bytes: 100, credit: 10),
                Frame(.credit, call: 2, credit: 3), Frame(.cancel, call: 1), Frame(.ping, payload: [1]),
            ].flatMap { $0.wireBytes() }
            for length in 0...script.count {
                let connection = try await server.connect()
                connection.send(bytes: Array(script.prefix(length)))
                try await connection.close()
            }
            try await within { while server.server.connectionCount > 0 { await Task.yield() } }
            try await server.untilIdle()
            #expect(try await server.greet().isServing())
        }
    }

    @Test func `CANCEL at every point is answered with one END`() async throws {
        try await withServer { server in
            server.unary(Router.route) { _, _ in
                try await Task.sleep(for: .seconds(600))
                return RouteResponse()
            }
        } _: { server in
            let connection = try await server.greet()
            for messages in 0..<20 {
                let call = UInt64(messages + 1)
                // After so many messages of a stream.
                connection.send(.probe(call, count: 1_000_000, bytes: 10, credit: 32))
                if messages > 0 { try await connection.take(messages, .message) }
                connection.send(Frame(.cancel, call: call), Frame(.cancel, call: call))
                let end = try await connection.next(otherThan: .message)
                #expect(end?.kind == .end)
                #expect(end?.code == .cancelled)
                connection.send(.route(call), Frame(.cancel, call: call))
                #expect(try await connection.next(.end).code == .cancelled)
            }
            try await server.untilIdle()
            try await connection.expectNothingMore()
        }
    }

    @Test func `a long frame byte by byte costs no more than its bytes`() async throws {
        try await withServer { server in
            let connection = try await server.greet()
            let filler = String(repeating: "x", count: 20_000)
            let frame = Frame(
                .request, call: 1, method: Admin.health.path,
                metadata: ["filler": filler])
            for byte in frame.wireBytes() { connection.send(bytes: [byte]) }
            #expect(try await connection.next(.end).code == .ok)
        }
    }
}
