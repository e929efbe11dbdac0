import HerdPolicy
import Testing

@Suite struct RefinementRankingTests {
    let quick = ModelProfile(
        name: "quick", price: Price(input: 1, output: 10), firstTokenSeconds: 0.5, tokensPerSecond: 100,
        outputTokens: 50)
    let other = ModelProfile(name: "other", price: Price(input: 2, output: 20), tokensPerSecond: 50)
    let request = RequestFacts(promptTokens: 100)

    func rank(
        _ inputs: [CandidateInput], goals: [Goal] = [], constraints: RoutingConstraints = RoutingConstraints(),
        policy: RoutingPolicy = RoutingPolicy(name: "test"), request: RequestFacts? = nil
    ) -> CandidateRanking {
        CandidateRanking(
            inputs, request: request ?? self.request, policy: policy, goals: policy.goals(with: goals),
            constraints: constraints, prior: 0.5)
    }

    func rounds(
        _ gains: [Float], costs: [Float] = [], goals: [Goal] = [],
        constraints: RoutingConstraints = RoutingConstraints(), quality: Double = 0.5
    ) -> Int? {
        let input = CandidateInput(model: quick, quality: quality, gains: gains[...], roundCosts: costs[...])
        return rank([input], goals: goals, constraints: constraints).candidates.first?.refineRounds
    }

    @Test func theRoundsWithTheHighestUtilityAreTaken() {
        #expect(rounds([]) == 0)
        #expect(rounds([-0.1, -0.2]) == 0)
        #expect(rounds([0.1, 0.2, 0.15]) == 2)
        #expect(rounds([-0.1, 0.2]) == 2)
        #expect(rounds([0, 0]) == 0, "of equals the fewest")
        #expect(rounds([0.1, 0.1, 0.1]) == 1)
        #expect(rounds([0.1, .nan, 0.4]) == 1, "what was not measured is never chosen")
        #expect(rounds([.nan]) == 0)
        #expect(rounds([0.1, 0.2, 0.3, 0.4, 0.41, 0.49]) == 5, "five at most")
        #expect(rounds([0.3, 0.5], quality: 0.75) == 1, "no quality is over 1")
    }

    @Test func aRefinedModelCanBeatABetterOne() {
        let gains: [Float] = [0.3]
        let inputs = [
            CandidateInput(model: quick, quality: 0.5, gains: gains[...]), CandidateInput(model: other, quality: 0.7),
        ]
        let ranking = rank(inputs)
        #expect(ranking.candidates.map(\.name) == ["quick", "other"])
        #expect(ranking.candidates.map(\.refineRounds) == [1, 0])
        #expect(ranking.candidates[0].quality == 0.5 + Double(Float(0.3)))
        let never = rank(inputs, constraints: RoutingConstraints(maxRefineRounds: 0))
        #expect(never.candidates.map(\.name) == ["other", "quick"])
        #expect(never.candidates.map(\.refineRounds) == [0, 0])
    }

    @Test func priceAndTimeOfTheRoundsCount() throws {
        // Draft: 100 tokens in, 50 out. A round reads 2 * (100 + 100 + 50) + 150 and writes 150 + 50.
        let draft = (100 + 10 * 50.0) / 1e6
        let round = (650 + 10 * 200.0) / 1e6
        let gains: [Float] = [0.1, 0.15]
        let candidate = try #require(
            rank([CandidateInput(model: quick, quality: 0.5, gains: gains[...])]).candidates.first)
        #expect(candidate.refineRounds == 2)
        #expect(abs(candidate.costUSD - (draft + 2 * round)) < 1e-12)
        // 0.5 s and 50 tokens at 100 a second; each round two calls and 200 tokens.
        #expect(abs(candidate.latencySeconds - (1 + 2 * (2 * 0.5 + 2))) < 1e-12)

        #expect(rounds(gains, goals: [Goal(.cost, lambda: 0.04 / round)]) == 2)
        #expect(rounds(gains, goals: [Goal(.cost, lambda: 0.06 / round)]) == 1, "the second round no longer pays")
        #expect(rounds(gains, goals: [Goal(.cost, lambda: 0.2 / round)]) == 0)
        #expect(rounds(gains, goals: [Goal(.latency, lambda: 0.02)]) == 1)
        #expect(rounds(gains, goals: [Goal(.verbosity, lambda: 100)]) == 2, "only the final answer is read")
    }

    @Test func measuredCostsOfRoundsWinOverListPrices() throws {
        let (gains, costs): ([Float], [Float]) = ([0.1, 0.2], [0.25, .nan])
        let input = CandidateInput(
            model: quick, quality: 0.5, measuredCost: 0.5, gains: gains[...], roundCosts: costs[...])
        let one = try #require(rank([input], constraints: RoutingConstraints(maxRefineRounds: 1)).candidates.first)
        #expect(one.refineRounds == 1 && one.costUSD == 0.75)
        let two = try #require(rank([input]).candidates.first)
        #expect(two.refineRounds == 2 && two.costUSD < 0.51, "the list price of two rounds")
    }

    @Test func roundsThatBreakAHardLimitAreNotConsidered() {
        let gains: [Float] = [0.1, 0.2]
        let costs: [Float] = [0.1, 0.2]
        func rounds(_ constraints: RoutingConstraints) -> Int? {
            let input = CandidateInput(
                model: quick, quality: 0.5, measuredCost: 0.1, gains: gains[...], roundCosts: costs[...])
            return rank([input], constraints: constraints).candidates.first?.refineRounds
        }
        #expect(rounds(RoutingConstraints(maxCostUSD: 0.31)) == 2)
        #expect(rounds(RoutingConstraints(maxCostUSD: 0.25)) == 1)
        #expect(rounds(RoutingConstraints(maxCostUSD: 0.15)) == 0, "the model stays without them")
        #expect(rounds(RoutingConstraints(maxCostUSD: 0.05)) == nil)
        #expect(rounds(RoutingConstraints(maxLatencySeconds: 7)) == 2)
        #expect(rounds(RoutingConstraints(maxLatencySeconds: 6.9)) == 1)
        #expect(rounds(RoutingConstraints(maxLatencySeconds: 2)) == 0)
        #expect(rounds(RoutingConstraints(maxRefineRounds: 1)) == 1)
        #expect(rounds(RoutingConstraints(maxRefineRounds: 0)) == 0)
    }

    @Test func aRoundHasToFitTheContextWindow() {
        var model = quick
        // The rewrite reads 100 of instructions, the prompt, the draft's 50 and 150 of critique, and writes 50.
        model.context = 100 + 99 + 50 + 150 + 50
        let gains: [Float] = [0.1]
        let input = CandidateInput(model: model, quality: 0.5, gains: gains[...])
        #expect(rank([input]).candidates.map(\.refineRounds) == [0])
        #expect(rank([input], request: RequestFacts(promptTokens: 99)).candidates.map(\.refineRounds) == [1])
    }

    @Test func ofTwoLimitsOnRoundsTheSmallerHolds() throws {
        let (none, one, three) = (
            RoutingConstraints(), RoutingConstraints(maxRefineRounds: 1), RoutingConstraints(maxRefineRounds: 3)
        )
        #expect(none.tightened(by: none).maxRefineRounds == nil)
        #expect(none.tightened(by: three).maxRefineRounds == 3)
        #expect(three.tightened(by: one).maxRefineRounds == 1)
        #expect(one.tightened(by: three).maxRefineRounds == 1)
        try RoutingConstraints(maxRefineRounds: 0).validate()
        for wrong in [-1, 6] {
            #expect(throws: PolicyError.self) { try RoutingConstraints(maxRefineRounds: wrong).validate() }
        }
    }

    @Test func aModelWithoutPredictionIsNotRefined() {
        var policy = RoutingPolicy(name: "open")
        policy.unknownModels = .prior
        let gains: [Float] = [0.5]
        let ranking = rank([CandidateInput(model: quick, quality: nil, gains: gains[...])], policy: policy)
        #expect(ranking.candidates.map(\.refineRounds) == [0])
    }

    /// Every number of rounds by itself, weighed by hand: the ranking must agree with the best, to the bit.
    @Test(arguments: 0..<200 as Range<UInt64>) func theRankingIsTheBestOfAllRounds(seed: UInt64) throws {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
        func uniform() -> Double {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Double(state >> 11) * 0x1p-53
        }
        let gains = (0..<Int(uniform() * 7)).map { _ in uniform() < 0.1 ? Float.nan : Float(uniform() - 0.4) }
        let costs = uniform() < 0.5 ? [] : gains.map { _ in uniform() < 0.2 ? Float.nan : Float(uniform() * 1e-3) }
        let goals = [
            Goal(.cost, lambda: uniform() * 300), Goal(.latency, lambda: uniform() * 0.05),
            Goal(.verbosity, lambda: uniform() * 1e-3),
        ]
        var policy = RoutingPolicy(name: "test")
        policy.scale = uniform() < 0.3 ? .relative : .absolute
        let limits = RoutingConstraints(
            maxCostUSD: uniform() < 0.3 ? 5e-3 : nil, maxLatencySeconds: uniform() < 0.3 ? 12 : nil)
        let quality = uniform()
        let best = rank(
            [
                CandidateInput(model: quick, quality: quality, gains: gains[...], roundCosts: costs[...]),
                CandidateInput(model: other, quality: uniform()),
            ], goals: goals, constraints: limits, policy: policy)
        for candidate in best.candidates {
            #expect(candidate.terms.reduce(0) { $0 + $1.value } == candidate.utility, "seed \(seed)")
            let names = candidate.terms.map(\.name)
            #expect(
                names == ["quality"] + (candidate.refineRounds > 0 ? ["refinement"] : []) + goals.map(\.kind.rawValue))
            let expected = candidate.terms.filter { $0.goal == nil }.reduce(0) { $0 + $1.value }
            #expect(candidate.quality == expected && (0...1).contains(candidate.quality), "seed \(seed)")
        }
        guard let chosen = best.candidates.first(where: { $0.name == "quick" }), policy.scale == .absolute else {
            return
        }
        // One round more at a time, each forced by taking the gains of the others away.
        var utilities: [Double] = []
        for count in 0...min(5, gains.count) where !gains.prefix(count).contains(where: { $0.isNaN }) {
            var forced = gains.prefix(count).map { _ in Float(-2) }
            if count > 0 { forced[count - 1] = gains[count - 1] }
            let ranking = rank(
                [CandidateInput(model: quick, quality: quality, gains: forced[...], roundCosts: costs[...])],
                goals: goals, constraints: limits, policy: policy)
            if let candidate = ranking.candidates.first, candidate.refineRounds == count {
                utilities.append(candidate.utility)
            }
        }
        #expect(utilities.max() == chosen.utility, "seed \(seed)")
    }
}
