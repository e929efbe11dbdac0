import HerdPrediction

/// Splits rows for cross-validation.
package enum Folds {
    /// The fold, 0 to `count` - 1, of each row.
    ///
    /// Rows are shuffled with `seed`, then dealt out task by task, so that every fold has its share of each task. Rows with
    /// the same id or the same prompt go to the same fold: no fold is asked what it has seen.
    ///
    /// - Parameter count: from 2 to the number of rows.
    package static func assign(_ rows: [EvaluationRow], count: Int, seed: UInt64) -> [Int] {
        var generator = SeededGenerator(seed: seed)
        let order = generator.permutation(rows.count).enumerated().sorted {
            (rows[$0.element].task, $0.offset) < (rows[$1.element].task, $1.offset)
        }
        var folds = [Int](repeating: 0, count: rows.count)
        var byID: [String: Int] = [:]
        var byPrompt: [String: Int] = [:]
        var next = 0
        for entry in order {
            let row = rows[entry.element]
            var fold = byID[row.id] ?? byPrompt[row.prompt]
            if fold == nil {
                fold = next % max(1, count)
                next += 1
            }
            folds[entry.element] = fold ?? 0
            byID[row.id] = fold
            byPrompt[row.prompt] = fold
        }
        return folds
    }
}
