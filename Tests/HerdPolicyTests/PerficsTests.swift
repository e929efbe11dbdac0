import HerdPolicy
import Testing

@Suite struct PerficsTests {
    let weights = PerficsWeightSet(performance: 1, gain: 2, breadth: 4, cost: 8)

    private func facts(
        _ model: String, _ performance: Double?, _ gain: Double?, _ breadth: Double?, _ memory: Double?,
        _ latency: Double?
    ) -> PerficsFacts {
        PerficsFacts(
            model: model, performance: performance, gain: gain, breadth: breadth, memoryGB: memory,
            latencySeconds: latency)
    }

    @Test func theTermsAddUpAsTheFormulaSays() throws {
        let ranking = PerficsRanking(
            [
                facts("small", 0.2, 0.1, 0.3, 1, 0.1), facts("middle", 0.5, -0.1, 0.3, 10, 1),
                facts("large", 0.8, 0, 0.3, 100, 10),
            ], weights: weights)
        let rows = Dictionary(uniqueKeysWithValues: ranking.rows.map { ($0.facts.model, $0) })
        // Breadths are equal: 0.5 for each. Logarithms of memory and latency lie evenly.
        #expect(rows["small"]?.terms.map { $0?.scaled } == [0, 1, 0.5, 0])
        #expect(abs((rows["middle"]?[.cost]?.scaled ?? 0) - 0.5) < 1e-12)
        #expect(rows["large"]?.terms.map { $0?.points } == [1, 1, 2, -8])
        #expect(ranking.rows.map(\.facts.model) == ["small", "middle", "large"])
        #expect(rows["small"]?.score == 4)
        #expect(rows["small"]?[.gain]?.value == 0.1)
    }

    @Test func aMissingTermIsNamedAndNeverZero() {
        let ranking = PerficsRanking(
            [
                facts("whole", 0.1, 0, 0, 1, 1), facts("b-no-gain", 0.9, nil, 0, 1, 2),
                facts("a-no-memory", 0.9, 0, 0, nil, 2), facts("c-no-time", 0.9, 0, 0, 4, 0),
            ], weights: weights)
        #expect(ranking.rows.map(\.facts.model) == ["whole", "a-no-memory", "b-no-gain", "c-no-time"])
        #expect(ranking.rows.map(\.missing) == [[], [.cost], [.gain], [.cost]])
        #expect(ranking.rows.map { $0.score == nil } == [false, true, true, true])
    }

    @Test func aModelThatIsNotRankedShiftsNobodysScore() {
        let measured = [facts("a", 0.2, 0.1, 0.3, 1, 0.1), facts("b", 0.8, 0, 0.4, 10, 1)]
        let alone = PerficsRanking(measured, weights: weights)
        // Not measured in the task, and beyond the others in all else; one of it without a memory.
        let beside = PerficsRanking(
            measured + [facts("c", nil, -0.9, 1, 500, 61), facts("d", 1, 0.9, 0, nil, 0.01)], weights: weights)
        #expect(Array(beside.rows.prefix(2)) == alone.rows)
        #expect(beside.rows.map(\.facts.model) == ["a", "b", "c", "d"])
        let other = beside.rows[2]
        #expect(other[.breadth]?.value == 1 && other[.breadth]?.points == 0 && other[.breadth]?.scaled == 0)
        #expect(other[.performance] == nil && other[.cost] == nil)
    }

    @Test func aTermOfNoWeightIsNotNeeded() {
        let ranking = PerficsRanking(
            [facts("a", 0.5, nil, nil, nil, nil), facts("b", 0.7, 0.1, nil, nil, nil)],
            weights: PerficsWeightSet(performance: 1, gain: 0, breadth: 0, cost: 0))
        #expect(ranking.rows.map(\.facts.model) == ["b", "a"])
        #expect(ranking.rows.map(\.score) == [1, 0])
    }

    @Test func oneModelAloneAndNoModels() {
        let ranking = PerficsRanking([facts("only", 0.4, 0.1, 0.2, 3, 1)], weights: weights)
        #expect(ranking.rows[0].terms.map { $0?.scaled } == [0.5, 0.5, 0.5, 0.5])
        #expect(PerficsRanking([], weights: weights).rows.isEmpty)
    }

    @Test func everyScoreIsWithinTheWeightsAndTheBestIsFirst() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = Congruential(state: seed)
        for preset in PerficsWeightSet.Preset.allCases {
            let weights = preset.weights
            #expect(weights.isUsable)
            let sum = weights.performance + weights.gain + weights.breadth + weights.cost
            #expect(abs(sum - 1) < 1e-12)
            let ranking = PerficsRanking(
                (0..<20).map { place in
                    facts(
                        "m\(place)", .random(in: 0...1, using: &random), .random(in: -1...1, using: &random),
                        .random(in: 0...1, using: &random), .random(in: 0.1...100, using: &random),
                        .random(in: 0.01...60, using: &random))
                }, weights: weights)
            let scores = ranking.rows.compactMap(\.score)
            #expect(scores.count == 20 && scores == scores.sorted(by: >), "seed \(seed)")
            #expect(scores.allSatisfy { $0 <= 1 - weights.cost + 1e-12 && $0 >= -weights.cost - 1e-12 })
        }
    }

    @Test func weightsThatCannotBeUsed() {
        #expect(!PerficsWeightSet(performance: 0, gain: 0, breadth: 0, cost: 0).isUsable)
        #expect(!PerficsWeightSet(performance: -1, gain: 1, breadth: 0, cost: 0).isUsable)
        #expect(!PerficsWeightSet(performance: .nan, gain: 1, breadth: 0, cost: 0).isUsable)
    }
}

/// Random numbers that a seed gives again.
private struct Congruential: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 32
    }
}
