import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Synchronization
import Testing

/// Calls of every kind, by callers that make one after another until they are told to stop, and what came of them.
final class CallLoad: Sendable, CustomStringConvertible {
    enum Kind: String, CaseIterable {
        /// Of a prompt that was never seen, and of one that is cached.
        case route, cachedRoute
        case complete, refine, health, getModel, putModel, feedback
        /// A cached route by a client that connects for it.
        case connect
    }

    struct Failure: CustomStringConvertible {
        let kind: Kind
        let error: CallError
        /// Whether the stream had begun.
        let hasBegun: Bool

        var description: String { "\(kind)\(hasBegun ? ", begun" : ""): \(error) \(error.metadata)" }
    }

    private struct State {
        var done: [Kind: Int] = [:]
        var degraded = 0
        var failures: [Failure] = []
        var longest: [Kind: Duration] = [:]
        var isStopping = false
    }

    private let herd: RestartHerd
    private let kinds: [Kind]
    private let state = Mutex(State())
    private let clients: [HerdClient]

    /// What each call may take in all.
    static let timeout = Duration.seconds(25)

    /// - Parameter kinds: one caller each.
    init(_ herd: RestartHerd, _ kinds: [Kind]) throws {
        self.herd = herd
        self.kinds = kinds
        clients = [try herd.client(), try herd.client(overSocket: true)]
    }

    /// Runs `body` under the load, then lets the last calls end.
    static func on(
        _ herd: RestartHerd, _ kinds: [Kind], _ body: (CallLoad) async throws -> Void
    ) async throws -> CallLoad {
        let load = try CallLoad(herd, kinds)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, kind) in kinds.enumerated() {
                group.addTask { try await load.call(kind, caller: number) }
            }
            do {
                try await load.advance()
                try await body(load)
                try await load.advance()
            } catch {
                load.stop()
                throw error
            }
            load.stop()
            try await group.waitForAll()
        }
        for client in load.clients { client.close() }
        return load
    }

    /// Waits until every caller has had a few answers more.
    func advance() async throws {
        let before = state.withLock { $0.done }
        try await eventually("every caller is answered: \(state.withLock { $0.done })") {
            let now = state.withLock { $0.done }
            return kinds.allSatisfy { now[$0, default: 0] >= before[$0, default: 0] + 3 }
        }
    }

    private func stop() { state.withLock { $0.isStopping = true } }

    var done: [Kind: Int] { state.withLock { $0.done } }
    var total: Int { done.values.reduce(0, +) }
    var degraded: Int { state.withLock { $0.degraded } }
    var failures: [Failure] { state.withLock { $0.failures } }
    /// Of each kind, how long the slowest call took.
    var longest: [Kind: Duration] { state.withLock { $0.longest } }

    /// What failed and may not: all but streams that had begun and ended with an honest word.
    var faults: [Failure] { failures.filter { !($0.hasBegun && $0.error.code == .unavailable) } }

    var description: String {
        let slowest = longest.values.max() ?? .zero
        return "\(total) calls, \(degraded) degraded, \(failures.count) streams cut, slowest \(slowest)"
    }

    // MARK: - One caller

    private func call(_ kind: Kind, caller: Int) async throws {
        let client = clients[caller % clients.count]
        var number = 0
        while !state.withLock({ $0.isStopping }) {
            number += 1
            var hasBegun = false
            let start = ContinuousClock.now
            do throws(CallError) {
                try await make(kind, "\(caller)-\(number)", client, &hasBegun)
                let took = ContinuousClock.now - start
                state.withLock { state in
                    state.done[kind, default: 0] += 1
                    state.longest[kind] = max(state.longest[kind] ?? .zero, took)
                }
            } catch {
                let failure = Failure(kind: kind, error: error, hasBegun: hasBegun)
                state.withLock { $0.failures.append(failure) }
            }
            try await Task.sleep(for: .milliseconds(3))
        }
    }

    private func make(
        _ kind: Kind, _ name: String, _ client: HerdClient, _ hasBegun: inout Bool
    ) async throws(CallError) {
        let timeout = Self.timeout
        switch kind {
        case .route, .cachedRoute:
            let prompt = kind == .route ? "question number \(name)" : "question number 1 of many"
            let reply = try await client.call(Router.route, RouteRequest(prompt: prompt), timeout: timeout)
            if reply.degraded { state.withLock { $0.degraded += 1 } }
        case .connect:
            guard let fresh = try? herd.client(overSocket: name.hash % 2 == 0) else { return }
            defer { fresh.close() }
            _ = try await fresh.call(
                Router.route, RouteRequest(prompt: "question number 1 of many"), timeout: timeout)
        case .complete:
            let request = CompleteRequest(route: RouteRequest(prompt: "question number \(name)"))
            var text = ""
            var isFinished = false
            for try await event in client.stream(Router.complete, request, timeout: timeout) {
                hasBegun = true
                switch event.event {
                case .delta(let part)?: text += part
                case .finish?: isFinished = true
                default: break
                }
            }
            guard isFinished, text == "one two three four" else {
                throw CallError(.dataLoss, "the stream ended well with '\(text)', finished: \(isFinished)")
            }
        case .refine:
            var request = RefineRequest(route: RouteRequest(prompt: "question number \(name)"), model: "a")
            request.roundsChoice = .rounds(1)
            var hasResult = false
            for try await event in client.stream(Router.refine, request, timeout: timeout) {
                if case .step(let step)? = event.event {
                    // A decision is no beginning of an answer.
                    hasBegun = true
                    hasResult = hasResult || step.result != nil
                }
            }
            guard hasResult else { throw CallError(.dataLoss, "the refinement ended well without a result") }
        case .health:
            _ = try await client.call(Admin.health, HealthRequest(), timeout: timeout)
        case .getModel:
            _ = try await client.call(Registry.getModel, GetModelRequest(name: "a"), timeout: timeout)
        case .putModel:
            let model = Model(name: "put-\(name)", free: true)
            _ = try await client.call(Registry.putModel, PutModelRequest(model: model), timeout: timeout)
            let kept = try await client.call(
                Registry.getModel, GetModelRequest(name: "put-\(name)"), timeout: timeout)
            guard kept.model?.name == "put-\(name)" else { throw CallError(.dataLoss, "a model was lost") }
        case .feedback:
            let reply = try await client.call(
                Router.route, RouteRequest(prompt: "question number 1 of many"), timeout: timeout)
            _ = try await client.call(
                Router.feedback, FeedbackRequest(decisionId: reply.decisionId, outcome: 0.5), timeout: timeout)
        }
    }
}
