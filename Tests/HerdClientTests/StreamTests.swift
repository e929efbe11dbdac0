import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import Testing

@Suite struct StreamTests {
    @Test(arguments: [0, 1, 63, 64, 65, 1000] as [UInt64])
    func `a stream comes whole and in order`(count: UInt64) async throws {
        try await withServer { server in
            server.stream(Scorer.train) { _, _, writer in
                for step in 0..<count { try await writer.send(event(step)) }
            }
        } _: { server in
            var steps: [UInt64?] = []
            for try await event in server.client().stream(Scorer.train, TrainRequest()) {
                steps.append(event.done)
            }
            #expect(steps == Array(0..<count))
        }
    }

    @Test func `a stream's error comes after its messages`() async throws {
        try await withServer { server in
            server.stream(Scorer.train) { _, _, writer in
                try await writer.send(event(1))
                throw CallError(.aborted, "broke off", metadata: ["step": "1"])
            }
        } _: { server in
            var iterator = server.client().stream(Scorer.train, TrainRequest()).makeAsyncIterator()
            let first = try await iterator.next()
            #expect(first?.done == 1)
            let error = await expect(.aborted) { try await iterator.next() }
            #expect(error?.metadata == ["step": "1"])
            let after = try await iterator.next()
            #expect(after == nil)
        }
    }

    @Test func `the server sends no more than it has credit for`() async throws {
        let sent = Counter()
        try await withServer { server in
            server.stream(Scorer.train) { _, _, writer in
                for step in 0..<1000 {
                    try await writer.send(event(UInt64(step)))
                    sent.increment()
                }
            }
        } _: { server in
            let connection = try await server.greet()
            connection.send(Frame(.request, call: 1, method: Scorer.train.path, credit: 5))
            for _ in 0..<5 { _ = try await connection.next(.message) }
            try await connection.expectNothingMore()
            try await sent.wait(for: 5)
            #expect(sent.count == 5)
            connection.send(Frame(.credit, call: 1, credit: 2))
            for _ in 0..<2 { _ = try await connection.next(.message) }
            try await connection.expectNothingMore()
            // Without end, and never over what a number holds.
            for _ in 0..<10 { connection.send(Frame(.credit, call: 1, credit: .max)) }
            for _ in 7..<1000 { _ = try await connection.next(.message) }
            #expect(try await connection.next(.end).code == .ok)
        }
    }

    @Test func `a REQUEST without credit gives 64`() async throws {
        try await withServer { server in
            let connection = try await server.greet()
            connection.send(
                Frame(.request, call: 1, method: Admin.probe.path, payload: ProbeRequest(count: 100, bytes: 1).pack()))
            for _ in 0..<64 { _ = try await connection.next(.message) }
            try await connection.expectNothingMore()
        }
    }

    @Test func `a client that does not read on holds the server up`() async throws {
        let sent = Counter()
        try await withServer { server in
            server.stream(Scorer.train) { _, _, writer in
                for step in 0..<500 {
                    try await writer.send(event(UInt64(step)))
                    sent.increment()
                }
            }
        } _: { server in
            let client = server.client()
            var iterator = client.stream(Scorer.train, TrainRequest()).makeAsyncIterator()
            _ = try await iterator.next()
            try await sent.wait(for: 64)
            let isServing = try await client.isServing()
            #expect(isServing)
            #expect(sent.count == 64)
            var rest = 0
            while try await iterator.next() != nil { rest += 1 }
            #expect(rest == 499)
        }
    }

    @Test func `over 1 MiB unsent, streams wait and the connection is not read`() async throws {
        let sent = Counter()
        let message = ProbeMessage(payload: [UInt8](repeating: 1, count: 64 << 10))
        try await withServer { server in
            server.stream(Admin.probe) { _, _, writer in
                for _ in 0..<1600 {
                    try await writer.send(message)
                    sent.increment()
                }
            }
        } _: { server in
            let connection = try await server.greet()
            try await connection.setReading(false)
            connection.send(Frame(.request, call: 1, method: Admin.probe.path, credit: 10_000))
            // What the sockets hold, the mebibyte, and little more: far from the 100 MiB of the stream.
            try await sent.wait(for: 16)
            let isServing = try await server.client().isServing()
            #expect(isServing)
            #expect(sent.count < 1000)
            try await connection.setReading(true)
            for _ in 0..<1600 { _ = try await connection.next(.message) }
            #expect(try await connection.next(.end).code == .ok)
        }
    }

    @Test func `over 1 MiB unsent, requests are not read either`() async throws {
        let answered = Counter()
        let answer = DescribeResponse(fileDescriptorSet: [UInt8](repeating: 1, count: 300 << 10))
        try await withServer { server in
            server.immediate(Admin.describe) { _, _ in
                answered.increment()
                return answer
            }
        } _: { server in
            let connection = try await server.greet()
            try await connection.setReading(false)
            // All in one burst, answered on the event loop.
            connection.send(
                bytes: (1...400).flatMap { Frame(.request, call: $0, method: Admin.describe.path).wireBytes() })
            try await answered.wait(for: 4)
            let isServing = try await server.client().isServing()
            #expect(isServing)
            // 120 MB would be the whole.
            #expect(answered.count < 100)
            try await connection.setReading(true)
            for call in 1...400 {
                let end = try await connection.next(.end)
                #expect(end.call == UInt64(call))
                #expect(end.payload.count > 300 << 10)
            }
        }
    }

    // MARK: - Cancellation

    @Test func `leaving the loop takes the call back`() async throws {
        let stopped = Signal()
        try await withServer { server in
            server.stream(Scorer.train) { _, _, writer in
                defer { stopped.fire() }
                while true { try await writer.send(event(0)) }
            }
        } _: { server in
            let client = server.client()
            for try await _ in client.stream(Scorer.train, TrainRequest()) { break }
            try await stopped.wait()
            try await server.untilIdle()
        }
    }

    @Test func `cancelling the reader's task takes the call back`() async throws {
        let stopped = Signal()
        let started = Signal()
        try await withServer { server in
            server.stream(Scorer.train) { _, _, writer in
                defer { stopped.fire() }
                started.fire()
                try await Task.sleep(for: .seconds(60))
            }
        } _: { server in
            let client = server.client()
            let reader = Task {
                await expect(.cancelled) {
                    for try await _ in client.stream(Scorer.train, TrainRequest()) {}
                }
            }
            try await started.wait()
            reader.cancel()
            _ = await reader.value
            try await stopped.wait()
        }
    }

    @Test func `a sender that waits for credit is told of CANCEL, deadline and EOF`() async throws {
        let codes = Codes()
        try await withServer { server in
            server.stream(Scorer.train) { _, _, writer in
                do throws(CallError) {
                    while true { try await writer.send(event(0)) }
                } catch {
                    codes.append(error.code)
                    throw error
                }
            }
        } _: { server in
            let connection = try await server.greet()
            let method = Scorer.train.path
            connection.send(Frame(.request, call: 1, method: method, credit: 1))
            _ = try await connection.next(.message)
            connection.send(Frame(.cancel, call: 1))
            #expect(try await connection.next(.end).code == .cancelled)
            try await codes.counter.wait(for: 1)
            connection.send(Frame(.request, call: 2, method: method, timeoutMicroseconds: 2_000_000, credit: 1))
            _ = try await connection.next(.message)
            #expect(try await connection.next(.end).code == .deadlineExceeded)
            try await codes.counter.wait(for: 2)
            connection.send(Frame(.request, call: 3, method: method, credit: 1))
            _ = try await connection.next(.message)
            try await connection.close()
            try await codes.counter.wait(for: 3)
            #expect(codes.all == [.cancelled, .deadlineExceeded, .cancelled])
        }
    }

    @Test func `the client's deadline ends a stream`() async throws {
        try await withServer { server in
            server.stream(Scorer.train) { _, _, writer in
                try await writer.send(event(0))
                try await Task.sleep(for: .seconds(60))
            }
        } _: { server in
            let stream = server.client().stream(Scorer.train, TrainRequest(), timeout: .milliseconds(100))
            await expect(.deadlineExceeded) { for try await _ in stream {} }
        }
    }

    @Test func `a unary call to a stream fails`() async throws {
        try await withServer { server in
            let client = server.client()
            await expect(.internal) {
                try await client.call(path: Admin.probe.path, payload: ProbeRequest(count: 3, bytes: 1).pack())
            }
            let isServing = try await client.isServing()
            #expect(isServing)
        }
    }

    // MARK: - Forwarding

    @Test func `a forwarded call is the same, unary or stream`() async throws {
        try await withServer { scorer in
            scorer.unary(Scorer.predict) { request, context in
                if request == PredictRequest() { throw CallError(.invalidArgument, "no text", metadata: ["a": "b"]) }
                var response = PredictResponse()
                response.predictorVersion = context.tenant
                return response
            }
            scorer.stream(Scorer.train) { _, _, writer in
                for step in 0..<200 { try await writer.send(event(UInt64(step))) }
            }
            scorer.stream(Scorer.watchPredictor) { _, _, writer in
                while true { try await writer.send(PredictorEvent()) }
            }
        } _: { scorer in
            let behind = scorer.client()
            try await withServer { router in
                router.forward(prefix: "herd.v1.Scorer/") { path, payload, context, writer in
                    try await behind.forward(
                        path: path, payload: payload, timeout: context.remaining, metadata: context.forwardedMetadata
                    ) { try await writer.send($0) }
                }
                router.immediate(Scorer.embed) { _, _ in EmbedResponse() }
            } _: { router in
                let client = router.client()
                var request = PredictRequest()
                request.text = "hi"
                let response = try await client.call(Scorer.predict, request, metadata: ["tenant": "t"])
                #expect(response.predictorVersion == "t")
                let error = await expect(.invalidArgument) { try await client.call(Scorer.predict, PredictRequest()) }
                #expect(error?.message == "no text")
                #expect(error?.metadata == ["a": "b"])
                var count = 0
                for try await _ in client.stream(Scorer.train, TrainRequest()) { count += 1 }
                #expect(count == 200)
                // Its own method comes first; one the scorer does not have is answered by the scorer.
                _ = try await client.call(Scorer.embed, EmbedRequest())
                await expect(.unimplemented) { try await client.call(Scorer.rollback, RollbackRequest()) }
                await expect(.unimplemented) { try await client.call(path: "herd.v1.Scorer/New", payload: []) }
                // A cancel goes all the way.
                for try await _ in client.stream(Scorer.watchPredictor, WatchPredictorRequest()) { break }
                try await scorer.untilIdle()
                try await router.untilIdle()
            }
        }
    }
}

private func event(_ step: UInt64) -> TrainEvent {
    TrainEvent(event: .progress(TrainProgress(phase: "", done: step, total: 0)))
}

extension TrainEvent {
    fileprivate var done: UInt64? {
        guard case .progress(let progress) = event else { return nil }
        return progress.done
    }
}
