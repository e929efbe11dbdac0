import HerdDatasets
import HerdPrediction
import Testing

@Suite("Backtest")
struct BacktestTests {
    /// Prompts that say which model is right.
    private func rows(_ count: Int, models: [String] = ["a", "b"]) -> [EvaluationRow] {
        (0..<count).map { index in
            let right = index % models.count
            var scores: [String: Double] = [:]
            for (position, model) in models.enumerated() { scores[model] = position == right ? 1 : 0 }
            return EvaluationRow(
                id: "\(index)", prompt: "\(right)", task: index % 3 == 0 ? "x" : "y", domain: "kind \(right)",
                scores: scores)
        }
    }

    private func embed(_ prompt: String) -> PromptEmbedding {
        var vector = [Float](repeating: 0.1, count: 8)
        vector[(Int(prompt) ?? 0) % 8] = 0.9
        return PromptEmbedding(whole: vector, tail: vector, tokenCount: 5, estimatedTokens: 5)
    }

    private func report(_ plan: BacktestPlan) throws -> BacktestReport {
        try Backtest(plan: plan, embed: embed).run()
    }

    @Test("predicts every row once, by a fold that did not see it")
    func folds() throws {
        var rows = rows(101)
        for index in rows.indices { rows[index].prompt = "\(index % 2) \(index)" }
        let folds = Folds.assign(rows, count: 5, seed: 3)
        #expect(folds == Folds.assign(rows, count: 5, seed: 3) && folds != Folds.assign(rows, count: 5, seed: 4))
        for fold in 0..<5 { #expect((19...22).contains(folds.count { $0 == fold })) }
        rows[7].id = rows[90].id
        rows[8].prompt = rows[91].prompt
        let grouped = Folds.assign(rows, count: 5, seed: 3)
        #expect(grouped[7] == grouped[90] && grouped[8] == grouped[91])
    }

    @Test("routes prompts that say where they belong")
    func routes() throws {
        var rows = rows(120)
        // Different prompts of one meaning, so that the folds are not bound together.
        for index in rows.indices { rows[index].prompt = "\(index % 2)" + String(repeating: " ", count: index) }
        let report = try Backtest(plan: BacktestPlan(split: .folds(rows, count: 4))) { prompt in
            embed(String(prompt.prefix { $0 != " " }))
        }.run()
        #expect(report.rows == 120 && report.models == ["a", "b"])
        #expect(report.accuracy.micro.routed == 1 && report.accuracy.micro.oracle == 1)
        #expect(report.accuracy.micro.bestSingle == 0.5)
        #expect(report.pair == nil && report.pairModels == ["a", "b"], "equally good models have no gap")
        #expect(report.cost == nil && report.reference == nil)
        #expect(report.timings.trainings == 4 && report.settings.count == 4)
    }

    @Test("leaves rows without a score of the herd or the reference out of every figure")
    func incompleteRows() throws {
        var train = rows(60, models: ["a", "b", "c"])
        var test = rows(30, models: ["a", "b", "c"])
        test[0].scores["a"] = nil
        test[1].scores["c"] = nil
        test[2].scores = ["c": 1]
        test[3].task = "unknown"
        train[0].scores["a"] = nil
        let plan = BacktestPlan(
            split: .holdout(train: train, test: test), herd: ["b", "a"], reference: "c",
            facts: HerdFile(models: []))
        let report = try report(plan)
        #expect(report.rows == 27 && report.models == ["a", "b"])
        #expect(report.accuracy.tasks.first { $0.name == "unknown" }?.accuracy.taskLabel == nil)
        #expect(report.reference?.meanParametersB == nil && report.reference?.failures == 18)
        let all = try self.report(BacktestPlan(split: .holdout(train: train, test: test)))
        #expect(all.rows == 27 && all.models == ["a", "b", "c"])
    }

    @Test("refuses plans that the data can't carry out")
    func badPlans() throws {
        let rows = rows(40)
        let plans = [
            BacktestPlan(split: .folds(rows, count: 1)), BacktestPlan(split: .folds(rows, count: 41)),
            BacktestPlan(split: .holdout(train: [], test: rows)), BacktestPlan(split: .holdout(train: rows, test: [])),
            BacktestPlan(split: .folds(rows, count: 2), herd: ["z"]),
            BacktestPlan(split: .folds(rows, count: 2), reference: "z"),
            BacktestPlan(split: .folds(rows, count: 2), pair: ["a", "a"]),
            BacktestPlan(split: .folds(rows, count: 2), herd: ["a"], pair: ["a", "b"]),
        ]
        for plan in plans {
            #expect(throws: BacktestError.self) { try Backtest(plan: plan, embed: embed).run() }
        }
        let disjoint = (0..<20).map { index in
            EvaluationRow(id: "\(index)", prompt: "\(index)", task: "t", scores: [index % 2 == 0 ? "a" : "b": 1])
        }
        let error = #expect(throws: BacktestError.self) {
            try report(BacktestPlan(split: .folds(disjoint, count: 2)))
        }
        #expect(error?.description.contains("--herd") == true)
    }

    @Test("stops when told to")
    func cancels() throws {
        let backtest = try Backtest(plan: BacktestPlan(split: .folds(rows(60), count: 2)), embed: embed)
        #expect(throws: BacktestError.training(.cancelled)) {
            try backtest.run { (report) throws(CancellationError) in
                if report.share > 0.5 { throw CancellationError() }
            }
        }
    }
}
