import HerdPrediction
import Testing

@Suite("Backtest figures, checked by hand")
struct MetricsTests {
    private func row(
        _ task: String, _ scores: [Double], _ qualities: [Double], label: Int? = nil, reference: Double? = nil
    ) -> BacktestRow {
        BacktestRow(
            task: task, scores: scores, qualities: qualities, taskLabelModel: label, referenceScore: reference)
    }

    @Test("accuracy of the four ways to choose")
    func accuracy() throws {
        let report = try #require(
            AccuracyReport([
                row("x", [1, 0], [0.9, 0.1], label: 0), row("x", [0, 1], [0.6, 0.4], label: 0),
                row("x", [1, 0], [0.2, 0.4], label: 0), row("y", [0.5, 1], [0.5, 0.5]),
            ]))
        // Means over the rows 2.5/4 and 2/4; over the tasks (2/3 + 0.5)/2 = 0.583 and (1/3 + 1)/2 = 0.667.
        #expect(report.bestSingleModel == 0 && report.bestMacroModel == 1)
        #expect(report.tasks.map(\.name) == ["x", "y"] && report.tasks.map(\.rows) == [3, 1])
        #expect(close(report.tasks[0].accuracy.routed, 1.0 / 3) && report.tasks[1].accuracy.routed == 0.5)
        #expect(close(report.micro.routed, 1.5 / 4) && close(report.macro.routed, (1.0 / 3 + 0.5) / 2))
        #expect(close(report.micro.bestSingle, 2.5 / 4) && close(report.macro.bestSingle, (1.0 / 3 + 1) / 2))
        #expect(report.tasks[1].accuracy.taskLabel == nil && close(report.tasks[0].accuracy.taskLabel, 2.0 / 3))
        #expect(close(report.macro.taskLabel, 2.0 / 3) && close(report.micro.taskLabel, 2.0 / 3))
        #expect(report.micro.oracle == 1 && report.macro.oracle == 1)
        #expect(AccuracyReport([]) == nil)
    }

    @Test("calibration over ten bins")
    func calibration() throws {
        let report = try #require(
            CalibrationReport([row("x", [1, 0], [0.95, 0.95]), row("x", [1, 0], [0.25, 0.05])]))
        // Bins: 0.9-1 holds 0.95, 0.95 against 1, 0; 0.2-0.3 holds 0.25 against 1; 0-0.1 holds 0.05 against 0.
        #expect(close(report.ece, (0.9 + 0.75 + 0.05) / 4))
        #expect(close(report.brier, (0.0025 + 0.9025 + 0.5625 + 0.0025) / 4))
        let edge = try #require(CalibrationReport([row("x", [1], [1]), row("x", [0], [0])]))
        #expect(edge.ece == 0 && edge.brier == 0)
    }

    @Test("a perfect router recovers the gap at once")
    func perfectPair() throws {
        // Weak is right on 50 %, strong on 70 %; the strong model gains on the 20 % with the highest scores.
        var rows: [BacktestRow] = []
        for index in 0..<10 {
            let gains = index < 2
            rows.append(
                row("x", [gains || index < 7 ? 1 : 0, !gains && index < 7 ? 1 : 0], [1 - Double(index) / 10, 0]))
        }
        let report = try #require(PairReport(rows, strong: 0, weak: 1))
        // Quantile thresholds at 0.1 ... 1: shares of strong calls 0, 0.1, 0.2 ... 1. The gap rises to 1 at 0.2.
        #expect(close(report.cpt50, 0.1))
        #expect(close(report.cpt80, 0.16))
        #expect(close(report.apgr, 0.9))
    }

    @Test("a router that knows nothing recovers half")
    func blindPair() throws {
        let rows = (0..<10).map { row("x", [1, $0 < 5 ? 1 : 0], [0.5, 0.5]) }
        let report = try #require(PairReport(rows, strong: 0, weak: 1))
        #expect(close(report.apgr, 0.5) && close(report.cpt50, 0.5) && close(report.cpt80, 0.8))
        #expect(PairReport(rows, strong: 1, weak: 0) == nil)
        #expect(PairReport([], strong: 0, weak: 1) == nil)
    }

    @Test("the cost hull from the cheapest model to the reference")
    func costs() throws {
        // Model 0 costs 1 and is right on the first two of four rows, model 1 costs 3 and is always right. The router
        // knows which rows need it.
        let rows = (0..<4).map { index in
            BacktestRow(
                task: "x", scores: [index < 2 ? 1 : 0, 1], qualities: [index < 2 ? 1 : 0, 1], costs: [1, 3],
                expectedCosts: [1, 3])
        }
        let report = try #require(CostReport(rows, reference: 1))
        // Hull from (1, 0.5) to (2, 1), flat to (3, 1): mean (0.75 + 1) / 2.
        #expect(close(report.aiq, 0.875))
        #expect(close(report.savedAtReference, 1.0 / 3))
        #expect(report.accuracyAtReferenceCost == 1)
        let cheapest = try #require(CostReport(rows, reference: 0))
        #expect(cheapest.aiq == nil && cheapest.savedAtReference == 0 && cheapest.accuracyAtReferenceCost == 0.5)
        #expect(CostReport([row("x", [1, 0], [1, 0])], reference: 0) == nil)
    }

    @Test("a reference outside the herd")
    func outsideReference() throws {
        let rows = (0..<4).map { index in
            BacktestRow(
                task: "x", scores: [index < 2 ? 1 : 0, 0], qualities: [1, 0], costs: [1, 3], expectedCosts: [1, 3],
                referenceScore: 0.75, referenceCost: 5)
        }
        let report = try #require(CostReport(rows, reference: 0))
        #expect(report.savedAtReference == nil && report.accuracyAtReferenceCost == 0.5 && report.aiq == 0.5)
    }

    @Test("the herd on the reference's failures")
    func reference() throws {
        let rows = [
            row("x", [1, 0], [1, 0], reference: 1), row("x", [1, 0], [0, 1], reference: 0.5),
            row("x", [0, 1], [0, 1], reference: 0), row("x", [0.9, 0], [1, 0], reference: 0),
        ]
        let report = try #require(ReferenceReport(rows, parametersB: [7, 13]))
        #expect(report.accuracy == 0.375 && close(report.herdAccuracy, 2.9 / 4) && report.failures == 3)
        #expect(close(report.someModelRight, 2.0 / 3) && close(report.routerRight, 1.0 / 3))
        #expect(report.meanParametersB == 10)
        #expect(ReferenceReport(rows, parametersB: [7, nil])?.meanParametersB == nil)
        #expect(ReferenceReport([row("x", [1], [1])], parametersB: [1]) == nil)
        let flawless = try #require(ReferenceReport([row("x", [1], [1], reference: 1)], parametersB: [nil]))
        #expect(flawless.failures == 0 && flawless.routerRight == nil && flawless.someModelRight == nil)
    }

    private func close(_ value: Double?, _ wanted: Double) -> Bool {
        value.map { abs($0 - wanted) < 1e-12 } ?? false
    }
}
