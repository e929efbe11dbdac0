import HerdFrames
import HerdMessages
import HerdPolicy

/// A request checked and resolved: what is to be predicted, and how candidates will be weighed.
struct RoutePlan {
    let policy: RoutingPolicy
    let policyRevision: UInt64
    let prompt: PromptText
    let goals: [HerdPolicy.Goal]
    let constraints: RoutingConstraints
    let expectedOutputTokens: Int?
    let explain: Bool
    /// "" where the call belongs to no conversation.
    let session: String
    let needs: RequestNeeds

    /// - Parameter needs: what running the chosen model asks of it.
    init(_ request: RouteRequest, needs: RequestNeeds = RequestNeeds(), view: RoutingView) throws(CallError) {
        guard let (policy, revision) = view.policy(named: request.policy) else {
            throw HerdRegistry.policies.missing(request.policy)
        }
        let callers = try [HerdPolicy.Goal](request.goals, field: "goals")
        let limits = try RoutingConstraints(request.constraints, field: "constraints")
        guard request.expectedOutputTokens <= 1_000_000 else {
            throw CallError(
                .invalidArgument,
                "expected_output_tokens must be at most 1000000, not \(request.expectedOutputTokens)")
        }
        if !request.session.isEmpty { try SessionModels.check(request.session) }
        prompt = try PromptText(request, readsFlags: policy.readsPromptFlags)
        if needs.endpoint, prompt.isBlank {
            let field = request.prompt.isEmpty ? "route.messages" : "route.prompt"
            let hasFlags = prompt.flags.map { !$0.known.isEmpty || !$0.unknown.isEmpty } ?? false
            throw CallError(
                .invalidArgument,
                "\(field) holds nothing\(hasFlags ? " but flags" : ""); write what is to be answered")
        }
        var goals = policy.goals(with: callers)
        var constraints = policy.constraints.tightened(by: limits)
        for flag in prompt.flags?.known ?? [] { flag.apply(goals: &goals, constraints: &constraints) }
        self.policy = policy
        policyRevision = revision
        self.goals = goals
        self.constraints = constraints
        expectedOutputTokens = request.expectedOutputTokens == 0 ? nil : Int(request.expectedOutputTokens)
        explain = request.explain
        session = request.session
        self.needs = needs
    }

    /// - Parameter predictedTokens: length of `prompt.text` in tokens.
    func facts(predictedTokens: Int) -> RequestFacts {
        // About four bytes of text make a token.
        RequestFacts(
            promptTokens: predictedTokens + (prompt.otherBytes + needs.promptBytes) / 4,
            expectedOutputTokens: expectedOutputTokens,
            maximumOutputTokens: needs.maximumOutputTokens,
            neededCapabilities: needs.capabilities.isEmpty
                ? prompt.neededCapabilities : prompt.neededCapabilities.union(needs.capabilities),
            needsEndpoint: needs.endpoint)
    }
}
