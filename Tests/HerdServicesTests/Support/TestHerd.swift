import Foundation
import HerdClient
import HerdDatasets
import HerdFrames
import HerdMessages
import HerdServices
import HerdTransport
import Logging
import Testing

/// A router and a scorer in this process, on real stores and sockets, in a folder of their own.
final class TestHerd: Sendable {
    let folder: URL
    let router: HerdClient
    let scorer: HerdClient
    private let routerTask: Task<Void, any Error>
    private let scorerTask: Task<Void, any Error>

    private init(
        folder: URL, router: HerdClient, scorer: HerdClient, routerTask: Task<Void, any Error>,
        scorerTask: Task<Void, any Error>
    ) {
        self.folder = folder
        self.router = router
        self.scorer = scorer
        self.routerTask = routerTask
        self.scorerTask = scorerTask
    }

    /// Starts a herd, on the stores an earlier one left where `folder` names them.
    ///
    /// - Parameters:
    ///   - refiner: the address of one.
    ///   - isLocal: whether the router knows that the scorer is in its process, as in `herdd all`.
    static func start(
        in folder: URL? = nil, refiner: EndpointAddress? = nil, isLocal: Bool = false
    ) async throws -> TestHerd {
        let folder =
            folder ?? FileManager.default.temporaryDirectory.appending(path: "herd-\(UUID().uuidString)")
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        var configuration = HerdConfiguration()
        configuration.scorer.listen = ["127.0.0.1:0"]
        configuration.scorer.data = folder.appending(path: "scorer").path
        configuration.router.listen = ["127.0.0.1:0"]
        configuration.router.data = folder.appending(path: "router").path
        let scorer = try ScorerProcess(configuration, logger: logger)
        let scorerAddress = try #require(try await scorer.start().first)
        configuration.router.scorerAddress = scorerAddress.description
        if let refiner { configuration.router.refinerAddress = refiner.description }
        let router = try await RouterProcess(
            configuration, scorer: isLocal ? scorer.local : nil, logger: logger)
        let routerAddress = try #require(try await router.start().first)
        let herd = TestHerd(
            folder: folder, router: HerdClient(address: routerAddress), scorer: HerdClient(address: scorerAddress),
            routerTask: Task { try await router.run() }, scorerTask: Task { try await scorer.run() })
        try await herd.eventually("the router follows the scorer") {
            try await herd.status(herd.router).facts["scorer"] == "connected"
        }
        return herd
    }

    /// Ends both, in order, with everything on disk; the folder stays.
    func stop() async throws {
        router.close()
        routerTask.cancel()
        try await routerTask.value
        scorer.close()
        scorerTask.cancel()
        try await scorerTask.value
    }

    func removeFolder() {
        try? FileManager.default.removeItem(at: folder)
    }

    // MARK: - What tests do with it

    /// Calls the router.
    func call<Request: Message, Reply: Message>(
        _ method: UnaryMethod<Request, Reply>, _ request: Request, metadata: [String: String] = [:]
    ) async throws -> Reply {
        try await router.call(method, request, metadata: metadata)
    }

    func status(_ client: HerdClient) async throws -> StatusResponse {
        try await client.call(Admin.status, StatusRequest())
    }

    func addModels(_ names: [String]) async throws {
        for name in names {
            _ = try await router.call(Registry.putModel, PutModelRequest(model: Model(name: name, free: true)))
        }
    }

    /// Imports the recorded demonstration, trains on it, puts the result in force, and waits for the router to follow.
    @discardableResult
    func trainDemonstration(seed: UInt64 = 1) async throws -> PredictorSummary {
        _ = try await router.call(Scorer.import, ImportRequest(evaluations: try Demonstration.evaluations()))
        let summary = try await train(TrainRequest(seed: seed, promote: true))
        try await follow(summary.version)
        return summary
    }

    func train(_ request: TrainRequest) async throws -> PredictorSummary {
        var summary: PredictorSummary?
        for try await event in router.stream(Scorer.train, request) {
            if case .trained(let trained)? = event.event { summary = trained }
        }
        return try #require(summary)
    }

    func follow(_ version: String) async throws {
        try await eventually("the router follows \(version)") {
            try await status(router).facts["predictor_version"] == version
        }
    }

    func route(_ prompt: String, _ change: (inout RouteRequest) -> Void = { _ in }) async throws -> RouteResponse {
        var request = RouteRequest(prompt: prompt)
        change(&request)
        return try await router.call(Router.route, request)
    }

    /// Asks again until the condition holds; fails after ten seconds.
    func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < deadline {
            if try await condition() { return }
            await Task.yield()
        }
        Issue.record("it never came about that \(what)")
    }
}

/// Runs a test with a herd that is stopped and removed whatever happens.
func withTestHerd(
    refiner: EndpointAddress? = nil, isLocal: Bool = false, _ body: (TestHerd) async throws -> Void
) async throws {
    let herd = try await TestHerd.start(refiner: refiner, isLocal: isLocal)
    defer { herd.removeFolder() }
    do {
        try await body(herd)
    } catch {
        try? await herd.stop()
        throw error
    }
    try await herd.stop()
}

/// The demonstration's recordings.
enum Demonstration {
    static let models = [
        "tiny-add", "tiny-copy", "tiny-date", "tiny-general", "tiny-reverse", "tiny-sort", "tiny-upper",
    ]

    static func evaluations() throws -> [Evaluation] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return try evaluations(at: root.appending(path: "Demo/evaluations.jsonl"))
    }

    static func evaluations(at file: URL) throws -> [Evaluation] {
        let file = try EvaluationFile(path: file.path)
        return file.rows.map {
            Evaluation(id: $0.id, prompt: $0.prompt, task: $0.task, scores: $0.scores, costs: $0.costs)
        }
    }
}

/// Expects a call to fail with a code, and gives the error's message.
@discardableResult
func expectFailure(
    _ code: StatusCode, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async -> String {
    do {
        try await body()
        Issue.record("nothing failed; \(code) was due", sourceLocation: sourceLocation)
        return ""
    } catch let error as CallError {
        #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
        return error.message
    } catch {
        Issue.record("\(error) is no CallError", sourceLocation: sourceLocation)
        return ""
    }
}
