import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// Router, scorer and refiner as three processes; the refiner can be killed and started again on its port.
final class RefineHerd {
    let folder: URL
    let scorer: Daemon
    let router: Daemon
    private(set) var refiner: Daemon
    let client: HerdClient

    private init(folder: URL, scorer: Daemon, refiner: Daemon, router: Daemon) throws {
        (self.folder, self.scorer, self.refiner, self.router) = (folder, scorer, refiner, router)
        client = try router.client("router")
    }

    /// The three know each other by the router's socket and by the ports that the kernel chose for the others.
    private static func start(in folder: URL) async throws -> RefineHerd {
        var started: [Daemon] = []
        do {
            let scorer = try await Daemon(
                [
                    "scorer", "--data", folder.appending(path: "scorer").path, "--listen", "127.0.0.1:0", "--router",
                    socket(in: folder),
                ], in: folder)
            started.append(scorer)
            let refiner = try await refiner(in: folder, listen: "127.0.0.1:0")
            started.append(refiner)
            let router = try await Daemon(
                [
                    "router", "--data", folder.appending(path: "router").path, "--listen", "127.0.0.1:0", "--listen",
                    socket(in: folder), "--scorer", try scorer.address("scorer"), "--refiner",
                    try refiner.address("refiner"),
                ], in: folder)
            started.append(router)
            return try RefineHerd(folder: folder, scorer: scorer, refiner: refiner, router: router)
        } catch {
            for daemon in started { daemon.kill() }
            throw error
        }
    }

    private static func socket(in folder: URL) -> String { "unix:\(folder.path)/router.sock" }

    /// The first model is the default policy's default model.
    private func add(_ models: [(name: String, url: String)]) async throws {
        for (name, url) in models {
            let model = Model(name: name, free: true, endpoints: [Endpoint(baseUrl: url)])
            _ = try await client.call(Registry.putModel, PutModelRequest(model: model))
        }
        guard let first = models.first else { return }
        _ = try await client.call(
            Registry.putPolicy, PutPolicyRequest(policy: Policy(name: "default", defaultModel: first.name)))
    }

    private static func refiner(in folder: URL, listen: String) async throws -> Daemon {
        try await Daemon(
            [
                "refiner", "--data", folder.appending(path: "refiner").path, "--listen", listen, "--router",
                socket(in: folder),
            ], in: folder)
    }

    func startRefinerAgain() async throws {
        refiner = try await Self.refiner(in: folder, listen: try refiner.address("refiner"))
    }

    /// Runs a test with a herd that is gone afterwards whatever happens.
    ///
    /// - Parameter models: the OpenAI-compatible base URL of each.
    static func with(
        models: [(name: String, url: String)], _ body: (RefineHerd) async throws -> Void
    ) async throws {
        // Short enough for a Unix socket.
        let folder = URL(filePath: "/tmp").appending(path: "herd-refine-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let herd = try await start(in: folder)
        defer { herd.end() }
        try await herd.add(models)
        try await body(herd)
    }

    private func end() {
        client.close()
        for daemon in [router, refiner, scorer] where daemon.process.isRunning { daemon.kill() }
    }

    /// Runs `herdctl` against the router.
    func ctl(_ arguments: String...) async throws -> (status: Int32, output: String, errors: String) {
        try await Programs.run(
            Programs.herdctl, arguments, environment: ["HERD_ADDRESS": try router.address("router")])
    }
}

/// What came of one Router/Refine.
struct RefinedAnswer {
    var decision: RouteResponse?
    var steps: [RefinementEvent] = []
    var answer = ""
    var error: CallError?

    var result: RefinementResult? { steps.last?.result }

    /// - Parameter onStep: hears of every step's events as they come.
    static func of(
        _ events: CallStream<RefineEvent>, onStep: (RefinementEvent) async throws -> Void = { _ in }
    ) async throws -> RefinedAnswer {
        var told = RefinedAnswer()
        do {
            for try await event in events {
                switch event.event {
                case .decision(let decision)?: told.decision = decision
                case .delta(let text)?: told.answer += text
                case .step(let step)?:
                    told.steps.append(step)
                    try await onStep(step)
                case nil: break
                }
            }
        } catch let error as CallError {
            told.error = error
        }
        return told
    }
}
