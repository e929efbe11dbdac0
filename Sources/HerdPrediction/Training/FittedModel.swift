/// Topic head, topic means and residual together: raw scores from features.
struct FittedModel {
    let head: TopicHead
    /// topics x models.
    let means: DenseMatrix<Float>
    /// topics x width.
    let centres: DenseMatrix<Float>
    /// width x models.
    let coefficients: DenseMatrix<Float>

    /// `means - centres * coefficients`, topics x models: what is left to multiply the topics' probabilities with when
    /// the residual multiplies features that are not centred.
    var topicScores: DenseMatrix<Float> {
        var scores = means
        let shift = centres.times(coefficients)
        for index in scores.values.indices { scores.values[index] -= shift.values[index] }
        return scores
    }
}

/// Everything but the residual's coefficients, fitted to some rows, and what it says of the rows left out.
struct HeldOutFold {
    /// Positions in the table of the rows left out.
    let rows: [Int]
    /// The topics' probabilities, rows x topics.
    let probabilities: DenseMatrix<Float>
    /// Scores that the topics alone give, rows x models.
    let base: DenseMatrix<Float>
    /// Features less the centre of the expected topic, rows x width.
    private let centred: DenseMatrix<Float>
    private let ridge: ResidualRidge

    init(
        table: TrainingTable, fitted: [Int], heldOut: [Int], width: Int, inverseRegularisation: Double,
        tick: () throws(TrainingError) -> Void
    ) throws(TrainingError) {
        rows = heldOut
        let topics = table.labels.names.count
        let head = try TopicHead(
            features: table.features.selecting(fitted, width: width), labels: fitted.map { table.labels.topics[$0] },
            topics: topics, inverseRegularisation: inverseRegularisation, tick: tick)
        let means = TopicMeans.shrunken(
            table.scores, rows: fitted, labels: table.labels.topics, topics: topics, width: table.modelCount)
        let centres = TopicMeans.shrunken(
            table.features, rows: fitted, labels: table.labels.topics, topics: topics, width: width)
        ridge = ResidualRidge(table: table, rows: fitted, width: width, centres: centres, means: means)
        var features = table.features.selecting(heldOut, width: width)
        probabilities = head.probabilities(features)
        base = probabilities.times(means)
        let expected = probabilities.times(centres)
        for index in features.values.indices { features.values[index] -= expected.values[index] }
        centred = features
    }

    /// What the features add to `base`, rows x models, for one penalty.
    func residuals(lambda: Double) -> DenseMatrix<Float> {
        centred.times(ridge.solve(lambda: lambda))
    }
}
