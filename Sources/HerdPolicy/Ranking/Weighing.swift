/// Goals, and what each is measured with: from amounts to utilities.
struct Weighing {
    let goals: [Goal]
    /// Empty where amounts count in their own units.
    let scales: [GoalKind: ClosedRange<Double>]

    /// The candidate with the utility of its draft.
    func weighed(_ candidate: RankedCandidate, _ amounts: RequestAmounts) -> RankedCandidate {
        described(candidate, amounts, rounds: 0, gain: 0)
    }

    /// The candidate with the rounds of refinement that give it the highest utility, of equals the fewest.
    ///
    /// - Parameter permits: whether the amounts of the draft with its rounds keep the hard limits.
    func weighed(
        _ candidate: RankedCandidate, _ amounts: RequestAmounts, refining input: CandidateInput, upTo limit: Int,
        permits: (RequestAmounts) -> Bool
    ) -> RankedCandidate {
        var best = (utility: utility(candidate.quality, gain: 0, amounts), rounds: 0, gain: 0.0, amounts: amounts)
        for rounds in 1...limit {
            guard let gain = input.gain(ofRounds: rounds) else { break }
            let refined = amounts.refined(rounds: rounds, measuredCost: input.cost(ofRounds: rounds))
            guard permits(refined) else { continue }
            let utility = utility(candidate.quality, gain: gain, refined)
            if utility > best.utility { best = (utility, rounds, gain, refined) }
        }
        return described(candidate, best.amounts, rounds: best.rounds, gain: best.gain)
    }

    /// Min-max of each goal's amount over the drafts of the candidates.
    static func scales(of goals: [Goal], over amounts: [RequestAmounts]) -> [GoalKind: ClosedRange<Double>] {
        var scales: [GoalKind: ClosedRange<Double>] = [:]
        for goal in goals {
            let values = amounts.map { $0.amount(of: goal.kind).value }
            guard let low = values.min(), let high = values.max() else { continue }
            scales[goal.kind] = low...high
        }
        return scales
    }

    // MARK: - Terms

    /// The sum of the terms that `described` lists, in their order.
    private func utility(_ quality: Double, gain: Double, _ amounts: RequestAmounts) -> Double {
        var utility = quality + gain
        for goal in goals { utility += term(goal, amounts).value }
        return utility
    }

    private func described(
        _ candidate: RankedCandidate, _ amounts: RequestAmounts, rounds: Int, gain: Double
    ) -> RankedCandidate {
        var result = candidate
        result.terms.reserveCapacity(goals.count + (rounds > 0 ? 2 : 1))
        result.terms.append(
            UtilityTerm(
                subject: .quality, value: candidate.quality, amount: candidate.quality, lambda: 1, isAssumed: false))
        var utility = candidate.quality
        if rounds > 0 {
            result.terms.append(
                UtilityTerm(subject: .refinement, value: gain, amount: gain, lambda: 1, isAssumed: false))
            utility += gain
            result.refineRounds = rounds
            result.quality = utility
            result.costUSD = amounts.cost.value
            result.latencySeconds = amounts.latency.value
        }
        for goal in goals {
            let term = term(goal, amounts)
            utility += term.value
            result.terms.append(term)
        }
        result.utility = utility
        return result
    }

    private func term(_ goal: Goal, _ amounts: RequestAmounts) -> UtilityTerm {
        let raw = amounts.amount(of: goal.kind)
        var amount = raw.value
        if let scale = scales[goal.kind] {
            let width = scale.upperBound - scale.lowerBound
            amount = width > 0 ? (amount - scale.lowerBound) / width : 0
        }
        return UtilityTerm(
            subject: .goal(goal.kind), value: -(goal.lambda * amount), amount: amount, lambda: goal.lambda,
            isAssumed: raw.isAssumed)
    }
}
