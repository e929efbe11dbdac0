import HerdPolicy
import Testing

@Suite struct CandidateRankingTests {
    let small = ModelProfile(
        name: "small", parametersB: 7, context: 4_096, price: Price(input: 0.2, output: 0.2),
        released: CalendarDay("2024-01-01"), tokensPerSecond: 100)
    let large = ModelProfile(
        name: "large", parametersB: 70, context: 8_192, price: Price(input: 0.9, output: 0.9), memoryGB: 140)
    let request = RequestFacts(promptTokens: 100)

    func rank(
        _ inputs: [CandidateInput], goals: [Goal] = [], constraints: RoutingConstraints = RoutingConstraints(),
        policy: RoutingPolicy = RoutingPolicy(name: "test"), prior: Double? = nil
    ) -> CandidateRanking {
        CandidateRanking(
            inputs, request: request, policy: policy, goals: policy.goals(with: goals), constraints: constraints,
            prior: prior)
    }

    @Test func termsAddUpToTheUtilityExactly() {
        let ranking = rank(
            [CandidateInput(model: small, quality: 0.61), CandidateInput(model: large, quality: 0.73)],
            goals: GoalKind.allCases.map { Goal($0, lambda: 0.0037) })
        #expect(ranking.candidates.count == 2)
        for candidate in ranking.candidates {
            #expect(candidate.terms.count == GoalKind.allCases.count + 1)
            #expect(candidate.terms.reduce(0) { $0 + $1.value } == candidate.utility)
        }
        let sizes = ranking.candidates.first { $0.name == "large" }?.terms.first { $0.goal == .latency }
        #expect(sizes?.isAssumed == true)
    }

    @Test func goalsChangeTheOrder() {
        let inputs = [CandidateInput(model: small, quality: 0.6), CandidateInput(model: large, quality: 0.7)]
        #expect(rank(inputs).candidates.map(\.name) == ["large", "small"])
        #expect(rank(inputs, goals: [Goal(.size, lambda: 0.01)]).candidates.map(\.name) == ["small", "large"])
        #expect(rank(inputs, goals: [Goal(.size, lambda: -1)]).candidates.map(\.name) == ["large", "small"])
    }

    @Test func aUtilityDoesNotDependOnTheRestOfTheHerd() {
        let goals = [Goal(.cost, lambda: 100), Goal(.age, lambda: 0.01)]
        let alone = rank([CandidateInput(model: small, quality: 0.6)], goals: goals)
        let together = rank(
            [CandidateInput(model: large, quality: 0.9), CandidateInput(model: small, quality: 0.6)], goals: goals)
        #expect(alone.candidates[0] == together.candidates.first { $0.name == "small" })
    }

    @Test func relativeScaleSpansZeroToOne() {
        var policy = RoutingPolicy(name: "relative")
        policy.scale = .relative
        let ranking = rank(
            [CandidateInput(model: small, quality: 0.6), CandidateInput(model: large, quality: 0.6)],
            goals: [Goal(.size, lambda: 0.2)], policy: policy)
        #expect(ranking.candidates.map(\.name) == ["small", "large"])
        #expect(ranking.candidates[0].utility == 0.6)
        #expect(ranking.candidates[1].utility == 0.6 + -(0.2 * 1.0))
    }

    @Test func tiesGoToTheFirstName() {
        let models = ["b", "a", "Z", "ä"].map { CandidateInput(model: ModelProfile(name: $0), quality: 0.5) }
        #expect(rank(models).candidates.map(\.name) == ["Z", "a", "b", "ä"])
    }

    @Test func measuredCostsWinOverListPrices() {
        let ranking = rank([CandidateInput(model: small, quality: 0.5, measuredCost: 0.25)])
        #expect(ranking.candidates[0].costUSD == 0.25)
        let listed = rank([CandidateInput(model: small, quality: 0.5, measuredCost: .nan)])
        #expect(listed.candidates[0].costUSD == 0.2 * 356 / 1_000_000)
    }

    @Test func unseenModelsAreExcludedOrGetThePrior() {
        let inputs = [CandidateInput(model: small, quality: 0.6), CandidateInput(model: large, quality: nil)]
        let excluding = rank(inputs, prior: 0.5)
        #expect(excluding.excluded.map(\.excludedBecause) == ["no prediction"])
        var policy = RoutingPolicy(name: "prior")
        policy.unknownModels = .prior
        let including = rank(inputs, policy: policy, prior: 0.5)
        #expect(including.candidates.map(\.name) == ["small", "large"])
        #expect(including.candidates[1].isPrior)
        #expect(including.candidates[1].quality == 0.45)
    }

    @Test(arguments: [
        (RoutingConstraints(allow: ["other"]), "not among the allowed models"),
        (RoutingConstraints(deny: ["small"]), "denied"),
        (RoutingConstraints(capabilities: ["tools"]), "lacks the capability 'tools'"),
        (RoutingConstraints(maxCostUSD: 1e-6), "cost of 7.12e-05 USD is over the limit of 1e-06"),
        (RoutingConstraints(maxLatencySeconds: 1), "latency of 2.56 s is over the limit of 1.0"),
        (RoutingConstraints(maxParametersB: 3), "size of 7.0 B parameters is over the limit of 3.0"),
        (RoutingConstraints(maxMemoryGB: 3), "memory not declared, limit 3.0 GB"),
        (RoutingConstraints(localOnly: true), "not local"),
        (RoutingConstraints(minContextTokens: 5_000), "context window of 4096 tokens is under the 5000 wanted"),
        (RoutingConstraints(maxPriceOut: 0.1), "output price of 0.2 USD per million tokens is over the limit of 0.1"),
    ])
    func hardLimitsExcludeWithAReason(constraints: RoutingConstraints, reason: String) {
        let ranking = rank([CandidateInput(model: small, quality: 1)], constraints: constraints)
        #expect(ranking.candidates.isEmpty)
        #expect(ranking.excluded.map(\.excludedBecause) == [reason])
    }

    @Test func aPromptLongerThanTheContextExcludes() {
        let ranking = CandidateRanking(
            [CandidateInput(model: small, quality: 1)], request: RequestFacts(promptTokens: 4_096),
            policy: RoutingPolicy(name: "test"), goals: [], constraints: RoutingConstraints(), prior: nil)
        #expect(ranking.excluded.first?.excludedBecause?.contains("too small for a prompt of about 4096") == true)
    }
}
