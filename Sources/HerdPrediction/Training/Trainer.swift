/// Trains predictors.
///
/// The recipe ("topic + ridge", DESIGN section 4): a topic head, each model's mean score in each topic, and a ridge
/// regression of what the prompt adds to it. What all models share on a prompt, its difficulty, is regressed with a
/// weaker penalty than what sets them apart: the first is plain in the data, the second is mostly noise.
package enum Trainer {
    /// Trains a predictor; the same bytes for the same rows, models and options on every machine.
    ///
    /// Takes seconds of one core; call it off the threads that serve.
    ///
    /// - Parameters:
    ///   - rows: rows without any score are passed over.
    ///   - models: the models to predict, which the rows' scores follow.
    ///   - progress: called many times a second; throws to stop the training.
    package static func train(
        rows: [TrainingRow], models: [String], options: TrainingOptions = TrainingOptions(),
        progress: (TrainingProgress) throws(CancellationError) -> Void = { _ in }
    ) throws(TrainingError) -> Predictor {
        try check(options)
        guard Set(models).count == models.count else { throw .invalidOption("a model is named twice") }
        var generator = SeededGenerator(seed: options.seed)
        var report = TrainingProgress(phase: .topics, done: 0, total: 1)
        try send(report, progress)
        let table = try TrainingTable(rows: rows, models: models, generator: &generator)

        report.total = CrossValidation.steps(table: table, options: options) + 1
        report.phase = .crossValidation
        try send(report, progress)
        var validation = CrossValidation(table: table, options: options, generator: &generator)
        try validation.run { (isDone) throws(TrainingError) in
            report.done += isDone ? 1 : 0
            try send(report, progress)
        }

        report.phase = .fitting
        try send(report, progress)
        let model = try fit(table: table, settings: validation.settings) { () throws(TrainingError) in
            try send(report, progress)
        }
        report.done = report.total
        try send(report, progress)
        return predictor(
            table: table, model: model, models: models, options: options, settings: validation.settings,
            cautions: validation.cautions, figures: validation.figures)
    }

    private static func check(_ options: TrainingOptions) throws(TrainingError) {
        let penalties = [options.topicInverseRegularisation, options.specificRidge, options.commonRidge]
        for penalty in penalties {
            guard let penalty else { continue }
            guard penalty >= 1e-3, penalty <= 1e9 else {
                throw .invalidOption("a regularisation is \(penalty); it must be from 0.001 to 1e9")
            }
        }
    }

    private static func send(
        _ report: TrainingProgress, _ progress: (TrainingProgress) throws(CancellationError) -> Void
    ) throws(TrainingError) {
        do {
            try progress(report)
        } catch {
            throw .cancelled
        }
    }

    private static func fit(
        table: TrainingTable, settings: TrainingSettings, tick: () throws(TrainingError) -> Void
    ) throws(TrainingError) -> FittedModel {
        let width = settings.usesTail ? 2 * table.width : table.width
        let all = Array(0..<table.count)
        let topics = table.labels.names.count
        let head = try TopicHead(
            features: table.features.selecting(all, width: width), labels: table.labels.topics, topics: topics,
            inverseRegularisation: settings.topicInverseRegularisation, tick: tick)
        let means = TopicMeans.shrunken(
            table.scores, rows: all, labels: table.labels.topics, topics: topics, width: table.modelCount)
        let centres = TopicMeans.shrunken(
            table.features, rows: all, labels: table.labels.topics, topics: topics, width: width)
        let ridge = ResidualRidge(table: table, rows: all, width: width, centres: centres, means: means)
        let coefficients = ResidualRidge.joined(
            common: ridge.solve(lambda: settings.commonRidge), specific: ridge.solve(lambda: settings.specificRidge))
        return FittedModel(head: head, means: means, centres: centres, coefficients: coefficients)
    }

    private static func predictor(
        table: TrainingTable, model: FittedModel, models: [String], options: TrainingOptions,
        settings: TrainingSettings, cautions: [Double], figures: [PredictorCard.Figure]
    ) -> Predictor {
        let topics = table.labels.names.count
        let costs = CostFit(table: table)
        let weights = PredictorWeights(
            width: table.width,
            projection: model.head.weights + model.coefficients.transposed.values,
            topicBias: model.head.bias,
            topicScores: model.topicScores.transposed.values,
            topicPrior: (0..<topics).map { topic in
                (0..<models.count).reduce(Float(0)) { $0 + model.means[topic, $1] } / Float(models.count)
            },
            costPerToken: costs.perToken,
            topicCosts: costs.topicCosts,
            refinement: table.refinement.map { refinement in
                RefinementWeights(
                    rounds: refinement.rounds,
                    topicGains: RefinementGains(
                        refinement, rows: Array(0..<table.count), labels: table.labels.topics, topics: topics
                    ).cautious(cautions).values,
                    topicRoundCosts: RoundCostFit.fit(refinement, labels: table.labels.topics, topics: topics))
            })
        var topicRows = [Int](repeating: 0, count: topics)
        for topic in table.labels.topics { topicRows[topic] += 1 }
        let card = PredictorCard(
            rows: table.count, seed: options.seed, settings: settings,
            modelMeans: (0..<models.count).map { table.mean(ofModel: $0) }, topicRows: topicRows, figures: figures)
        return Predictor(
            models: models, topics: table.labels.names, embeddingChecksum: options.embeddingChecksum, card: card,
            weights: weights)
    }
}
