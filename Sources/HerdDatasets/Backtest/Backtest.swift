package import HerdPrediction

/// Measures what routing would have given on evaluation data.
package struct Backtest {
    private let plan: BacktestPlan
    /// The models routed among, by name.
    private let herd: [String]
    private let embeddingChecksum: String
    private let embed: (String) -> PromptEmbedding

    /// - Parameter embed: turns a prompt into what predictors are trained on.
    /// - Throws: `BacktestError.invalidPlan` where the plan names a model that the data does not have, or the like.
    package init(
        plan: BacktestPlan, embeddingChecksum: String = "", embed: @escaping (String) -> PromptEmbedding
    ) throws(BacktestError) {
        self.plan = plan
        self.embeddingChecksum = embeddingChecksum
        self.embed = embed
        let rows: [EvaluationRow]
        switch plan.split {
        case .holdout(let train, let test):
            rows = train + test
            guard !train.isEmpty, !test.isEmpty else { throw .invalidPlan("there is no row to train on or to test on") }
        case .folds(let all, let count):
            rows = all
            guard count >= 2, count <= all.count else {
                throw .invalidPlan("\(count) folds can't be made of \(all.count) rows: use 2 to \(all.count)")
            }
        }
        let known = EvaluationFile.models(of: rows)
        herd = plan.herd.isEmpty ? known : Set(plan.herd).sorted()
        for model in herd + (plan.reference.map { [$0] } ?? []) + (plan.pair ?? []) where !known.contains(model) {
            throw .invalidPlan(
                "the data has no score of the model \"\(model)\"; it has \(known.joined(separator: ", "))")
        }
        if let pair = plan.pair {
            guard pair.count == 2, pair[0] != pair[1] else {
                throw .invalidPlan("a pair is two different models, the stronger first")
            }
            for model in pair where !herd.contains(model) {
                throw .invalidPlan("the model \"\(model)\" of the pair does not belong to the herd")
            }
        }
    }

    /// Trains, predicts and measures.
    ///
    /// - Parameter progress: called many times a second; throws to stop, which ends as `TrainingError.cancelled`.
    package func run(
        progress: (BacktestProgress) throws(CancellationError) -> Void = { _ in }
    ) throws(BacktestError) -> BacktestReport {
        var record = Record()
        var evaluated: [BacktestRow] = []
        switch plan.split {
        case .holdout(let train, let test):
            let trainRows = try prepare(train, phase: "embedding", from: 0, to: 0.1, record: &record, progress)
            let testRows = try prepare(test, phase: "embedding", from: 0.1, to: 0.2, record: &record, progress)
            evaluated = try measure(
                train: trainRows, test: testRows, phase: "training", from: 0.2, to: 1, record: &record, progress)
        case .folds(let rows, let count):
            let prepared = try prepare(rows, phase: "embedding", from: 0, to: 0.1, record: &record, progress)
            let folds = Folds.assign(rows, count: count, seed: plan.seed)
            for fold in 0..<count {
                let train = prepared.indices.filter { folds[$0] != fold }.map { prepared[$0] }
                let test = prepared.indices.filter { folds[$0] == fold }.map { prepared[$0] }
                let width = 0.9 / Double(count)
                let start = 0.1 + width * Double(fold)
                evaluated += try measure(
                    train: train, test: test, phase: "fold \(fold + 1) of \(count)", from: start, to: start + width,
                    record: &record, progress)
            }
        }
        guard
            let report = BacktestReport(
                rows: evaluated, models: herd, pair: plan.pair, reference: plan.reference,
                parametersB: plan.facts.map { facts in herd.map { facts.model(named: $0)?.parametersB } },
                timings: record.timings,
                settings: record.settings)
        else {
            throw .invalidPlan(
                """
                no row to test on has a score of every model of the herd\(plan.reference.map { " and of \($0)" } ?? ""): \
                name fewer models with --herd
                """)
        }
        return report
    }

    // MARK: - Steps

    /// What is noted on the way.
    private struct Record {
        var timings = BacktestTimings()
        var settings: [TrainingSettings] = []
    }

    private struct PreparedRow {
        var evaluation: EvaluationRow
        var training: TrainingRow
    }

    private func prepare(
        _ rows: [EvaluationRow], phase: String, from: Double, to: Double, record: inout Record,
        _ progress: (BacktestProgress) throws(CancellationError) -> Void
    ) throws(BacktestError) -> [PreparedRow] {
        let clock = ContinuousClock()
        let start = clock.now
        var prepared: [PreparedRow] = []
        prepared.reserveCapacity(rows.count)
        for (index, row) in rows.enumerated() {
            if index % 64 == 0 { try send(phase, from + (to - from) * Double(index) / Double(rows.count), progress) }
            let embedding = embed(row.prompt)
            prepared.append(
                PreparedRow(evaluation: row, training: TrainingRow(row, models: herd, embedding: embedding)))
        }
        record.timings.embedSeconds += (clock.now - start).seconds
        return prepared
    }

    private func measure(
        train: [PreparedRow], test: [PreparedRow], phase: String, from: Double, to: Double,
        record: inout Record, _ progress: (BacktestProgress) throws(CancellationError) -> Void
    ) throws(BacktestError) -> [BacktestRow] {
        let clock = ContinuousClock()
        let start = clock.now
        let options = TrainingOptions(seed: plan.seed, embeddingChecksum: embeddingChecksum)
        let predictor: Predictor
        do {
            predictor = try Trainer.train(rows: train.map(\.training), models: herd, options: options) {
                (report) throws(CancellationError) in
                let share = Double(report.done) / Double(max(1, report.total))
                try progress(BacktestProgress(phase: phase, share: from + (to - from) * share))
            }
        } catch {
            throw .training(error)
        }
        record.timings.trainings += 1
        record.timings.trainSeconds += (clock.now - start).seconds

        record.settings.append(predictor.card.settings)

        let labels = taskLabels(train)
        let predictionStart = clock.now
        let predictions = test.map { predictor.predict($0.training.embedding, promptTokens: $0.training.promptTokens) }
        record.timings.predictSeconds += (clock.now - predictionStart).seconds
        record.timings.predictions += predictions.count
        return zip(test, predictions).compactMap { row, prediction in
            backtestRow(row.evaluation, prediction: prediction, labels: labels)
        }
    }

    /// The model with the highest mean score in each task; of equals the first by name.
    private func taskLabels(_ rows: [PreparedRow]) -> [String: Int] {
        var sums: [String: [(sum: Double, count: Double)]] = [:]
        for row in rows {
            var task = sums[row.evaluation.task] ?? [(Double, Double)](repeating: (0, 0), count: herd.count)
            for (model, score) in row.training.scores.enumerated() where !score.isNaN {
                task[model].sum += row.evaluation.scores[herd[model]] ?? 0
                task[model].count += 1
            }
            sums[row.evaluation.task] = task
        }
        var labels: [String: Int] = [:]
        for (task, models) in sums {
            var best: (model: Int, mean: Double)?
            for (model, value) in models.enumerated() where value.count > 0 {
                let mean = value.sum / value.count
                if mean > best?.mean ?? -1 { best = (model, mean) }
            }
            labels[task] = best?.model
        }
        return labels
    }

    /// Nil for a row that lacks a score of the herd or of the reference.
    private func backtestRow(
        _ row: EvaluationRow, prediction: Prediction, labels: [String: Int]
    ) -> BacktestRow? {
        let scores = herd.compactMap { row.scores[$0] }
        guard scores.count == herd.count else { return nil }
        let referenceScore = plan.reference.flatMap { row.scores[$0] }
        guard plan.reference == nil || referenceScore != nil else { return nil }
        let costs = herd.compactMap { row.costs[$0] }
        return BacktestRow(
            task: row.task, scores: scores, qualities: prediction.qualities.map { Double($0) },
            costs: costs.count == herd.count ? costs : [],
            expectedCosts: prediction.expectedCosts.map { Double($0) },
            taskLabelModel: labels[row.task], referenceScore: referenceScore,
            referenceCost: plan.reference.flatMap { row.costs[$0] },
            refined: row.refined.isEmpty
                ? [] : herd.map { Array((row.refined[$0] ?? []).prefix(TrainingRow.mostRounds)) },
            gains: prediction.rounds == 0
                ? []
                : herd.indices.map { model in
                    prediction.gains[model * prediction.rounds..<(model + 1) * prediction.rounds].map { Double($0) }
                })
    }

    private func send(
        _ phase: String, _ share: Double, _ progress: (BacktestProgress) throws(CancellationError) -> Void
    ) throws(BacktestError) {
        do {
            try progress(BacktestProgress(phase: phase, share: share))
        } catch {
            throw .training(.cancelled)
        }
    }
}

extension TrainingRow {
    /// An evaluation as training takes it: scores and costs in the order of `models`, NaN where there are none.
    package init(_ row: EvaluationRow, models: [String], embedding: PromptEmbedding) {
        self.init(
            id: row.id, embedding: embedding, promptTokens: embedding.estimatedTokens, task: row.task,
            domain: row.domain,
            scores: models.map { model in row.scores[model].map { Float($0) } ?? .nan },
            costs: row.costs.isEmpty ? [] : models.map { model in row.costs[model].map { Float($0) } ?? .nan },
            refined: row.refined.isEmpty ? [] : models.map { model in row.refined[model]?.map { Float($0) } ?? [] },
            refinedCosts: row.refinedCosts.isEmpty
                ? [] : models.map { model in row.refinedCosts[model]?.map { Float($0) } ?? [] })
    }
}

extension Duration {
    fileprivate var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
