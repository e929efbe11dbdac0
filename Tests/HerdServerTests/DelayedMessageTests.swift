import HerdFrames
import HerdMessages
import HerdServer
import NIOCore
import Testing

/// Messages of a stream that may wait for others to go with them.
@Suite struct DelayedMessageTests {
    @Test(arguments: [HandlerExecutor.eventLoop, .pool])
    func `they go with what comes next, and after their time without it`(executor: HandlerExecutor) async throws {
        let isOpen = Counter()
        try await withServer { server in
            server.stream(Scorer.watchPredictor, on: executor) { _, _, writer in
                try await writer.send(PredictorEvent(version: "a"), within: .hours(1))
                try await writer.send(PredictorEvent(version: "b"), within: .hours(1))
                try await writer.send(PredictorEvent(version: "c"))
                try? await isOpen.wait(for: 1)
                // Nothing follows it; the hour of the first has no part in it.
                try await writer.send(PredictorEvent(version: "d"), within: .milliseconds(10))
                try? await isOpen.wait(for: 2)
                try await writer.send(PredictorEvent(version: "e"), within: .hours(1))
            }
        } _: { server in
            let connection = try await server.greet()
            connection.send(Frame(.request, call: 1, method: Scorer.watchPredictor.path, credit: 100))
            func next() async throws -> String {
                try PredictorEvent(packed: try await connection.next(.message).payload).version
            }
            for version in ["a", "b", "c"] { #expect(try await next() == version) }
            isOpen.increment()
            #expect(try await next() == "d")
            isOpen.increment()
            #expect(try await next() == "e")
            #expect(try await connection.next(.end).code == .ok)
        }
    }
}
