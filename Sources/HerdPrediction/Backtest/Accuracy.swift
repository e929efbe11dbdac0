/// Mean scores of four ways to choose a model, as shares 0..1.
package struct Accuracy: Sendable, Equatable {
    /// The model predicted best for each prompt.
    package var routed: Double
    /// The one model with the highest mean on all evaluated rows.
    package var bestSingle: Double
    /// The model that was best for the prompt's task on the training rows; nil where no task was known there.
    package var taskLabel: Double?
    /// The model that really was best for each prompt.
    package var oracle: Double

    package init(routed: Double, bestSingle: Double, taskLabel: Double?, oracle: Double) {
        self.routed = routed
        self.bestSingle = bestSingle
        self.taskLabel = taskLabel
        self.oracle = oracle
    }
}

/// Accuracy by task, over tasks and over rows.
package struct AccuracyReport: Sendable, Equatable {
    package struct Task: Sendable, Equatable {
        package var name: String
        package var rows: Int
        package var accuracy: Accuracy
    }

    /// Position in the herd of the model with the highest mean over the evaluated rows; `tasks` and `micro` take it.
    package var bestSingleModel: Int
    /// Position in the herd of the model with the highest mean over the tasks, which can be another; `macro` takes it.
    package var bestMacroModel: Int
    /// By name.
    package var tasks: [Task]
    /// Unweighted mean over the tasks; `taskLabel` over those that have one.
    package var macro: Accuracy
    /// Mean over the rows; `taskLabel` over those that have one.
    package var micro: Accuracy

    /// - Returns: nil for no rows.
    package init?(_ rows: [BacktestRow]) {
        guard let first = rows.first else { return nil }
        var sums = [Double](repeating: 0, count: first.scores.count)
        for row in rows {
            for (model, score) in row.scores.enumerated() { sums[model] += score }
        }
        bestSingleModel = sums.firstIndexOfMaximum

        var byTask: [String: [BacktestRow]] = [:]
        for row in rows { byTask[row.task, default: []].append(row) }
        let best = bestSingleModel
        tasks = byTask.sorted { $0.key < $1.key }
            .map { Task(name: $0.key, rows: $0.value.count, accuracy: Self.mean($0.value, bestSingle: best)) }
        micro = Self.mean(rows, bestSingle: best)
        let labels = tasks.compactMap(\.accuracy.taskLabel)
        var taskSums = [Double](repeating: 0, count: first.scores.count)
        for (_, rows) in byTask.sorted(by: { $0.key < $1.key }) {
            for model in taskSums.indices {
                taskSums[model] += rows.reduce(0) { $0 + $1.scores[model] } / Double(rows.count)
            }
        }
        bestMacroModel = taskSums.firstIndexOfMaximum
        macro = Accuracy(
            routed: Self.mean(tasks.map(\.accuracy.routed)) ?? 0,
            bestSingle: taskSums[bestMacroModel] / Double(tasks.count),
            taskLabel: Self.mean(labels),
            oracle: Self.mean(tasks.map(\.accuracy.oracle)) ?? 0)
    }

    private static func mean(_ rows: [BacktestRow], bestSingle: Int) -> Accuracy {
        Accuracy(
            routed: mean(rows.map { $0.scores[$0.chosen] }) ?? 0,
            bestSingle: mean(rows.map { $0.scores[bestSingle] }) ?? 0,
            taskLabel: mean(rows.compactMap { row in row.taskLabelModel.map { row.scores[$0] } }),
            oracle: mean(rows.map { $0.scores.max() ?? 0 }) ?? 0)
    }

    private static func mean(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
}
