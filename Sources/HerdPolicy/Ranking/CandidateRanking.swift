/// A model with its place in a ranking, or the reason it has none.
package struct RankedCandidate: Sendable, Equatable {
    package var name: String
    /// Expected score of the answer with its rounds of refinement.
    package var quality: Double
    package var utility: Double
    /// Of the draft and its rounds together, as is the latency.
    package var costUSD: Double
    package var latencySeconds: Double
    package var isPrior: Bool
    package var terms: [UtilityTerm]
    package var excludedBecause: String?
    /// The number of rounds that gives the model its highest utility.
    package var refineRounds = 0
}

/// The outcome of weighing all models: candidates by falling utility, then the excluded ones by name.
package struct CandidateRanking: Sendable, Equatable {
    package var candidates: [RankedCandidate]
    package var excluded: [RankedCandidate]

    /// Weighs the models: `u(m, r) = q(m) + gain(m, r) - sum_j lambda_j * C_j(m, r)` (Tryage, arXiv 2308.11601, with
    /// amounts in their own units and r rounds of refinement, whose price and time are part of the amounts). A model stands
    /// for itself once, with the rounds that give it the highest utility, of equals the fewest. Ties of models go to the
    /// first by name, bytewise.
    ///
    /// - Parameters:
    ///   - goals: the policy's goals merged with the caller's and the flags'.
    ///   - prior: quality of models without a prediction before the penalty; used only where the policy asks for it.
    package init(
        _ inputs: [CandidateInput], request: RequestFacts, policy: RoutingPolicy, goals: [Goal],
        constraints: RoutingConstraints, prior: Double?
    ) {
        var open: [(candidate: RankedCandidate, amounts: RequestAmounts, place: Int)] = []
        var excluded: [RankedCandidate] = []
        open.reserveCapacity(inputs.count)
        for (place, input) in inputs.enumerated() {
            let amounts = RequestAmounts(
                model: input.model, request: request, measuredCost: input.measuredCost, policy: policy)
            var candidate = RankedCandidate(
                name: input.model.name, quality: input.quality ?? 0, utility: 0, costUSD: amounts.cost.value,
                latencySeconds: amounts.latency.value, isPrior: false, terms: [], excludedBecause: nil)
            if input.quality == nil {
                if policy.unknownModels == .prior, let prior {
                    candidate.quality = max(0, prior - RoutingPolicy.priorPenalty)
                    candidate.isPrior = true
                } else {
                    candidate.excludedBecause = "no prediction"
                }
            }
            if let reason = constraints.exclusion(of: input.model, request: request, amounts: amounts) {
                candidate.excludedBecause = reason
            }
            if candidate.excludedBecause == nil {
                open.append((candidate, amounts, place))
            } else {
                excluded.append(candidate)
            }
        }
        let weighing = Weighing(
            goals: goals,
            scales: policy.scale == .relative ? Weighing.scales(of: goals, over: open.map(\.amounts)) : [:])
        let limit = min(constraints.maxRefineRounds ?? Refinement.mostRounds, Refinement.mostRounds)
        candidates = open.map { candidate, amounts, place in
            guard limit > 0, !inputs[place].gains.isEmpty else { return weighing.weighed(candidate, amounts) }
            return weighing.weighed(candidate, amounts, refining: inputs[place], upTo: limit) {
                constraints.permitRefinement(of: inputs[place].model, request: request, amounts: $0)
            }
        }
        candidates.sort { left, right in
            left.utility != right.utility ? left.utility > right.utility : Self.precedes(left.name, right.name)
        }
        excluded.sort { Self.precedes($0.name, $1.name) }
        self.excluded = excluded
    }

    /// Bytewise order of names: the same on every platform, unlike an order by Unicode collation.
    private static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }
}
