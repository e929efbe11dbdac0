import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import HerdServices
import HerdTransport
import Logging
import Testing

/// A router whose models answer as a test says, and that keeps book of what it was asked.
final class ScriptedRouter: Sendable {
    struct Call: Hashable, Sendable {
        var model: String
        var prompt: String
        /// 0 = none was sent; tells no calls apart.
        var maxTokens: UInt32 = 0

        static func == (first: Call, second: Call) -> Bool {
            first.model == second.model && first.prompt == second.prompt
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(model)
            hasher.combine(prompt)
        }
    }

    /// Gives the answer and what it costs; throws in place of one; may wait.
    typealias Script = @Sendable (_ call: Call, _ time: Int) async throws -> (text: String, cost: Double)

    /// What was asked and what is under way.
    actor Book {
        private(set) var calls: [Call: Int] = [:]
        private(set) var order: [Call] = []
        private(set) var rounds: [Call: [String]] = [:]
        private var underWay: [String: Int] = [:]
        private(set) var mostUnderWay: [String: Int] = [:]
        private var waiting: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []

        var total: Int { order.count }
        /// That each call was sent with.
        var maxTokens: [UInt32] { order.map(\.maxTokens) }

        func begin(_ call: Call) -> Int {
            calls[call, default: 0] += 1
            order.append(call)
            underWay[call.model, default: 0] += 1
            mostUnderWay[call.model] = max(mostUnderWay[call.model] ?? 0, underWay[call.model] ?? 0)
            for waiter in waiting where order.count >= waiter.count { waiter.continuation.resume() }
            waiting.removeAll { order.count >= $0.count }
            return calls[call] ?? 0
        }

        func end(_ call: Call) { underWay[call.model, default: 0] -= 1 }

        func noteDraft(_ draft: String, of call: Call) { rounds[call, default: []].append(draft) }

        /// Waits until so many calls were begun.
        func reached(_ count: Int) async {
            guard order.count < count else { return }
            await withCheckedContinuation { waiting.append((count, $0)) }
        }
    }

    let book = Book()
    let address: EndpointAddress
    private let task: Task<Void, Never>

    init(models: [Model], script: @escaping Script) async throws {
        var logger = Logger(label: "scripted")
        logger.logLevel = .critical
        let server = HerdServer(name: "router", logger: logger)
        let book = book
        server.unary(Registry.listModels) { _, _ in ListModelsResponse(models: models) }
        server.stream(Router.generate) { request, _, writer in
            let call = Call(
                model: request.model, prompt: request.prompt, maxTokens: request.options?.maxTokens ?? 0)
            let answer = try await Self.ask(call, book, script)
            // Models speak piece by piece.
            for piece in answer.text { try await writer.send(GenerateEvent(event: .delta(String(piece)))) }
            try await writer.send(GenerateEvent(event: .finish(Self.finish(request.model, cost: answer.cost))))
        }
        server.stream(Refiner.refine) { request, _, writer in
            try await Self.refine(request, book, script) { try await writer.send($0) }
        }
        address = try #require(try await server.start().first)
        task = Task { await server.serve() }
    }

    func stop() async {
        task.cancel()
        await task.value
    }

    private static func ask(_ call: Call, _ book: Book, _ script: Script) async throws -> (text: String, cost: Double) {
        let time = await book.begin(call)
        do {
            let answer = try await script(call, time)
            await book.end(call)
            return answer
        } catch {
            await book.end(call)
            throw error
        }
    }

    private static func finish(_ model: String, cost: Double) -> GenerationFinish {
        // It waited three seconds for its turn.
        GenerationFinish(
            reason: "stop", usage: Usage(promptTokens: 10, completionTokens: 5, costUsd: cost), model: model,
            attempts: [Attempt(model: model, seconds: 0.25)], firstTokenSeconds: 3.125, seconds: 3.25)
    }

    /// Round k asks the script for "prompt#k"; a blank rewrite changes nothing and ends it, and a model with the name
    /// "content" finds nothing in round 2.
    private static func refine(
        _ request: RefinementRequest, _ book: Book, _ script: Script,
        _ send: (RefinementEvent) async throws -> Void
    ) async throws {
        let maxTokens = request.options?.maxTokens ?? 0
        let call = Call(model: request.model, prompt: request.prompt, maxTokens: maxTokens)
        var result = RefinementResult(stoppedBecause: "rounds", usage: Usage())
        func finished(_ step: String, _ round: Int, _ cost: Double) -> RefinementEvent {
            result.usage?.costUsd += cost
            return RefinementEvent(
                step: step, round: UInt32(round),
                finished: RefinementStep(model: request.model, usage: Usage(costUsd: cost), seconds: 0.5))
        }
        await book.noteDraft(request.draft, of: call)
        result.text = request.draft
        if request.draft.isEmpty {
            let draft = try await ask(call, book, script)
            result.text = draft.text
            try await send(RefinementEvent(step: "draft", delta: draft.text))
            try await send(finished("draft", 0, draft.cost))
        }
        for round in 1...Int(max(1, request.rounds)) where request.rounds > 0 {
            try await send(RefinementEvent(step: "critique", delta: "Hm.", round: UInt32(round)))
            try await send(finished("critique", round, 0.001))
            if request.model == "content", round == 2 {
                result.stoppedBecause = "critique found nothing"
                break
            }
            let rewrite: (text: String, cost: Double)
            do {
                rewrite = try await ask(
                    Call(model: request.model, prompt: "\(request.prompt)#\(round)", maxTokens: maxTokens), book, script
                )
            } catch {
                result.stoppedBecause = "error"
                result.partial = true
                // What a step that broke off cost is told by the result alone.
                result.usage?.costUsd += 0.002
                try await send(RefinementEvent(step: "final", result: result))
                throw error
            }
            try await send(RefinementEvent(step: "rewrite", delta: rewrite.text, round: UInt32(round)))
            try await send(finished("rewrite", round, rewrite.cost))
            if rewrite.text.allSatisfy(\.isWhitespace) {
                result.stoppedBecause = "no change"
                break
            }
            result.text = rewrite.text
        }
        try await send(RefinementEvent(step: "final", result: result))
    }
}

/// A scorer in this process on a real store and sockets, with a scripted router.
final class ScorerHarness: Sendable {
    let router: ScriptedRouter
    let client: HerdClient
    let folder: URL
    private let task: Task<Void, any Error>

    private init(router: ScriptedRouter, client: HerdClient, folder: URL, task: Task<Void, any Error>) {
        self.router = router
        self.client = client
        self.folder = folder
        self.task = task
    }

    /// Models have an endpoint, take two calls at once and are free unless a test says otherwise.
    static func run(
        models: [Model] = [model("large"), model("small")], script: @escaping ScriptedRouter.Script,
        _ body: (ScorerHarness) async throws -> Void
    ) async throws {
        let router = try await ScriptedRouter(models: models, script: script)
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        var configuration = HerdConfiguration()
        configuration.scorer.listen = ["127.0.0.1:0"]
        configuration.scorer.data = folder.appending(path: "scorer").path
        configuration.scorer.routerAddress = router.address.description
        let scorer = try ScorerProcess(configuration, logger: logger)
        let address = try #require(try await scorer.start().first)
        let harness = ScorerHarness(
            router: router, client: HerdClient(address: address), folder: folder,
            task: Task { try await scorer.run() })
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(harness))
        } catch {
            result = .failure(error)
        }
        harness.client.close()
        harness.task.cancel()
        try? await harness.task.value
        await router.stop()
        try result.get()
    }

    static func model(
        _ name: String, concurrency: UInt32 = 2, priceIn: Double = 0, priceOut: Double = 0, outputTokens: Double = 0
    ) -> Model {
        Model(
            name: name, priceIn: priceIn, priceOut: priceOut, free: priceIn == 0 && priceOut == 0, memoryGb: 1,
            endpoints: [Endpoint(baseUrl: "http://127.0.0.1:1/v1", maxConcurrency: concurrency)],
            outputTokens: outputTokens)
    }

    @discardableResult
    func put(_ items: [SuiteItem], replace: Bool = false) async throws -> PutSuiteResponse {
        try await client.call(Scorer.putSuite, PutSuiteRequest(suite: "s", items: items, replace: replace))
    }

    /// Runs the suite to its end and gives every event.
    func evaluate(_ change: (inout EvaluateRequest) -> Void = { _ in }) async throws -> [EvaluateEvent] {
        var request = EvaluateRequest(suite: "s")
        change(&request)
        var events: [EvaluateEvent] = []
        for try await event in client.stream(Scorer.evaluate, request) { events.append(event) }
        return events
    }
}

extension SuiteItem {
    /// Questions "q0", "q1", ... whose right answers are "a0", "a1", ...
    static func several(_ count: Int) -> [SuiteItem] {
        (0..<count).map { SuiteItem(id: "q\($0)", prompt: "question \($0)", task: "t", reference: "a\($0)") }
    }
}
