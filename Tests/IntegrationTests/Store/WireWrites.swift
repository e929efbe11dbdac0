import Foundation
import HerdClient
import HerdMessages
import Synchronization
import Testing

/// Writes of every kind through the wire, and the test's own list of those that were acknowledged.
final class WireWrites: Sendable {
    enum Write: Hashable, Sendable {
        case model(String)
        case policy(String)
        case row(String)
        case feedback(String)
    }

    private let acknowledged = Mutex<[Write]>([])

    var all: [Write] { acknowledged.withLock { $0 } }

    var count: Int { acknowledged.withLock { $0.count } }

    private func add(_ write: Write) { acknowledged.withLock { $0.append(write) } }

    /// A model, and a policy that routes to it without a predictor.
    func prepare(_ client: HerdClient) async throws {
        _ = try await client.call(Registry.putModel, PutModelRequest(model: Model(name: "fallback", free: true)))
        add(.model("fallback"))
        let policy = Policy(name: "default", defaultModel: "fallback")
        _ = try await client.call(Registry.putPolicy, PutPolicyRequest(policy: policy))
        add(.policy("default"))
    }

    /// Writes from several tasks until calls fail because the herd is gone, or the task is cancelled.
    func run(_ client: HerdClient, tag: String) async {
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<6 {
                group.addTask { [self] in
                    var number = 0
                    while !Task.isCancelled {
                        do {
                            try await one(client, "\(tag)-\(worker)-\(number)", kind: (worker + number) % 4)
                        } catch {
                            return
                        }
                        number += 1
                    }
                }
            }
        }
    }

    private func one(_ client: HerdClient, _ name: String, kind: Int) async throws {
        switch kind {
        case 0:
            _ = try await client.call(Registry.putModel, PutModelRequest(model: Model(name: name, free: true)))
            add(.model(name))
        case 1:
            let policy = Policy(name: name, defaultModel: "fallback")
            _ = try await client.call(Registry.putPolicy, PutPolicyRequest(policy: policy))
            add(.policy(name))
        case 2:
            _ = try await client.call(Scorer.import, ImportRequest(evaluations: [Self.row(name)]))
            add(.row(name))
        default:
            // Only the fallback: the herd grows by thousands of models.
            let constraints = Constraints(allow: ["fallback"])
            let reply = try await client.call(
                Router.route, RouteRequest(prompt: "prompt \(name)", constraints: constraints))
            _ = try await client.call(
                Router.feedback, FeedbackRequest(decisionId: reply.decisionId, outcome: 0.25, comment: name))
            add(.feedback(reply.decisionId))
        }
    }

    private static func row(_ name: String) -> Evaluation {
        Evaluation(id: name, prompt: "prompt \(name)", task: "t", scores: ["m": 0.5])
    }

    /// Asks for each of the writes; records an issue for one that is not there.
    static func check(_ writes: some Sequence<Write>, with client: HerdClient, _ what: String) async throws {
        for write in writes {
            do {
                switch write {
                case .model(let name): _ = try await client.call(Registry.getModel, GetModelRequest(name: name))
                case .policy(let name): _ = try await client.call(Registry.getPolicy, GetPolicyRequest(name: name))
                case .row(let name):
                    // A row that was lost would count as added.
                    let reply = try await client.call(Scorer.import, ImportRequest(evaluations: [row(name)]))
                    #expect(reply.unchanged == 1, "\(what): \(write)")
                case .feedback(let id):
                    let found = try await client.call(Router.getDecision, GetDecisionRequest(decisionId: id))
                    #expect(found.decision?.outcomes.map(\.outcome) == [0.25], "\(what): \(write)")
                }
            } catch {
                Issue.record("\(what): \(write): \(error)")
                return
            }
        }
    }
}
