/// Wall time that the parts of a backtest took.
package struct BacktestTimings: Sendable, Equatable {
    package var embedSeconds = 0.0
    package var trainings = 0
    /// Of all trainings together.
    package var trainSeconds = 0.0
    package var predictions = 0
    /// Of all predictions together, embedding not included.
    package var predictSeconds = 0.0

    package init() {}
}

/// Everything a backtest measured; shares are 0..1.
package struct BacktestReport: Sendable, Equatable {
    /// Rows with a score of every model of the herd and of the reference: the only ones that count anywhere.
    package var rows: Int
    /// The herd, by name.
    package var models: [String]
    package var accuracy: AccuracyReport
    package var calibration: CalibrationReport
    /// Where the herd is a pair or names one, and the stronger model is the better on these rows.
    package var pair: PairReport?
    /// The pair's models, the stronger first.
    package var pairModels: [String]?
    /// Where rows have measured costs.
    package var cost: CostReport?
    /// Where a reference is named.
    package var reference: ReferenceReport?
    /// Where answers were refined.
    package var refinement: RefinementReport?
    package var timings: BacktestTimings
    /// The settings of each training, those chosen by cross-validation included.
    package var settings: [TrainingSettings]

    /// - Parameters:
    ///   - models: the herd, in the order of the rows' arrays.
    ///   - pair: two of them, the stronger first; nil takes the two of a herd of two, the one with the higher mean first.
    ///   - parametersB: billions of parameters in the herd's order; nil where no facts are given.
    /// - Returns: nil for no rows.
    package init?(
        rows: [BacktestRow], models: [String], pair: [String]?, reference: String?, parametersB: [Double?]?,
        timings: BacktestTimings, settings: [TrainingSettings]
    ) {
        guard let accuracy = AccuracyReport(rows), let calibration = CalibrationReport(rows) else { return nil }
        self.rows = rows.count
        self.models = models
        self.accuracy = accuracy
        self.calibration = calibration
        self.timings = timings
        self.settings = settings
        var pairModels = pair
        if pair == nil, models.count == 2 {
            let strong = accuracy.bestSingleModel
            pairModels = [models[strong], models[1 - strong]]
        }
        self.pairModels = pairModels
        if let pairModels, let strong = models.firstIndex(of: pairModels[0]),
            let weak = models.firstIndex(of: pairModels[1])
        {
            self.pair = PairReport(rows, strong: strong, weak: weak)
        }
        cost = CostReport(rows, reference: accuracy.bestSingleModel)
        refinement = RefinementReport(rows)
        if reference != nil {
            self.reference = ReferenceReport(
                rows, parametersB: parametersB ?? [Double?](repeating: nil, count: models.count))
        }
    }
}
