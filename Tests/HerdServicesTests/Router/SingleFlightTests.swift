import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import HerdServices
import HerdTransport
import Logging
import RandomMessages
import Synchronization
import Testing

@Suite struct SingleFlightTests {
    @Test func aHundredWhoAskAtOnceAreServedByOne() async throws {
        let flight = SingleFlight<Int, Int>()
        let works = Count()
        let values = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    try await flight.value(for: 7) {
                        works.add()
                        try await eventually { flight.waiterCount(for: 7) == 99 }
                        return 42
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(values == Array(repeating: 42, count: 100))
        #expect(works.value == 1)
        // Nothing is remembered.
        #expect(try await flight.value(for: 7) { 43 } == 43)
    }

    @Test func whereTheFirstIsCancelledAnotherDoesTheWork() async throws {
        let flight = SingleFlight<Int, Int>()
        let works = Count()
        let ask: @concurrent @Sendable () async throws -> Int = {
            try await flight.value(for: 7) {
                let number = works.add()
                if number <= 2 { try await Task.sleep(for: .seconds(3_600)) }
                return number
            }
        }
        let first = Task { try await ask() }
        try await eventually { works.value == 1 }
        let second = Task { try await ask() }
        try await eventually { flight.waiterCount(for: 7) == 1 }
        let others = (0..<20).map { _ in Task { try await ask() } }
        try await eventually { flight.waiterCount(for: 7) == 21 }
        first.cancel()
        // The oldest of those who wait takes over, and is cancelled in turn.
        try await eventually { works.value == 2 }
        second.cancel()
        for other in others { #expect(try await other.value == 3) }
        for cancelled in [first, second] { await #expect(throws: CancellationError.self) { try await cancelled.value } }
        #expect(flight.waiterCount(for: 7) == 0)
    }

    @Test func aFailureIsEverybodysAndIsNotKept() async throws {
        struct Failure: Error {}
        let flight = SingleFlight<Int, Int>()
        let tasks = (0..<10).map { _ in
            Task {
                try await flight.value(for: 7) {
                    try await eventually { flight.waiterCount(for: 7) == 9 }
                    throw Failure()
                }
            }
        }
        for task in tasks { await #expect(throws: Failure.self) { try await task.value } }
        #expect(try await flight.value(for: 7) { 1 } == 1)
    }

    @Test func whoWaitsNeedNotWaitOnWhenCancelled() async throws {
        let flight = SingleFlight<Int, Int>()
        let isDone = Count()
        let first = Task {
            try await flight.value(for: 7) {
                try await eventually { isDone.value > 0 }
                return 1
            }
        }
        try await eventually { flight.isUnderWay(7) }
        let waiting = Task { try await flight.value(for: 7) { 2 } }
        try await eventually { flight.waiterCount(for: 7) == 1 }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        #expect(flight.waiterCount(for: 7) == 0)
        isDone.add()
        #expect(try await first.value == 1)
        // Cancelled before it asks.
        let late = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await flight.value(for: 8) { 3 }
        }
        late.cancel()
        #expect(try await late.value == 3)
    }

    @Test func manyCancelledAtRandomLeaveNobodyWaiting() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SplitMix(seed: seed)
        let flight = SingleFlight<Int, Int>()
        var tasks: [(task: Task<Int, any Error>, isCancelled: Bool)] = []
        for _ in 0..<2_000 {
            let key = Int.random(in: 0..<8, using: &random)
            let task = Task {
                try await flight.value(for: key) {
                    for _ in 0..<20 {
                        try Task.checkCancellation()
                        await Task.yield()
                    }
                    return key
                }
            }
            let isCancelled = Bool.random(using: &random)
            if isCancelled { task.cancel() }
            tasks.append((task, isCancelled))
        }
        for (task, isCancelled) in tasks {
            do {
                _ = try await task.value
            } catch {
                #expect(isCancelled && error is CancellationError, "seed \(seed): \(error)")
            }
        }
        for key in 0..<8 { #expect(!flight.isUnderWay(key), "seed \(seed)") }
    }

    @Test func aCallerWhoGoesDoesNotFailTheOthersOfAPrompt() async throws {
        try await withGatedHerd { scorer, router in
            let first = Task { try await router.call(Router.route, RouteRequest(prompt: "a prompt")) }
            try await eventually { scorer.asked == 1 }
            let others = (0..<20).map { _ in
                Task { try await router.call(Router.route, RouteRequest(prompt: "a prompt")) }
            }
            // They have come when they are counted as misses.
            try await eventually {
                try await router.call(Admin.status, StatusRequest()).figures["cache_misses"] == 21
            }
            first.cancel()
            let error = await #expect(throws: CallError.self) { try await first.value }
            #expect(error?.code == .cancelled)
            try await eventually { scorer.asked == 2 }
            scorer.open()
            for other in others {
                let reply = try await other.value
                #expect(!reply.degraded && reply.model == "good", "\(reply.degradedBecause)")
            }
            #expect(scorer.asked == 2)
            #expect(try await router.call(Router.route, RouteRequest(prompt: "a prompt")).cached)
        }
    }
}

private final class Count: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .relaxed) }

    @discardableResult
    func add() -> Int { count.add(1, ordering: .relaxed).newValue }
}

/// A scorer that answers no Predict before it is told to.
private final class GatedScorer: Sendable {
    private let predicts = Count()
    private let opened = Count()

    var asked: Int { predicts.value }
    func open() { opened.add() }

    func register(with server: HerdServer) {
        server.stream(Scorer.watchPredictor, endsWithDrain: true) { _, _, writer in
            try await writer.send(
                PredictorEvent(version: "p", models: ["bad", "good"], topics: ["t"], means: [0.2, 0.6]))
            try await Task.sleep(for: .seconds(3_600))
        }
        // Who asks again and again would keep an event loop from its sockets.
        server.unary(Scorer.predict, on: .pool) { request, _ in
            self.predicts.add()
            try await eventually { self.opened.value > 0 }
            return PredictResponse(
                predictorVersion: "p", models: ["bad", "good"], qualities: [0.1, 0.9], topic: "t",
                topicProbability: 1, prior: 0.5, promptTokens: 3)
        }
    }
}

/// A real router before a gated scorer.
private func withGatedHerd(_ body: (GatedScorer, HerdClient) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "herd-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let scorer = GatedScorer()
    let server = HerdServer(name: "scorer", logger: logger)
    scorer.register(with: server)
    var configuration = HerdConfiguration()
    configuration.router.scorerAddress = try #require(try await server.start().first).description
    configuration.router.listen = ["127.0.0.1:0"]
    configuration.router.data = folder.path
    let process = try await RouterProcess(configuration, logger: logger)
    let client = HerdClient(address: try #require(try await process.start().first))
    let running = Task { try await process.run() }
    do {
        for model in ["bad", "good"] {
            _ = try await client.call(Registry.putModel, PutModelRequest(model: Model(name: model, free: true)))
        }
        try await eventually {
            try await client.call(Admin.status, StatusRequest()).facts["predictor_version"] == "p"
        }
        try await body(scorer, client)
    } catch {
        Issue.record(error)
    }
    client.close()
    running.cancel()
    try await running.value
    await server.stop(timeout: .zero)
}

/// Asks again until the condition holds; throws after ten seconds, or when the task is cancelled.
private func eventually(_ condition: () async throws -> Bool) async throws {
    struct Never: Error {}
    let deadline = ContinuousClock.now + .seconds(10)
    while try await !condition() {
        try Task.checkCancellation()
        guard ContinuousClock.now < deadline else { throw Never() }
        await Task.yield()
    }
}
