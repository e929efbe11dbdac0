import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import NIOCore
import Synchronization
import Testing

@Suite struct CallTests {
    @Test(arguments: [HandlerExecutor.pool, .eventLoop])
    func `a call is answered`(executor: HandlerExecutor) async throws {
        try await withServer { server in
            server.unary(Router.route, on: executor) { request, _ in routed(request.prompt + "!") }
        } _: { server in
            let client = server.client()
            let first = try await client.decision("hello")
            #expect(first == "hello!")
            #expect(try await client.decision("") == "!")
        }
    }

    @Test func `the handler knows who calls, for whom and until when`() async throws {
        try await withServer { server in
            server.authorize { hello in
                Principal(name: "\(hello.client)/\(hello.authorization)", roles: .service)
            }
            server.unary(Router.route) { _, context in
                let facts = [
                    context.method, context.principal.name, context.peer, context.tenant, context.traceparent ?? "",
                    context.forwardedMetadata["tenant"] ?? "", "\(context.remaining > .seconds(5))",
                    "\(context.remaining <= .seconds(9))", "\(context.isCancelled)",
                ]
                return routed(facts.joined(separator: " "))
            }
        } _: { server in
            var configuration = ClientConfiguration()
            configuration.name = "tester"
            configuration.authorization = "Bearer x"
            let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            let answer = try await server.client(configuration).call(
                Router.route, route(""), timeout: .seconds(9), metadata: ["tenant": "t", "traceparent": trace])
            #expect(
                answer.decisionId
                    == "herd.v1.Router/Route tester/Bearer x 127.0.0.1 t \(trace) t true true false")
        }
    }

    @Test func `an inline handler answers, or hands on`() async throws {
        try await withServer { server in
            server.unary(
                Router.route, inline: { request, _ in request.prompt == "known" ? routed("inline") : nil }
            ) { _, _ in routed("task") }
        } _: { server in
            let client = server.client()
            let known = try await client.decision("known")
            #expect(known == "inline")
            #expect(try await client.decision("new") == "task")
            // Too long to be unpacked on the event loop.
            let long = String(repeating: "x", count: 100_000)
            #expect(try await client.decision(long) == "task")
        }
    }

    // MARK: - Errors

    @Test(arguments: [false, true])
    func `errors of handlers reach the caller, internals do not`(isInline: Bool) async throws {
        struct Secret: Error {}
        let handler: @Sendable (RouteRequest) throws -> RouteResponse = { request in
            switch request.prompt {
            case "known": throw CallError(.notFound, "no such model", metadata: ["model": "m"])
            case "ok": throw CallError(.ok, "nonsense")
            case "cancelled": throw CancellationError()
            default: throw Secret()
            }
        }
        try await withServer { server in
            if isInline {
                server.immediate(Router.route) { request, _ in try handler(request) }
            } else {
                server.unary(Router.route) { request, _ in try handler(request) }
            }
        } _: { server in
            let client = server.client()
            let known = await client.routeError("known")
            #expect(known?.code == .notFound)
            #expect(known?.message == "no such model")
            #expect(known?.metadata == ["model": "m"])
            for prompt in ["ok", "else"] {
                let unknown = await client.routeError(prompt)
                #expect(unknown?.code == .internal)
                #expect(unknown?.message.contains("Secret") == false)
            }
            #expect(await client.routeError("cancelled")?.code == .cancelled)
        }
    }

    @Test func `methods that are not there are UNIMPLEMENTED`() async throws {
        try await withServer { server in
            let client = server.client()
            let notServed = await client.routeError()
            #expect(notServed?.code == .unimplemented)
            #expect(notServed?.message == "the test does not serve herd.v1.Router/Route")
            await expect(.unimplemented) { try await client.call(path: "a/B", payload: []) }
            let connection = try await server.greet()
            connection.send(Frame(.request, call: 1, method: "a/B"), Frame(.request, call: 2))
            #expect(try await connection.next(.end).code == .unimplemented)
            #expect(try await connection.next(.end).code == .unimplemented)
        }
    }

    @Test(arguments: [false, true])
    func `a request that cannot be unpacked names the field`(isInline: Bool) async throws {
        try await withServer { server in
            if isInline {
                server.immediate(Router.route) { _, _ in routed("") }
            } else {
                server.unary(Router.route) { _, _ in routed("") }
            }
        } _: { server in
            let connection = try await server.greet()
            connection.send(
                Frame(.request, call: 1, method: Router.route.path, payload: [0x0a, 1, 0xff]),
                Frame(.request, call: 2, method: Router.route.path, payload: [0x0a]))
            var answers: [UInt64: Frame] = [:]
            for _ in 0..<2 {
                let end = try await connection.next(.end)
                answers[end.call] = end
            }
            #expect(answers[1]?.code == .invalidArgument)
            #expect(answers[1]?.message.contains("prompt") == true)
            #expect(answers[2]?.code == .invalidArgument)
        }
    }

    @Test func `what is over the frame limit is RESOURCE_EXHAUSTED for that call alone`() async throws {
        var configuration = ServerConfiguration()
        configuration.maximumFrameLength = 10_000
        let long = String(repeating: "x", count: 10_000)
        try await withServer(configuration) { server in
            server.unary(Router.route) { _, _ in routed(long) }
            server.immediate(Router.getDecision) { _, _ in
                throw CallError(.notFound, long)
            }
            server.immediate(Registry.getModel) { _, _ in
                var response = GetModelResponse()
                response.model = Model(name: long)
                return response
            }
        } _: { server in
            let client = server.client()
            #expect(await client.routeError()?.code == .resourceExhausted)
            await expect(.resourceExhausted) { try await client.call(Registry.getModel, GetModelRequest()) }
            await expect(.notFound) { try await client.call(Router.getDecision, GetDecisionRequest()) }
            // A request over the server's limit is not sent: the connection lives on.
            #expect(await client.routeError(long)?.code == .resourceExhausted)
            #expect(try await client.isServing())
            let status = try await client.call(Admin.status, StatusRequest())
            #expect(status.connections == 1)
        }
    }

    // MARK: - Deadlines

    @Test func `a deadline is answered although the handler does not react, and once`() async throws {
        let gate = Signal()
        try await withServer { server in
            server.unary(Router.route) { _, _ in
                await gate.waitRegardless()
                return routed("late")
            }
        } _: { server in
            let connection = try await server.greet()
            connection.send(Frame(.request, call: 1, method: Router.route.path, timeoutMicroseconds: 20_000))
            #expect(try await connection.next(.end).code == .deadlineExceeded)
            gate.fire()
            try await server.untilIdle()
            try await connection.expectNothingMore()
        }
    }

    @Test func `the caller's deadline holds although the server does not react`() async throws {
        // A server that never says anything, not even HELLO.
        let silent = try await SilentServer.start()
        let client = HerdClient(address: silent.address)
        let start = ContinuousClock.now
        #expect(await client.routeError(timeout: .milliseconds(50))?.code == .deadlineExceeded)
        #expect(ContinuousClock.now - start < .seconds(4))
        client.close()
        try await silent.close()
    }

    @Test(arguments: [Duration.zero, .seconds(-1), .nanoseconds(1)])
    func `a call with nothing left fails and is not sent`(timeout: Duration) async throws {
        try await withServer { server in
            server.unary(Router.route) { _, _ in routed("") }
        } _: { server in
            let client = server.client()
            _ = try await client.call(Admin.health, HealthRequest())
            #expect(await client.routeError(timeout: timeout)?.code == .deadlineExceeded)
            #expect(try await server.calls(of: Router.route.path) == 0)
        }
    }

    @Test func `deadlines are capped, defaults are filled in`() async throws {
        var configuration = ServerConfiguration()
        configuration.defaultTimeout = .seconds(5)
        configuration.maximumTimeout = .seconds(20)
        try await withServer(configuration) { server in
            server.unary(Router.route) { _, context in routed("\((context.remaining + .seconds(1)).components.seconds)")
            }
        } _: { server in
            let connection = try await server.greet()
            for (asked, given) in [(0, 5), (3_000_000, 3), (.max, 20), (20_000_001, 20)] as [(UInt64, Int)] {
                connection.send(Frame(.request, call: 1, method: Router.route.path, timeoutMicroseconds: asked))
                let end = try await connection.next(.end)
                let seconds = Int(try RouteResponse(packed: end.payload).decisionId) ?? 0
                // What is left, rounded up; the machine may be slow.
                #expect((max(1, given - 2)...given).contains(seconds), "asked for \(asked)")
            }
        }
    }

    // MARK: - Cancellation

    @Test(arguments: [HandlerExecutor.pool, .eventLoop])
    func `cancelling the task reaches the handler`(executor: HandlerExecutor) async throws {
        let started = Signal()
        let cancelled = Signal()
        try await withServer { server in
            server.unary(Router.route, on: executor) { _, context in
                await withTaskCancellationHandler {
                    started.fire()
                    await cancelled.waitRegardless()
                } onCancel: {
                    cancelled.fire()
                }
                try context.checkCancellation()
                return routed("not cancelled")
            }
        } _: { server in
            let client = server.client()
            let call = Task { await client.routeError() }
            try await started.wait()
            call.cancel()
            #expect(await call.value?.code == .cancelled)
            try await cancelled.wait()
            // The connection lives on.
            #expect(try await client.isServing())
        }
    }

    @Test func `a task that is cancelled already sends nothing`() async throws {
        try await withServer { server in
            server.unary(Router.route) { _, _ in routed("") }
        } _: { server in
            let client = server.client()
            _ = try await client.call(Admin.health, HealthRequest())
            let error = await Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await client.routeError()
            }.value
            #expect(error?.code == .cancelled)
            #expect(try await server.calls(of: Router.route.path) == 0)
        }
    }

    @Test func `a CANCEL is answered with one END CANCELLED`() async throws {
        let gate = Signal()
        try await withServer { server in
            server.unary(Router.route) { _, _ in
                await gate.waitRegardless()
                return routed("late")
            }
        } _: { server in
            let connection = try await server.greet()
            connection.send(
                Frame(.request, call: 1, method: Router.route.path), Frame(.cancel, call: 1), Frame(.cancel, call: 1))
            let end = try await connection.next(.end)
            #expect(end.code == .cancelled)
            gate.fire()
            try await server.untilIdle()
            try await connection.expectNothingMore()
        }
    }

    // MARK: - Many calls

    @Test(arguments: [HandlerExecutor.pool, .eventLoop])
    func `a slow handler does not hold up fast ones`(executor: HandlerExecutor) async throws {
        let gate = Signal()
        try await withServer { server in
            server.unary(Router.route, on: executor) { request, _ in
                if request.prompt == "slow" { await gate.waitRegardless() }
                return routed(request.prompt)
            }
        } _: { server in
            let client = server.client()
            async let slow = client.decision("slow")
            for number in 0..<100 {
                let answer = try await client.decision("\(number)")
                #expect(answer == "\(number)")
            }
            gate.fire()
            #expect(try await slow == "slow")
        }
    }

    @Test func `of 2,000 calls at once those over the limit are turned down, the others answered`() async throws {
        let gate = Signal()
        let running = Counter()
        try await withServer { server in
            server.unary(Router.route) { _, _ in
                running.increment()
                await gate.waitRegardless()
                return routed("")
            }
        } _: { server in
            let connection = try await server.greet()
            connection.send(
                bytes: (1...2000).flatMap { Frame(.request, call: $0, method: Router.route.path).wireBytes() })
            for call in 1025...2000 {
                let end = try await connection.next(.end)
                #expect(end.call == UInt64(call))
                #expect(end.code == .resourceExhausted)
            }
            try await running.wait(for: 1024)
            gate.fire()
            var answered: Set<UInt64> = []
            for _ in 0..<1024 {
                let end = try await connection.next(.end)
                #expect(end.code == .ok)
                answered.insert(end.call)
            }
            #expect(answered == Set(1...1024))
        }
    }

    @Test func `a client waits for its turn with calls over the limit`() async throws {
        var configuration = ServerConfiguration()
        configuration.maximumOpenCalls = 16
        try await withServer(configuration) { server in
            server.unary(Router.route) { request, _ in routed(request.prompt) }
        } _: { server in
            let client = server.client()
            _ = try await client.call(Admin.health, HealthRequest())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<2000 {
                    group.addTask {
                        let answer = try await client.decision("\(number)")
                        #expect(answer == "\(number)")
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `calls are counted`() async throws {
        try await withServer { server in
            server.unary(Router.route) { request, _ in
                if request.prompt.isEmpty { throw CallError(.invalidArgument, "prompt must not be empty") }
                return routed("")
            }
            server.reportStatus {
                ServiceStatus(degradedReasons: ["no scorer"], figures: ["models": 3], facts: ["version": "v"])
            }
        } _: { server in
            let client = server.client()
            _ = await client.routeError("")
            _ = await client.routeError("x")
            try await server.untilIdle()
            let status = try await client.call(Admin.status, StatusRequest())
            let method = try #require(status.methods.first { $0.method == Router.route.path })
            #expect(method.calls == 2)
            #expect(method.failures == 1)
            #expect(method.meanMs > 0 && method.maxMs >= method.meanMs)
            #expect(status.service == "test")
            #expect(status.connections == 1)
            #expect(status.figures["models"] == 3)
            #expect(status.facts == ["version": "v"])
            #expect(status.health?.state == .degraded)
            let health = try await client.call(Admin.health, HealthRequest())
            #expect(health.reasons == ["no scorer"])
            let description = try await client.call(Admin.describe, DescribeRequest())
            #expect(description.fileDescriptorSet.count > 1000)
        }
    }
}
