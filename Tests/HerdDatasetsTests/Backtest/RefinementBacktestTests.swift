import HerdDatasets
import HerdPrediction
import PlantedGains
import Testing

@Suite("Refinement in backtests")
struct RefinementBacktestTests {
    /// A direction per topic, with noise that depends on the prompt.
    private func embed(_ prompt: String, topics: [String: Int]) -> PromptEmbedding {
        var generator = SeededGenerator(seed: UInt64(prompt.utf8.reduce(7) { ($0 &* 31 &+ Int($1)) & 0xFFFFFF }))
        var vector = (0..<16).map { _ in Float(generator.below(1_000)) / 4_000 - 0.125 }
        vector[topics[prompt] ?? 0] += 0.8
        return PromptEmbedding(whole: vector, tail: vector, tokenCount: 8, estimatedTokens: 8)
    }

    private func report(_ rows: [EvaluationRow], seed: UInt64 = 1) throws -> BacktestReport {
        var topics: [String: Int] = [:]
        for row in rows { topics[row.prompt] = PlantedGains.topics.firstIndex(of: row.task) }
        return try Backtest(plan: BacktestPlan(split: .folds(rows, count: 5), seed: seed)) {
            embed($0, topics: topics)
        }.run()
    }

    @Test("choosing the rounds beats never and always refining", arguments: 1...3)
    func plantedGains(seed: Int) throws {
        let rows = PlantedGains(rows: 600, seed: UInt64(seed)).make()
        let refinement = try #require(try report(rows).refinement)
        print("planted gains, seed \(seed): \(refinement)")
        #expect(refinement.rows == 600)
        #expect(refinement.chosen > refinement.never + 0.05)
        #expect(refinement.chosen > refinement.always + 0.05)
        #expect(refinement.oracle > refinement.chosen)
        #expect(refinement.meanRounds > 0.3 && refinement.meanRounds < 2)
    }

    @Test("refinement that does not help is never chosen", arguments: 1...3)
    func harmfulRefinement(seed: Int) throws {
        let rows = PlantedGains.harmful(seed: UInt64(seed)).make()
        let refinement = try #require(try report(rows).refinement)
        print("harmful refinement, seed \(seed): \(refinement)")
        #expect(refinement.meanRounds == 0 && refinement.chosen == refinement.never)
        #expect(refinement.always < refinement.never)
    }

    @Test("changes nothing else, and is left out where nothing was refined")
    func otherFigures() throws {
        let rows = PlantedGains(rows: 200).make()
        let bare = rows.map { row in
            var row = row
            row.refined = [:]
            return row
        }
        let (with, without) = (try report(rows), try report(bare))
        #expect(without.refinement == nil)
        #expect(with.accuracy == without.accuracy && with.calibration == without.calibration)
        #expect(with.settings == without.settings)
    }

    @Test("chooses only rounds that the row has")
    func measuredRoundsOnly() {
        let row = BacktestRow(
            task: "t", scores: [0, 1], qualities: [0.5, 0.6], refined: [[1], []],
            gains: [[0.2, 0.4], [0.5, 0.5]])
        #expect(row.chosenWithRounds == (0, 1))
        let even = BacktestRow(
            task: "t", scores: [0, 1], qualities: [0.5, 0.75], refined: [[1], [0, 1]],
            gains: [[0.25], [0, .nan]])
        #expect(even.chosenWithRounds == (0, 1), "of equals the first model")
        let clipped = BacktestRow(
            task: "t", scores: [1], qualities: [0.75], refined: [[1, 1]], gains: [[0.25, 0.5]])
        #expect(clipped.chosenWithRounds == (0, 1), "no score is over 1; of equals the fewest rounds")
    }
}
