import HerdClient
import HerdMessages

/// The README's example, compiled: keep the two alike.
func answerer(for prompt: String) async throws -> String {
    let client = HerdClient(host: "127.0.0.1", port: 7601)
    defer { client.close() }
    let request = RouteRequest(
        prompt: prompt, goals: Goals(goals: [Goal(name: "cost", lambda: 100)]), explain: true)
    let reply = try await client.call(Router.route, request, timeout: .seconds(1))
    for candidate in reply.candidates {
        print(candidate.model, candidate.utility, candidate.excludedBecause)
    }
    return reply.model
}

func answer(to prompt: String) async throws -> String {
    let client = HerdClient(host: "127.0.0.1", port: 7601)
    defer { client.close() }
    var answer = ""
    let request = CompleteRequest(route: RouteRequest(prompt: prompt, session: "talk-17"))
    for try await event in client.stream(Router.complete, request, timeout: .seconds(60)) {
        switch event.event {
        case .delta(let text)?: answer += text
        case .failed(let attempt)?: print("\(attempt.model) failed, another is asked: \(attempt.error)")
        case .finish(let finish)?: print(finish.generation?.model ?? "", finish.generation?.usage?.costUsd ?? 0)
        default: break
        }
    }
    return answer
}
