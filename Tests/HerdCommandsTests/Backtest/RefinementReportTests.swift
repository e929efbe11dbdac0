import HerdCommands
import HerdPrediction
import Testing

@Suite("Refinement in the report of herdctl backtest")
struct RefinementReportTests {
    private func report(refined: Bool) throws -> BacktestReport {
        // Refinement helps the first model with the first prompt and harms it with the second.
        let rows = [(0.3, [1.0]), (-0.3, [0.0])].enumerated().map { index, row in
            BacktestRow(
                task: "t", scores: [Double(index), 0.5], qualities: [0.6, 0.5], refined: refined ? [row.1, []] : [],
                gains: refined ? [[row.0], [.nan]] : [])
        }
        return try #require(
            BacktestReport(
                rows: rows, models: ["a", "b"], pair: nil, reference: nil, parametersB: nil,
                timings: BacktestTimings(), settings: []))
    }

    @Test("is in table and JSON where answers were refined, and only there")
    func output() throws {
        let with = try report(refined: true)
        #expect(with.refinement?.never == 0.5 && with.refinement?.always == 0.5)
        #expect(with.refinement?.chosen == 1 && with.refinement?.oracle == 1 && with.refinement?.meanRounds == 0.5)
        let json = with.json.filter { !$0.isWhitespace }
        #expect(
            json.contains(
                #""refinement":{"rows":2,"never":50,"always":50,"chosen":100,"oracle":100,"mean_rounds":0.5}"#),
            "\(json)")
        #expect(
            with.table.contains(
                "refinement (2 rows): never 50.00, always 50.00, chosen 100.00 with 0.50 rounds on average, oracle 100.00"
            ))
        let without = try report(refined: false)
        #expect(without.refinement == nil)
        #expect(!without.json.contains("refinement") && !without.table.contains("refinement"))
    }
}
