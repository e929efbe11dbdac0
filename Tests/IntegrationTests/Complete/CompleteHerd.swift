import Foundation
import HerdClient
import HerdDatasets
import HerdFrames
import HerdMessages
import PlantedGains
import Testing

/// A scorer's store with a predictor, made once for all herds of a run.
final class TaughtScorer: Sendable {
    let folder: URL

    private static let place = FileManager.default.temporaryDirectory
        .appending(path: "herd-taught-\(ProcessInfo.processInfo.processIdentifier)")
    private static let ranking = Task { try await TaughtScorer("ranking", rankedEvaluations) }
    private static let refining = Task { try await TaughtScorer("refining", refinedEvaluations) }

    /// "a" is best for everything, then "b", then "c".
    static var preferring: TaughtScorer {
        get async throws { try await ranking.value }
    }

    /// `PlantedGains`: a round of refinement makes "alder" best at poetry.
    static var gaining: TaughtScorer {
        get async throws { try await refining.value }
    }

    private static var rankedEvaluations: [Evaluation] {
        (0..<30).map { index in
            Evaluation(
                id: "\(index)", prompt: "question number \(index) of many", task: index % 2 == 0 ? "even" : "odd",
                scores: [
                    "a": index % 10 == 0 ? 0.8 : 1, "b": index % 2 == 0 ? 0.6 : 0.7, "c": index % 5 == 0 ? 0.4 : 0.1,
                ])
        }
    }

    private static var refinedEvaluations: [Evaluation] {
        var planted = PlantedGains(rows: 400)
        planted.rounds = 1
        return planted.make().map { row in
            Evaluation(
                id: row.id, prompt: row.prompt, task: row.task, scores: row.scores,
                refined: row.refined.mapValues { Rounds(values: $0) })
        }
    }

    private init(_ name: String, _ evaluations: [Evaluation]) async throws {
        folder = Self.place.appending(path: name)
        try FileManager.default.createDirectory(at: Self.place, withIntermediateDirectories: true)
        atexit { try? FileManager.default.removeItem(at: TaughtScorer.place) }
        let daemon = try await Daemon(["scorer", "--data", folder.path, "--listen", "127.0.0.1:0"], in: Self.place)
        let client = try daemon.client("scorer")
        _ = try await client.call(Scorer.import, ImportRequest(evaluations: evaluations))
        for try await _ in client.stream(Scorer.train, TrainRequest(seed: 1, promote: true)) {}
        client.close()
        #expect(await Blocking.onThread { daemon.terminate() } == 0)
    }
}

/// A herd of real processes whose models have endpoints.
final class CompleteHerd: Sendable {
    let folder: URL
    let daemon: Daemon
    let client: HerdClient

    private init(folder: URL, daemon: Daemon, client: HerdClient) {
        self.folder = folder
        self.daemon = daemon
        self.client = client
    }

    /// - Parameters:
    ///   - endpoints: of each model its base URL; a model without one is not registered.
    ///   - taught: what it predicts from; `TaughtScorer.preferring` if not given.
    ///   - hasRefiner: whether there is a refiner.
    ///   - configuration: of the router, more lines of the configuration file.
    static func with(
        _ endpoints: [String: String], taught: TaughtScorer? = nil, hasRefiner: Bool = true,
        configuration: String = "", _ body: (CompleteHerd) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-complete-\(UUID().uuidString)")
        let data = folder.appending(path: "data")
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "herdd.yaml")
        try Data("router:\n  log_prompts: false\n\(configuration)".utf8).write(to: file)
        let taughtFolder: URL
        if let taught {
            taughtFolder = taught.folder
        } else {
            taughtFolder = try await TaughtScorer.preferring.folder
        }
        try FileManager.default.copyItem(at: taughtFolder, to: data.appending(path: "scorer"))
        var daemons: [Daemon] = []
        defer { for daemon in daemons where daemon.process.isRunning { daemon.kill() } }
        if hasRefiner {
            daemons.append(
                try await Daemon(
                    [
                        "all", "--config", file.path, "--data", data.path, "--listen", "127.0.0.1:0",
                        "--scorer-listen", "127.0.0.1:0", "--refiner-listen", "127.0.0.1:0",
                    ], in: folder))
        } else {
            daemons.append(
                try await Daemon(
                    ["scorer", "--data", data.appending(path: "scorer").path, "--listen", "127.0.0.1:0"], in: folder))
            // A port that nobody listens on.
            daemons.append(
                try await Daemon(
                    [
                        "router", "--config", file.path, "--data", data.appending(path: "router").path, "--listen",
                        "127.0.0.1:0", "--scorer", try daemons[0].address("scorer"), "--refiner", "127.0.0.1:1",
                    ], in: folder))
        }
        let router = try #require(daemons.last)
        let client = try router.client("router")
        defer { client.close() }
        let herd = CompleteHerd(folder: folder, daemon: router, client: client)
        for (name, url) in endpoints { try await herd.put(name, url) }
        try await herd.eventually("the router follows the predictor") {
            try await client.call(Admin.status, StatusRequest()).facts["predictor_version"]?.isEmpty == false
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
        /// Steps of refinement that were finished.
        var steps: [String] = []
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
                case .refinement(let event)?: if event.finished != nil { answer.steps.append(event.step) }
                case .toolCall, .reasoning, nil: break
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
