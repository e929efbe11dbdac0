/// Ridge regression of what a prompt's features add to its topic's mean scores.
///
/// With x the features less their mean in the row's topic, r a model's score less its mean there, w the row's weight:
/// minimises `sum w (r - x b)^2 + lambda |b|^2` for each model. Models that were not run on every row share one matrix of
/// second moments, scaled by the share of the weight they were run on.
struct ResidualRidge {
    let width: Int
    let modelCount: Int
    private let moments: DenseMatrix<Double>
    /// width x models.
    private let products: DenseMatrix<Double>
    /// Models by the binary logarithm, in halves, of the share of the weight they were run on.
    private let groups: [(share: Double, models: [Int])]

    /// - Parameters:
    ///   - rows: positions in the table of the rows to fit.
    ///   - centres: the features' mean in each topic.
    ///   - means: each model's mean score in each topic.
    init(table: TrainingTable, rows: [Int], width: Int, centres: DenseMatrix<Float>, means: DenseMatrix<Float>) {
        self.width = width
        modelCount = table.modelCount
        var centred = DenseMatrix<Float>(rows: rows.count, columns: width)
        var residuals = DenseMatrix<Float>(rows: rows.count, columns: modelCount)
        var present = [Double](repeating: 0, count: modelCount)
        var total = 0.0
        for (position, row) in rows.enumerated() {
            let weight = table.weights[row]
            let root = weight.squareRoot()
            let topic = table.labels.topics[row]
            total += Double(weight)
            for column in 0..<width {
                centred.values[position * width + column] =
                    (table.features.values[row * table.features.columns + column]
                        - centres.values[topic * width + column]) * root
            }
            for model in 0..<modelCount {
                let score = table.scores.values[row * modelCount + model]
                if score.isNaN { continue }
                present[model] += Double(weight)
                residuals.values[position * modelCount + model] =
                    (score - means.values[topic * modelCount + model]) * root
            }
        }
        let moments = centred.transposedTimes(centred)
        self.moments = DenseMatrix(rows: width, columns: width, values: moments.values.map { Double($0) })
        let products = centred.transposedTimes(residuals)
        self.products = DenseMatrix(rows: width, columns: modelCount, values: products.values.map { Double($0) })

        var byShare: [Int: [Int]] = [:]
        for (model, weight) in present.enumerated() {
            let share = max(weight / max(total, 1e-30), 1e-6)
            byShare[Int((2 * naturalLogarithm(share) / 0.6931471805599453).rounded()), default: []].append(model)
        }
        groups = byShare.sorted { $0.key > $1.key }.map { (Self.share($0.key), $0.value) }
    }

    /// Two to the power of half of `halves`, which is 0 or negative.
    private static func share(_ halves: Int) -> Double {
        var value = 1.0
        for _ in 0..<max(0, -halves) { value *= 0.7071067811865476 }
        return value
    }

    /// The coefficients, width x models, for one penalty.
    func solve(lambda: Double) -> DenseMatrix<Float> {
        var result = DenseMatrix<Float>(rows: width, columns: modelCount)
        for group in groups {
            // Dividing by the share leaves the matrix alone and scales the penalty and the right side.
            guard let factor = CholeskyFactor(moments, addingToDiagonal: lambda / group.share) else { continue }
            var right = DenseMatrix<Double>(rows: width, columns: group.models.count)
            for row in 0..<width {
                for (column, model) in group.models.enumerated() {
                    right[row, column] = products[row, model] / group.share
                }
            }
            factor.solve(&right)
            for row in 0..<width {
                for (column, model) in group.models.enumerated() { result[row, model] = Float(right[row, column]) }
            }
        }
        return result
    }

    /// Joins two solutions: the mean over the models from `common`, what sets the models apart from `specific`.
    static func joined(common: DenseMatrix<Float>, specific: DenseMatrix<Float>) -> DenseMatrix<Float> {
        var result = specific
        let models = specific.columns
        guard models > 0 else { return result }
        for row in 0..<specific.rows {
            let range = row * models..<(row + 1) * models
            let shift = (common.values[range].reduce(0, +) - specific.values[range].reduce(0, +)) / Float(models)
            for index in range { result.values[index] += shift }
        }
        return result
    }
}
