import HerdFrames
import HerdMessages
import HerdServer
import Testing

/// How many bytes of requests a server holds while their handlers run.
@Suite struct RequestMemoryTests {
    @Test func `a caller's requests are bounded, all together are, and one alone is always taken`() throws {
        let server = RequestMemory(limit: 100)
        let one = RequestMemory(limit: 50, within: server)
        let other = RequestMemory(limit: 50, within: server)
        #expect(one.take(30) == nil && one.take(20) == nil)
        let refused = try #require(one.take(1))
        #expect(refused.code == .resourceExhausted && refused.isNotStarted)
        #expect(refused.metadata["retry-after-ms"] == "100" && refused.message.contains("this caller"))
        one.giveBack(20)
        #expect(one.take(20) == nil && other.take(50) == nil)
        #expect(one.byteCount == 50 && server.byteCount == 100)
        // The only one of its caller, but not at the server.
        let third = RequestMemory(limit: 50, within: server)
        let full = try #require(third.take(1))
        #expect(full.message.contains("this server"))
        #expect(third.byteCount == 0 && server.byteCount == 100)
        one.giveBack(30)
        one.giveBack(20)
        other.giveBack(50)
        #expect(one.byteCount == 0 && other.byteCount == 0 && server.byteCount == 0)
        #expect(one.take(1_000) == nil && one.take(1) != nil && other.take(1) != nil)
        one.giveBack(1_000)
        #expect(other.take(1) == nil && server.byteCount == 1)
    }

    @Test func `what holds nothing is always taken`() {
        let memory = RequestMemory(limit: 10)
        #expect(memory.take(10) == nil && memory.take(0) == nil)
        memory.giveBack(0)
        #expect(memory.byteCount == 10)
    }

    @Test func `requests are held until their handlers return, whatever became of the calls`() async throws {
        let begun = Counter()
        let release = Signal()
        try await withServer { server in
            server.forward(prefix: "bulk/") { _, _, _, _ in
                begun.increment()
                await release.waitRegardless()
                return []
            }
        } _: { server in
            let payload = [UInt8](repeating: 7, count: (4 << 20) - 100)
            func request(_ call: UInt64) -> Frame {
                Frame(.request, call: call, method: "bulk/x", payload: payload)
            }
            let connection = try await server.greet()
            // Hardly less than 128 MiB.
            for call in 1...32 as ClosedRange<UInt64> { connection.send(request(call)) }
            try await begun.wait(for: 32)
            connection.send(request(33))
            let refused = try await connection.next(.end)
            #expect(refused.call == 33 && refused.code == .resourceExhausted)
            #expect(refused.metadata == ["retry-after-ms": "100", "not-started": "1"])
            // Admin is answered all the same, also where it takes a task; and so are others.
            #expect(try await connection.isServing())
            _ = try await connection.call(Admin.describe, DescribeRequest())
            let other = try await server.greet()
            other.send(request(1))
            try await begun.wait(for: 33)
            // A handler that does not heed its end holds its request.
            for call in 1...2 as ClosedRange<UInt64> {
                connection.send(Frame(.cancel, call: call))
                #expect(try await connection.next(.end).code == .cancelled)
            }
            connection.send(request(34))
            #expect(try await connection.next(.end).code == .resourceExhausted)
            try await other.close()
            release.fire()
            try await connection.take(30, .end)
            try await server.untilIdle()
            connection.send(request(35))
            #expect(try await connection.next(.end).code == .ok)
            let methods = try await connection.call(Admin.status, StatusRequest()).methods
            let bulk = try #require(methods.first { $0.method == "bulk/" })
            #expect(bulk.errors["RESOURCE_EXHAUSTED"] == 2)
        }
    }
}
