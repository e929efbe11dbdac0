import ArgumentParser
import HerdMessages

/// How a request is to be routed, and for whom; shared by every command that routes.
package struct RoutingArguments: ParsableArguments {
    @Option(help: "The policy; \"default\" if not given.")
    var policy: String?
    @Option(name: .customLong("goal"), help: "A goal and its lambda, e.g. cost=100; may be repeated.")
    var goals: [String] = []
    @OptionGroup(title: "Hard limits") var limits: ConstraintOptions
    @Option(help: "The tenant the call is made for.")
    var tenant: String?

    package init() {}

    func request(prompt: String, messages: [ChatMessage] = []) throws -> RouteRequest {
        var route = RouteRequest(prompt: prompt, messages: messages, policy: policy ?? "")
        let goals = try GoalOption.parse(goals)
        route.goals = goals.isEmpty ? nil : Goals(goals: goals)
        route.constraints = limits.constraints
        return route
    }

    /// What is sent along with the call.
    var metadata: [String: String] { tenant.map { ["tenant": $0] } ?? [:] }
}
