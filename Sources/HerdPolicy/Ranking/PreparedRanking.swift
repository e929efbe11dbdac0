/// A ranking of which everything is worked out that does not depend on the prompt: for one policy with its merged goals
/// and limits over one state of the herd, as thousands of requests share it.
///
/// It gives what `CandidateRanking` gives, bit for bit, and says where it cannot: then that one is to be asked.
package final class PreparedRanking: Sendable {
    /// A model in the ranking of one request.
    package struct Slot: Sendable {
        /// Its index among the models.
        package var place: Int32 = 0
        package var isPrior = false
        package var isCostAssumed = false
        package var quality = 0.0
        package var costUSD = 0.0
        package var utility = 0.0

        package init() {}
    }

    /// What is known of a model before the prompt is.
    private struct Model: Sendable {
        /// Its index among the predicted qualities; negative for one the predictor has not seen.
        var predicted: Int32
        /// Whether its context window and cost are to be looked at.
        var isChecked: Bool
        var isPriceAssumed: Bool
        var inputPrice: Double
        /// Of a million requests' answers, US dollars.
        var outputPrice: Double
        var context: Int
    }

    /// The ranking's constant part, by model: name, latency, why it is excluded, and the terms of its goals, of which
    /// only the cost's depends on the request.
    package let common: [RankedCandidate]
    package let openCount: Int
    package let excludedCount: Int
    /// Whether candidates for which gains of refinement are known may be refined, which this ranking does not weigh.
    package let mayRefine: Bool

    private let models: [Model]
    /// Indices of the models by their names' bytes, those that may be chosen first.
    private let order: [Int32]
    /// The terms' values in the order of the goals, model after model; the cost's is not used.
    private let terms: [Double]
    private let goalCount: Int
    /// Where the cost is among the goals; -1 where it is not.
    private let costGoal: Int
    private let costLambda: Double
    private let maxCost: Double
    private let usesPrior: Bool

    /// Nil where every ranking has to be made anew: where amounts are scaled by the candidates, or nobody is left.
    ///
    /// - Parameters:
    ///   - models: the herd's.
    ///   - predicted: for each model its index among the predicted qualities; nil where it has none.
    ///   - request: what is known of all the requests; the prompt's length does not matter.
    ///   - goals: the policy's goals merged with the caller's.
    package init?(
        _ models: [ModelProfile], predicted: [Int?], request: RequestFacts, policy: RoutingPolicy, goals: [Goal],
        constraints: RoutingConstraints
    ) {
        guard policy.scale == .absolute else { return nil }
        var request = request
        request.promptTokens = 0
        let weighing = Weighing(goals: goals, scales: [:])
        var prepared: [Model] = []
        var common: [RankedCandidate] = []
        var terms: [Double] = []
        usesPrior = policy.unknownModels == .prior
        for (model, place) in zip(models, predicted) {
            // Costs are looked at request by request.
            let amounts = RequestAmounts(model: model, request: request, measuredCost: 0, policy: policy)
            var candidate = RankedCandidate(
                name: model.name, quality: 0, utility: 0, costUSD: 0, latencySeconds: amounts.latency.value,
                isPrior: false, terms: [], excludedBecause: nil)
            candidate.terms = Array(weighing.weighed(candidate, amounts).terms.dropFirst())
            terms += candidate.terms.map(\.value)
            if place == nil, policy.unknownModels != .prior { candidate.excludedBecause = "no prediction" }
            let fixed = constraints.withoutRequestLimits.exclusion(of: model, request: request, amounts: amounts)
            var free = constraints
            free.maxCostUSD = nil
            let reason = free.exclusion(of: model, request: request, amounts: amounts)
            if let reason { candidate.excludedBecause = reason }
            let price = model.price ?? AssumedFacts.price
            prepared.append(
                Model(
                    predicted: place.map(Int32.init) ?? -1, isChecked: fixed == nil,
                    isPriceAssumed: model.price == nil, inputPrice: price.input,
                    outputPrice: Double(amounts.outputTokens) * price.output, context: model.context ?? .max))
            common.append(candidate)
        }
        let byName = common.indices.sorted { common[$0].name.utf8.lexicographicallyPrecedes(common[$1].name.utf8) }
        let open = byName.filter { common[$0].excludedBecause == nil }
        guard !open.isEmpty else { return nil }
        order = (open + byName.filter { common[$0].excludedBecause != nil }).map(Int32.init)
        openCount = open.count
        excludedCount = common.count - open.count
        goalCount = goals.count
        costGoal = goals.firstIndex { $0.kind == .cost } ?? -1
        costLambda = goals.first { $0.kind == .cost }?.lambda ?? 0
        maxCost = constraints.maxCostUSD ?? .infinity
        mayRefine = min(constraints.maxRefineRounds ?? Refinement.mostRounds, Refinement.mostRounds) > 0
        self.models = prepared
        self.common = common
        self.terms = terms
    }

    /// How many slots a ranking fills.
    package var slotCount: Int { openCount + excludedCount }

    /// Ranks the models for one prompt: candidates by falling utility, then the excluded ones by name.
    ///
    /// - Parameters:
    ///   - qualities: predicted, 0..1, as little-endian floats.
    ///   - costs: US dollars from measured costs in the same order, NaN where there are none; nil where there are none at
    ///     all.
    ///   - prior: the quality of models without a prediction before the penalty.
    ///   - slots: at least `slotCount` of them.
    /// - Returns: false where a model is excluded for the length of this prompt, or a utility is no number: then
    ///   `CandidateRanking` is to rank.
    package func rank(
        promptTokens: Int, qualities: UnsafeRawPointer, costs: UnsafeRawPointer?, prior: Double,
        into slots: UnsafeMutableBufferPointer<Slot>
    ) -> Bool {
        precondition(slots.count >= slotCount, "the slots of a ranking are counted before it is made")
        let tokens = Double(promptTokens)
        let hasCostLimit = maxCost < .infinity
        return models.withUnsafeBufferPointer { models in
            terms.withUnsafeBufferPointer { terms in
                for position in 0..<order.count {
                    let place = Int(order[position])
                    let model = models[place]
                    var slot = Slot()
                    slot.place = Int32(truncatingIfNeeded: place)
                    slot.costUSD = (tokens * model.inputPrice + model.outputPrice) / 1_000_000
                    slot.isCostAssumed = model.isPriceAssumed
                    if model.predicted >= 0 {
                        let offset = 4 * Int(model.predicted)
                        slot.quality = Self.float(qualities, offset)
                        if let costs {
                            let measured = Self.float(costs, offset)
                            if measured.isFinite {
                                slot.costUSD = max(0, measured)
                                slot.isCostAssumed = false
                            }
                        }
                    } else if usesPrior {
                        slot.quality = max(0, prior - RoutingPolicy.priorPenalty)
                        slot.isPrior = true
                    }
                    if model.isChecked {
                        if promptTokens >= model.context { return false }
                        if hasCostLimit, slot.isCostAssumed || slot.costUSD > maxCost { return false }
                    }
                    if position < openCount {
                        slot.utility = utility(slot, terms, at: place * goalCount)
                        guard !slot.utility.isNaN else { return false }
                    }
                    slots[position] = slot
                }
                sort(slots)
                return true
            }
        }
    }

    private func utility(_ slot: Slot, _ terms: UnsafeBufferPointer<Double>, at start: Int) -> Double {
        var utility = slot.quality
        for goal in 0..<goalCount {
            utility += goal == costGoal ? -(costLambda * slot.costUSD) : terms[start + goal]
        }
        return utility
    }

    /// By falling utility; the slots are in the order of their names, and what is equal stays so.
    private func sort(_ slots: UnsafeMutableBufferPointer<Slot>) {
        guard openCount <= 64 else {
            var candidates = UnsafeMutableBufferPointer(rebasing: slots[..<openCount])
            return candidates.sort { left, right in
                left.utility != right.utility
                    ? left.utility > right.utility
                    : common[Int(left.place)].name.utf8.lexicographicallyPrecedes(
                        common[Int(right.place)].name.utf8)
            }
        }
        for next in 1..<max(1, openCount) {
            let slot = slots[next]
            var position = next
            while position > 0, slots[position - 1].utility < slot.utility {
                slots[position] = slots[position - 1]
                position -= 1
            }
            slots[position] = slot
        }
    }

    @inline(__always)
    private static func float(_ values: UnsafeRawPointer, _ offset: Int) -> Double {
        Double(Float(bitPattern: UInt32(littleEndian: values.loadUnaligned(fromByteOffset: offset, as: UInt32.self))))
    }
}

extension RoutingConstraints {
    /// The limits that are looked at before those a prompt's length can break.
    fileprivate var withoutRequestLimits: RoutingConstraints {
        RoutingConstraints(allow: allow, deny: deny, capabilities: capabilities, localOnly: localOnly)
    }
}
