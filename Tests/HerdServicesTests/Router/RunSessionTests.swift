import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import HerdServices
import HerdTransport
import Logging
import Testing

/// Which model a conversation is with once its turn was run, or was not run to the end.
@Suite struct RunSessionTests {
    /// A prompt that the first model is best at, and one that the second is.
    private static let copy = "repeat after me: fleece"
    private static let upper = "shout fleece"

    /// Two models at one server, and a policy that keeps a conversation's model whatever another promises.
    private func prepare(_ herd: TestHerd, _ stub: ModelStub) async throws {
        for name in ["tiny-copy", "tiny-upper"] {
            var model = Model(name: name, free: true)
            model.endpoints = [stub.endpoint]
            _ = try await herd.call(Registry.putModel, PutModelRequest(model: model))
        }
        try await herd.trainDemonstration()
        _ = try await herd.call(Registry.putPolicy, PutPolicyRequest(policy: Policy(name: "loyal", switchMargin: 2)))
    }

    private func route(_ prompt: String, _ session: String) -> RouteRequest {
        RouteRequest(prompt: prompt, policy: "loyal", session: session)
    }

    /// Whether the conversation is with tiny-copy, asked by a prompt that another model is better at; if it
    /// was not, it is with that model from then on.
    private func isKept(_ herd: TestHerd, _ session: String) async throws -> Bool {
        let reply = try await herd.route(Self.upper) {
            $0.session = session
            $0.policy = "loyal"
        }
        return reply.sessionModelKept && reply.model == "tiny-copy"
    }

    /// Asks on; gives the status that the call ended with. Stops the call at its first text, if asked to.
    private func complete(
        _ herd: TestHerd, _ request: CompleteRequest, timeout: Duration? = nil, stopsAtText: Bool = false
    ) async throws -> StatusCode {
        let router = herd.router
        let (texts, text) = AsyncStream.makeStream(of: Void.self)
        let task = Task { () -> StatusCode in
            do throws(CallError) {
                for try await event in router.stream(Router.complete, request, timeout: timeout) {
                    if case .delta? = event.event { text.yield() }
                }
                return .ok
            } catch {
                return error.code
            }
        }
        if stopsAtText {
            for await _ in texts { break }
            task.cancel()
        }
        return await task.value
    }

    @Test func onlyAModelThatFailsLosesItsConversation() async throws {
        let stub = try ModelStub { request in
            if request.contains("again") { return .hang(after: "well") }
            if request.contains("wait") { return .hang() }
            if request.contains("wrong") { return .status(400, "no") }
            if request.contains("broken") { return .breakOff(after: "well") }
            return .text("yes")
        }
        try await withTestHerd { herd in
            try await prepare(herd, stub)
            func begin(_ session: String) async throws {
                let request = CompleteRequest(route: route(Self.copy, session))
                #expect(try await complete(herd, request) == .ok)
            }
            let prompts = ["stopped": "again: \(Self.copy)", "late": "again: \(Self.copy)", "wrong": "wrong, fleece"]
            for (session, prompt) in prompts.sorted(by: { $0.key < $1.key }) {
                try await begin(session)
                let request = CompleteRequest(route: route(prompt, session))
                let code = try await complete(
                    herd, request, timeout: session == "late" ? .milliseconds(400) : nil,
                    stopsAtText: session == "stopped")
                #expect(code == ["stopped": .cancelled, "late": .deadlineExceeded, "wrong": .invalidArgument][session])
                #expect(try await isKept(herd, session), "\(session)")
            }
            try await begin("silent")
            let silent = CompleteRequest(route: route("wait, fleece", "silent"), failover: .maxModels(1))
            #expect(try await complete(herd, silent, timeout: .milliseconds(400)) == .deadlineExceeded)
            #expect(try await isKept(herd, "silent"))

            // A first turn that its caller stops binds the conversation to who was speaking.
            let first = CompleteRequest(route: route("again: \(Self.copy)", "first"))
            #expect(try await complete(herd, first, stopsAtText: true) == .cancelled)
            try await herd.eventually("the stopped turn is remembered") { try await isKept(herd, "first") }

            // The model failed: the next turn goes to whoever is best.
            try await begin("broken")
            #expect(try await complete(herd, CompleteRequest(route: route("broken, fleece", "broken"))) == .unavailable)
            #expect(try await !isKept(herd, "broken"))
        }
    }

    @Test func refinedTurnsBindTheConversation() async throws {
        let stub = try ModelStub { _ in .text("yes") }
        let refiner = try await ScriptedRefiner()
        try await withTestHerd(refiner: refiner.address) { herd in
            try await prepare(herd, stub)
            func refine(_ prompt: String, _ session: String) async throws -> StatusCode {
                do throws(CallError) {
                    let request = RefineRequest(route: route(prompt, session))
                    for try await _ in herd.router.stream(Router.refine, request) {}
                    return .ok
                } catch {
                    return error.code
                }
            }
            #expect(try await refine(Self.copy, "talk") == .ok)
            #expect(try await isKept(herd, "talk"))
            // The refiner's own failures are not the model's.
            #expect(try await refine("gone, fleece", "talk") == .unavailable)
            #expect(try await isKept(herd, "talk"))
            #expect(try await refine("failed, fleece", "talk") == .unavailable)
            #expect(try await !isKept(herd, "talk"))
        }
        await refiner.stop()
    }
}

/// Refines by saying "done"; where the prompt says so, its model fails or it goes away.
private final class ScriptedRefiner: Sendable {
    let address: EndpointAddress
    private let task: Task<Void, Never>

    init() async throws {
        var logger = Logger(label: "scripted")
        logger.logLevel = .critical
        let server = HerdServer(name: "refiner", logger: logger)
        server.stream(Refiner.refine) { request, _, writer in
            try await writer.send(RefinementEvent(step: "draft", delta: "don"))
            if request.prompt.contains("gone") { throw CallError(.unavailable, "the refiner stops") }
            let hasFailed = request.prompt.contains("failed")
            try await writer.send(
                RefinementEvent(
                    step: "final",
                    result: RefinementResult(
                        text: hasFailed ? "don" : "done", stoppedBecause: hasFailed ? "error" : "rounds",
                        partial: hasFailed)))
            if hasFailed { throw CallError(.unavailable, "the draft failed") }
        }
        address = try #require(try await server.start().first)
        task = Task { await server.serve() }
    }

    func stop() async {
        task.cancel()
        await task.value
    }
}
