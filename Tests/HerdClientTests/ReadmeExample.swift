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
