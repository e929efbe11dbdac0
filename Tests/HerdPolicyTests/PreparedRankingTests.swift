import HerdPolicy
import Testing

/// The ranking that is worked out ahead gives what the one made anew gives, bit for bit, or says that it cannot.
@Suite struct PreparedRankingTests {
    @Test func itRanksAsTheOneMadeAnew() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SplitMix(state: seed)
        var ranked = 0
        for round in 0..<2_000 {
            let count = round % 100 == 0 ? 200 : Int.random(in: 1...12, using: &random)
            let models = (0..<count).map { Self.model($0, &random) }.shuffled(using: &random)
            let goals = GoalKind.allCases.filter { _ in Bool.random(using: &random) }.map {
                // Few different numbers, so that there are ties.
                Goal($0, lambda: [-0.01, 0, 0.001, 0.5].randomElement(using: &random) ?? 0)
            }
            var policy = RoutingPolicy(name: "p", unknownModels: Bool.random(using: &random) ? .prior : .exclude)
            policy.expectedOutputTokens = 100
            let constraints = Self.constraints(models, &random)
            let places: [Int?] = models.indices.map { Int.random(in: 0..<5, using: &random) == 0 ? nil : $0 }
            let qualities = models.map { _ in
                Float([0.25, 0.5, Double.random(in: 0...1, using: &random)].randomElement(using: &random) ?? 0)
            }
            let costs: [Float]? =
                Bool.random(using: &random)
                ? nil
                : models.map { _ in Bool.random(using: &random) ? .nan : Float.random(in: -1e-4...1e-2, using: &random)
                }
            let request = RequestFacts(
                promptTokens: Int.random(in: 0...300, using: &random),
                expectedOutputTokens: Bool.random(using: &random) ? 77 : nil)
            let prior = Double(Float.random(in: 0...1, using: &random))
            let made = CandidateRanking(
                zip(models, places).map { model, place in
                    CandidateInput(
                        model: model, quality: place.map { Double(qualities[$0]) },
                        measuredCost: costs.flatMap { costs in place.map { Double(costs[$0]) } })
                }, request: request, policy: policy, goals: goals, constraints: constraints, prior: prior)
            guard
                let prepared = PreparedRanking(
                    models, predicted: places, request: request, policy: policy, goals: goals,
                    constraints: constraints),
                let slots = Self.rank(
                    prepared, promptTokens: request.promptTokens, qualities: qualities, costs: costs, prior: prior)
            else { continue }
            ranked += 1
            #expect(prepared.openCount == made.candidates.count && prepared.excludedCount == made.excluded.count)
            for (slot, expected) in zip(slots, made.candidates + made.excluded) {
                let common = prepared.common[Int(slot.place)]
                #expect(common.name == expected.name, "seed \(seed), round \(round)")
                #expect(slot.quality.bitPattern == expected.quality.bitPattern)
                #expect(slot.utility.bitPattern == expected.utility.bitPattern)
                #expect(slot.costUSD.bitPattern == expected.costUSD.bitPattern)
                #expect(slot.isPrior == expected.isPrior)
                #expect(common.latencySeconds == expected.latencySeconds)
                #expect(common.excludedBecause == expected.excludedBecause)
                let terms = expected.terms.dropFirst()
                for (mine, other) in zip(common.terms, terms) where other.goal != .cost { #expect(mine == other) }
                if let cost = terms.first(where: { $0.goal == .cost }) {
                    #expect(cost.isAssumed == slot.isCostAssumed)
                    #expect(cost.amount == slot.costUSD)
                }
            }
        }
        #expect(ranked > 500)
    }

    private static func rank(
        _ ranking: PreparedRanking, promptTokens: Int, qualities: [Float], costs: [Float]?, prior: Double
    ) -> [PreparedRanking.Slot]? {
        var slots = [PreparedRanking.Slot](repeating: PreparedRanking.Slot(), count: ranking.slotCount)
        let isRanked = qualities.withUnsafeBytes { qualities in
            (costs ?? []).withUnsafeBytes { packed in
                slots.withUnsafeMutableBufferPointer { slots in
                    qualities.baseAddress.map {
                        ranking.rank(
                            promptTokens: promptTokens, qualities: $0, costs: costs == nil ? nil : packed.baseAddress,
                            prior: prior, into: slots)
                    } ?? false
                }
            }
        }
        return isRanked ? slots : nil
    }

    private static func model(_ number: Int, _ random: inout SplitMix) -> ModelProfile {
        func maybe<Value>(_ value: Value) -> Value? { Bool.random(using: &random) ? value : nil }
        let size = Double.random(in: 1...100, using: &random)
        return ModelProfile(
            name: "m\(number)", parametersB: maybe(size), activeB: maybe(size / 2),
            context: maybe(Int.random(in: 100...2_000, using: &random)),
            price: maybe(Price(input: size / 10, output: size / 3)), memoryGB: maybe(size * 2),
            capabilities: maybe(["tools"]) ?? [], isLocal: Bool.random(using: &random),
            firstTokenSeconds: maybe(0.3), tokensPerSecond: maybe(size), outputTokens: maybe(Int(size)))
    }

    private static func constraints(_ models: [ModelProfile], _ random: inout SplitMix) -> RoutingConstraints {
        var limits = RoutingConstraints()
        switch Int.random(in: 0..<9, using: &random) {
        case 0: limits.deny = [models[0].name]
        case 1: limits.allow = Set(models.prefix(3).map(\.name))
        case 2: limits.capabilities = ["tools"]
        case 3: limits.maxCostUSD = Double.random(in: 1e-4...1e-2, using: &random)
        case 4: limits.maxLatencySeconds = Double.random(in: 1...40, using: &random)
        case 5: limits.localOnly = true
        case 6: limits.minContextTokens = 500
        case 7: limits.maxPriceOut = 20
        default: break
        }
        return limits
    }

    private struct SplitMix: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
