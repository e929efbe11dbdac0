/// Chooses the settings of a training on folds of its own rows, and measures what they are worth there.
struct CrossValidation {
    /// Ridge penalties that are tried.
    static let ridges: [Double] = [10, 30, 100, 300, 1000]
    static let standardTopicInverseRegularisation = 30.0
    static let topicInverseRegularisations: [Double] = [30, 10, 100]
    /// Fewer rows are trained on with the standard settings.
    static let fewestRows = 20

    private(set) var settings: TrainingSettings
    private(set) var figures: [PredictorCard.Figure] = []
    /// How far each model's refinement gains are trusted; of no meaning where no answer was refined.
    private(set) var cautions: [Double]

    private let table: TrainingTable
    private let options: TrainingOptions
    private let folds: [(fitted: [Int], heldOut: [Int])]

    /// The residual's penalty that is kept unless another is clearly better: few rows need less of it.
    static func standardRidge(rows: Int) -> Double { rows < 3500 ? 30 : 100 }

    /// Three folds, five where rows are few.
    static func foldCount(rows: Int) -> Int { rows < 1000 ? 5 : 3 }

    /// How many steps `run` reports.
    static func steps(table: TrainingTable, options: TrainingOptions) -> Int {
        guard table.count >= fewestRows else { return 0 }
        let tails = tailCandidates(table: table, options: options).count
        let regularisations = options.topicInverseRegularisation == nil ? topicInverseRegularisations.count : 0
        return regularisations + tails * foldCount(rows: table.count)
    }

    init(table: TrainingTable, options: TrainingOptions, generator: inout SeededGenerator) {
        self.table = table
        self.options = options
        settings = TrainingSettings(
            topicInverseRegularisation: options.topicInverseRegularisation
                ?? Self.standardTopicInverseRegularisation,
            specificRidge: options.specificRidge ?? Self.standardRidge(rows: table.count),
            commonRidge: options.commonRidge ?? Self.standardRidge(rows: table.count),
            usesTail: options.usesTail ?? table.hasTails, calibration: ScoreCalibration())
        cautions = RefinementCaution(models: table.modelCount).cautions
        guard table.count >= Self.fewestRows else {
            folds = []
            return
        }
        // Dealt out topic by topic, so that every fold has its share of each.
        let shuffled = generator.permutation(table.count)
        let order = shuffled.enumerated().sorted {
            (table.labels.topics[$0.element], $0.offset) < (table.labels.topics[$1.element], $1.offset)
        }
        let count = Self.foldCount(rows: table.count)
        var heldOut = [[Int]](repeating: [], count: count)
        for (index, entry) in order.enumerated() { heldOut[index % count].append(entry.element) }
        folds = heldOut.indices.map { index in
            let fitted = heldOut.indices.filter { $0 != index }.flatMap { heldOut[$0] }
            return (fitted.sorted(), heldOut[index].sorted())
        }
    }

    /// - Parameter step: called at each evaluation of the loss with whether a step is done; throws to stop.
    mutating func run(step: (_ isDone: Bool) throws(TrainingError) -> Void) throws(TrainingError) {
        guard !folds.isEmpty else { return }
        if options.topicInverseRegularisation == nil {
            settings.topicInverseRegularisation = try chooseTopicRegularisation(step: step)
        }
        var best: Trial?
        for usesTail in Self.tailCandidates(table: table, options: options) {
            let trial = try attempt(usesTail: usesTail, step: step)
            if let standard = best {
                guard SquaredErrors.isClearlyLower(trial.errors, than: standard.errors, table) else { continue }
            }
            best = trial
        }
        guard let best else { return }
        settings.usesTail = best.usesTail
        settings.specificRidge = best.specificRidge
        settings.commonRidge = best.commonRidge
        measure(best)
        if let refinement = table.refinement { trust(refinement, best) }
    }

    /// The standard first.
    private static func tailCandidates(table: TrainingTable, options: TrainingOptions) -> [Bool] {
        if let usesTail = options.usesTail { return [usesTail] }
        return table.hasTails ? [true, false] : [false]
    }

    private func width(usesTail: Bool) -> Int { usesTail ? 2 * table.width : table.width }

    // MARK: - Topics

    /// The standard inverse regularisation, or another where the topics' scores are clearly better on the first fold.
    private func chooseTopicRegularisation(
        step: (_ isDone: Bool) throws(TrainingError) -> Void
    ) throws(TrainingError) -> Double {
        guard let fold = folds.first, table.labels.names.count > 1 else {
            for _ in Self.topicInverseRegularisations { try step(true) }
            return Self.standardTopicInverseRegularisation
        }
        let width = width(usesTail: settings.usesTail)
        let features = table.features.selecting(fold.fitted, width: width)
        let heldOut = table.features.selecting(fold.heldOut, width: width)
        let topics = table.labels.names.count
        let means = TopicMeans.shrunken(
            table.scores, rows: fold.fitted, labels: table.labels.topics, topics: topics, width: table.modelCount)
        var best: (value: Double, errors: [Double])?
        for value in Self.topicInverseRegularisations {
            let head = try TopicHead(
                features: features, labels: fold.fitted.map { table.labels.topics[$0] }, topics: topics,
                inverseRegularisation: value
            ) { () throws(TrainingError) in try step(false) }
            var errors = SquaredErrors(count: table.count)
            errors.measure(scores: head.probabilities(heldOut).times(means), rows: fold.heldOut, table: table)
            try step(true)
            if let standard = best {
                guard SquaredErrors.isClearlyLower(errors.total, than: standard.errors, table) else { continue }
            }
            best = (value, errors.total)
        }
        return best?.value ?? Self.standardTopicInverseRegularisation
    }

    // MARK: - Residuals

    private struct Trial {
        var usesTail: Bool
        var folds: [HeldOutFold]
        var specificRidge: Double
        var commonRidge: Double
        /// Squared error of each row with those settings.
        var errors: [Double]
    }

    private func attempt(
        usesTail: Bool, step: (_ isDone: Bool) throws(TrainingError) -> Void
    ) throws(TrainingError) -> Trial {
        let specificCandidates = candidates(options.specificRidge)
        let commonCandidates = candidates(options.commonRidge)
        let ridges = Set(specificCandidates + commonCandidates).sorted()
        var errors = [SquaredErrors](repeating: SquaredErrors(count: table.count), count: ridges.count)
        var held: [HeldOutFold] = []
        for fold in folds {
            let result = try HeldOutFold(
                table: table, fitted: fold.fitted, heldOut: fold.heldOut, width: width(usesTail: usesTail),
                inverseRegularisation: settings.topicInverseRegularisation
            ) { () throws(TrainingError) in try step(false) }
            for (index, ridge) in ridges.enumerated() {
                errors[index].measure(
                    scores: result.base.plus(result.residuals(lambda: ridge)), rows: fold.heldOut, table: table)
            }
            held.append(result)
            try step(true)
        }
        let byRidge = Dictionary(uniqueKeysWithValues: zip(ridges, errors))
        let specific = chooseSpecific(specificCandidates, byRidge)
        let common = chooseCommon(commonCandidates, byRidge)
        var total = [Double](repeating: 0, count: table.count)
        for row in total.indices {
            total[row] = (byRidge[specific]?.specific[row] ?? 0) + (byRidge[common]?.common[row] ?? 0)
        }
        return Trial(usesTail: usesTail, folds: held, specificRidge: specific, commonRidge: common, errors: total)
    }

    private func candidates(_ given: Double?) -> [Double] { given.map { [$0] } ?? Self.ridges }

    /// The standard penalty, or the best where that is clearly better: the curve is flat and its minimum mostly noise.
    private func chooseSpecific(_ candidates: [Double], _ errors: [Double: SquaredErrors]) -> Double {
        let standard = settings.specificRidge
        let means = candidates.map { SquaredErrors.mean(errors[$0]?.specific ?? [], table) }
        guard let index = means.indices.min(by: { means[$0] < means[$1] }), let best = errors[candidates[index]]
        else { return standard }
        guard let usual = errors[standard] else { return candidates[index] }
        return SquaredErrors.isClearlyLower(best.specific, than: usual.specific, table) ? candidates[index] : standard
    }

    private func chooseCommon(_ candidates: [Double], _ errors: [Double: SquaredErrors]) -> Double {
        let means = candidates.map { SquaredErrors.mean(errors[$0]?.common ?? [], table) }
        guard let index = means.indices.min(by: { means[$0] < means[$1] }) else { return settings.commonRidge }
        return candidates[index]
    }

    // MARK: - Figures

    /// Calibrates on the held-out scores and notes what they are worth.
    private mutating func measure(_ trial: Trial) {
        var raw = DenseMatrix<Float>(rows: table.count, columns: table.modelCount)
        var topicHits = 0.0
        for fold in trial.folds {
            let scores = fold.base.plus(
                ResidualRidge.joined(
                    common: fold.residuals(lambda: trial.commonRidge),
                    specific: fold.residuals(lambda: trial.specificRidge)))
            for (position, row) in fold.rows.enumerated() {
                for model in 0..<table.modelCount { raw[row, model] = scores[position, model] }
                let probabilities = (0..<fold.probabilities.columns).map { Double(fold.probabilities[position, $0]) }
                topicHits += probabilities.firstIndexOfMaximum == table.labels.topics[row] ? 1 : 0
            }
        }
        settings.calibration = CalibrationFit.fit(raw: raw.values, scores: table.scores.values)

        var tally = CalibrationTally()
        var complete: [BacktestRow] = []
        for row in 0..<table.count {
            let scores = (0..<table.modelCount).map { Double(table.scores[row, $0]) }
            let qualities = (0..<table.modelCount).map { Double(settings.calibration(raw[row, $0])) }
            for (quality, score) in zip(qualities, scores) where !score.isNaN {
                tally.add(quality: quality, score: score)
            }
            if scores.allSatisfy({ !$0.isNaN }) {
                complete.append(BacktestRow(task: table.tasks[row], scores: scores, qualities: qualities))
            }
        }
        figures = [
            PredictorCard.Figure(name: "cv.folds", value: Double(folds.count)),
            PredictorCard.Figure(name: "cv.topic_accuracy", value: topicHits / Double(table.count)),
        ]
        if let report = AccuracyReport(complete) {
            figures += [
                PredictorCard.Figure(name: "cv.macro_routed", value: report.macro.routed),
                PredictorCard.Figure(name: "cv.micro_routed", value: report.micro.routed),
                PredictorCard.Figure(name: "cv.micro_best_single", value: report.micro.bestSingle),
                PredictorCard.Figure(name: "cv.micro_oracle", value: report.micro.oracle),
            ]
        }
        if let report = tally.report {
            figures += [
                PredictorCard.Figure(name: "cv.ece", value: report.ece),
                PredictorCard.Figure(name: "cv.brier", value: report.brier),
            ]
        }
    }
    // MARK: - Refinement

    /// Replays the choice of rounds on the held-out rows.
    private mutating func trust(_ refinement: RefinementTable, _ trial: Trial) {
        let replayed = RefinementCaution(
            refinement, labels: table.labels.topics, topics: table.labels.names.count,
            folds: zip(folds, trial.folds).map { ($0.fitted, $1) })
        cautions = replayed.cautions
        let trusted = cautions.count { $0 != RefinementCaution.refused }
        figures.append(PredictorCard.Figure(name: "cv.models_refined", value: Double(trusted)))
        if let gain = replayed.meanGain {
            figures.append(PredictorCard.Figure(name: "cv.refinement_gain", value: gain))
        }
    }
}
