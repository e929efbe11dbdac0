/// One term of a utility; added in order, the terms give the utility exactly.
package struct UtilityTerm: Sendable, Equatable {
    /// Nil for the quality itself.
    package var goal: GoalKind?
    /// Points of utility: the quality, or `-lambda * amount`.
    package var value: Double
    /// The goal's amount in its unit, or min-max scaled to 0..1.
    package var amount: Double
    package var lambda: Double
    package var isAssumed: Bool
}

/// A model as it goes into a ranking.
package struct CandidateInput: Sendable {
    package var model: ModelProfile
    /// Predicted score 0..1; nil where the predictor has not seen the model.
    package var quality: Double?
    /// US dollars expected from measured costs, where there are any.
    package var measuredCost: Double?

    package init(model: ModelProfile, quality: Double?, measuredCost: Double? = nil) {
        self.model = model
        self.quality = quality
        self.measuredCost = measuredCost
    }
}

/// A model with its place in a ranking, or the reason it has none.
package struct RankedCandidate: Sendable, Equatable {
    package var name: String
    package var quality: Double
    package var utility: Double
    package var costUSD: Double
    package var latencySeconds: Double
    package var isPrior: Bool
    package var terms: [UtilityTerm]
    package var excludedBecause: String?
}

/// The outcome of weighing all models: candidates by falling utility, then the excluded ones by name.
package struct CandidateRanking: Sendable, Equatable {
    package var candidates: [RankedCandidate]
    package var excluded: [RankedCandidate]

    /// Weighs the models: `u(m) = q(m) - sum_j lambda_j * C_j(m)` (Tryage, arXiv 2308.11601, with amounts in their own
    /// units). Ties go to the first model by name, bytewise.
    ///
    /// - Parameters:
    ///   - goals: the policy's goals merged with the caller's and the flags'.
    ///   - prior: quality of models without a prediction before the penalty; used only where the policy asks for it.
    package init(
        _ inputs: [CandidateInput], request: RequestFacts, policy: RoutingPolicy, goals: [Goal],
        constraints: RoutingConstraints, prior: Double?
    ) {
        var open: [(candidate: RankedCandidate, amounts: RequestAmounts)] = []
        var excluded: [RankedCandidate] = []
        open.reserveCapacity(inputs.count)
        for input in inputs {
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
                open.append((candidate, amounts))
            } else {
                excluded.append(candidate)
            }
        }
        let scales = policy.scale == .relative ? Self.scales(of: goals, over: open.map(\.amounts)) : [:]
        candidates = open.map { Self.weighed($0.candidate, $0.amounts, goals: goals, scales: scales) }
        candidates.sort { left, right in
            left.utility != right.utility ? left.utility > right.utility : Self.precedes(left.name, right.name)
        }
        excluded.sort { Self.precedes($0.name, $1.name) }
        self.excluded = excluded
    }

    private static func weighed(
        _ candidate: RankedCandidate, _ amounts: RequestAmounts, goals: [Goal], scales: [GoalKind: ClosedRange<Double>]
    ) -> RankedCandidate {
        var result = candidate
        result.terms.reserveCapacity(goals.count + 1)
        result.terms.append(
            UtilityTerm(goal: nil, value: candidate.quality, amount: candidate.quality, lambda: 1, isAssumed: false))
        var utility = candidate.quality
        for goal in goals {
            let raw = amounts.amount(of: goal.kind)
            var amount = raw.value
            if let scale = scales[goal.kind] {
                let width = scale.upperBound - scale.lowerBound
                amount = width > 0 ? (amount - scale.lowerBound) / width : 0
            }
            let value = -(goal.lambda * amount)
            utility += value
            result.terms.append(
                UtilityTerm(
                    goal: goal.kind, value: value, amount: amount, lambda: goal.lambda, isAssumed: raw.isAssumed))
        }
        result.utility = utility
        return result
    }

    private static func scales(of goals: [Goal], over amounts: [RequestAmounts]) -> [GoalKind: ClosedRange<Double>] {
        var scales: [GoalKind: ClosedRange<Double>] = [:]
        for goal in goals {
            let values = amounts.map { $0.amount(of: goal.kind).value }
            guard let low = values.min(), let high = values.max() else { continue }
            scales[goal.kind] = low...high
        }
        return scales
    }

    /// Bytewise order of names: the same on every platform, unlike an order by Unicode collation.
    private static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }
}
