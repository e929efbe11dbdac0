import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// A scorer's store with a predictor, made once for all herds of a run.
final class TaughtScorer: Sendable {
    let folder = TaughtScorer.place

    private static let place = FileManager.default.temporaryDirectory
        .appending(path: "herd-taught-\(ProcessInfo.processInfo.processIdentifier)")

    private static let taught = Task { try await TaughtScorer() }

    static var shared: TaughtScorer {
        get async throws { try await taught.value }
    }

    private init() async throws {
        let daemon = try await Daemon(
            ["scorer", "--data", folder.path, "--listen", "127.0.0.1:0"], in: folder.deletingLastPathComponent())
        let client = try daemon.client("scorer")
        let evaluations = (0..<30).map { index in
            Evaluation(
                id: "\(index)", prompt: "question number \(index) of many", task: index % 2 == 0 ? "even" : "odd",
                scores: [
                    "a": index % 10 == 0 ? 0.8 : 1, "b": index % 2 == 0 ? 0.6 : 0.7, "c": index % 5 == 0 ? 0.4 : 0.1,
                ])
        }
        _ = try await client.call(Scorer.import, ImportRequest(evaluations: evaluations))
        for try await _ in client.stream(Scorer.train, TrainRequest(seed: 1, promote: true)) {}
        client.close()
        #expect(await Blocking.onThread { daemon.terminate() } == 0)
        atexit { try? FileManager.default.removeItem(at: TaughtScorer.place) }
    }
}

/// A herd of real processes whose models have endpoints: "a" is predicted to be best for everything, then "b", then "c".
final class CompleteHerd: Sendable {
    let folder: URL
    let daemon: Daemon
    let client: HerdClient

    static let models = ["a", "b", "c"]

    private init(folder: URL, daemon: Daemon, client: HerdClient) {
        self.folder = folder
        self.daemon = daemon
        self.client = client
    }

    /// - Parameters:
    ///   - endpoints: of each model its base URL; a model without one is not registered.
    ///   - configuration: more of the configuration file.
    static func with(
        _ endpoints: [String: String], configuration: String = "", _ body: (CompleteHerd) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-complete-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder.appending(path: "data"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "herdd.yaml")
        // A port nobody listens on: these herds have no refiner.
        try Data("router:\n  refiner_address: 127.0.0.1:1\n\(configuration)".utf8).write(to: file)
        try FileManager.default.copyItem(
            at: try await TaughtScorer.shared.folder, to: folder.appending(path: "data/scorer"))
        let daemon = try await Daemon(
            [
                "all", "--config", file.path, "--data", folder.appending(path: "data").path, "--listen", "127.0.0.1:0",
                "--scorer-listen", "127.0.0.1:0",
            ], in: folder)
        defer { if daemon.process.isRunning { daemon.kill() } }
        let client = try daemon.client("router")
        defer { client.close() }
        let herd = CompleteHerd(folder: folder, daemon: daemon, client: client)
        for (name, url) in endpoints { try await herd.put(name, url) }
        try await herd.eventually("the router follows the predictor") {
            try await client.call(Admin.health, HealthRequest()).state == .serving
        }
        try await body(herd)
    }

    func put(_ name: String, _ url: String, _ change: (inout Model) -> Void = { _ in }) async throws {
        var model = Model(name: name, priceIn: 1, priceOut: 2)
        model.endpoints = [Endpoint(baseUrl: url, model: "a-model")]
        change(&model)
        _ = try await client.call(Registry.putModel, PutModelRequest(model: model))
    }

    /// What came of one call.
    struct Answer {
        var decision: RouteResponse?
        var text = ""
        var pieces = 0
        var failed: [Attempt] = []
        var finish: CompleteFinish?
        /// The status it ended with; nil for OK.
        var error: CallError?
        var seconds = 0.0
    }

    /// Completes a prompt and waits for the end.
    func complete(
        _ prompt: String, timeout: Duration = .seconds(30), _ change: (inout CompleteRequest) -> Void = { _ in }
    ) async -> Answer {
        var request = CompleteRequest(route: RouteRequest(prompt: prompt))
        change(&request)
        var answer = Answer()
        let start = ContinuousClock.now
        do {
            for try await event in client.stream(Router.complete, request, timeout: timeout) {
                switch event.event {
                case .decision(let decision)?: answer.decision = decision
                case .delta(let text)?:
                    answer.text += text
                    answer.pieces += 1
                case .failed(let attempt)?: answer.failed.append(attempt)
                case .finish(let finish)?: answer.finish = finish
                case .toolCall, .reasoning, .refinement, nil: break
                }
            }
        } catch {
            answer.error = error
        }
        answer.seconds = (ContinuousClock.now - start) / .seconds(1)
        return answer
    }

    /// The run that the log keeps of a decision.
    func run(of answer: Answer) async throws -> RunOutcome {
        let id = try #require(answer.decision?.decisionId)
        let reply = try await client.call(Router.getDecision, GetDecisionRequest(decisionId: id))
        return try #require(reply.decision?.run)
    }

    /// Resident bytes of the daemon.
    func residentBytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(daemon.process.processIdentifier)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(Int(line.split(whereSeparator: \.isWhitespace)[1])) * 1_024
    }

    func openFiles() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(daemon.process.processIdentifier)/fd").count
    }

    func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < deadline {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(2))
        }
        Issue.record("it never came about that \(what)")
    }
}
