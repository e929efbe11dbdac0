/// What refinement is worth to routing, on the rows with measured rounds; scores are 0..1.
///
/// On every row only rounds that were measured there can be chosen, of which at most `TrainingRow.mostRounds` count.
package struct RefinementReport: Sendable, Equatable {
    /// Rows with measured rounds of at least one model of the herd.
    package var rows: Int
    /// Mean score of the model predicted best, not refined.
    package var never: Double
    /// That model's, after all the rounds that were measured.
    package var always: Double
    /// Of the model and the number of rounds that are expected to score highest together.
    package var chosen: Double
    /// Of the model and the number of rounds that really scored highest.
    package var oracle: Double
    /// Mean number of rounds of `chosen`.
    package var meanRounds: Double

    /// - Returns: nil where no row has measured rounds.
    package init?(_ rows: [BacktestRow]) {
        self.rows = 0
        never = 0
        always = 0
        chosen = 0
        oracle = 0
        meanRounds = 0
        for row in rows where row.refined.contains(where: { !$0.isEmpty }) {
            let best = row.chosenWithRounds
            self.rows += 1
            never += row.scores[row.chosen]
            always += row.refined[row.chosen].last ?? row.scores[row.chosen]
            chosen += best.rounds == 0 ? row.scores[best.model] : row.refined[best.model][best.rounds - 1]
            oracle += max(row.scores.max() ?? 0, row.refined.joined().max() ?? 0)
            meanRounds += Double(best.rounds)
        }
        guard self.rows > 0 else { return nil }
        let total = Double(self.rows)
        never /= total
        always /= total
        chosen /= total
        oracle /= total
        meanRounds /= total
    }
}
