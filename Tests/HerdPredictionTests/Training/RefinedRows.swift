import HerdPrediction

/// Made-up evaluations of two topics: refinement turns every wrong answer of "a" right in "good" and every right one wrong
/// in "bad"; "b" was refined in one round only, to no effect, and "c" never.
struct RefinedRows {
    static let models = ["a", "b", "c"]
    var count = 120
    var seed: UInt64 = 1

    func make() -> [TrainingRow] {
        SyntheticRows(count: count, models: Self.models, tasks: ["bad", "good"], width: 4, seed: seed, hasCosts: true)
            .make().map { row in
                var row = row
                let after: Float = row.task == "good" ? 1 : 0
                row.refined = [[after, after], [row.scores[1]], []]
                row.refinedCosts = [[0.25, 0.5], [.nan], []]
                return row
            }
    }
}
