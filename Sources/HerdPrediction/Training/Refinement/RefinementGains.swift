/// The expected gain of every number of rounds in each topic, with how sure it is.
///
/// As for the scores: `(sum over the topic + 10 * overall mean) / (n + 10)`, the overall mean being drawn towards 0 in the
/// same way, `sum / (N + 10)`, so that a few lucky rows buy no rounds. The standard error is that of the posterior mean of
/// a normal model with that prior; the variance within topics is pooled over the topics and starts from ten rows of 0.25,
/// the largest variance a score from 0 to 1 can have.
struct RefinementGains {
    private static let priorVariance = 0.25

    let topics: Int
    let columns: Int
    /// topics x columns of the table; NaN in a column that no row measured.
    private let means: [Double]
    /// Standard errors of `means`.
    private let errors: [Double]

    /// - Parameters:
    ///   - rows: positions in the table of the rows to fit.
    ///   - labels: the topic of each row of the table.
    init(_ table: RefinementTable, rows: [Int], labels: [Int], topics: Int) {
        let columns = table.gains.columns
        let prior = TopicMeans.prior
        var counts = [Double](repeating: 0, count: topics * columns)
        var sums = counts
        var squares = counts
        for row in rows {
            for column in 0..<columns {
                let gain = Double(table.gains[row, column])
                if gain.isNaN { continue }
                let place = labels[row] * columns + column
                counts[place] += 1
                sums[place] += gain
                squares[place] += gain * gain
            }
        }
        var means = [Double](repeating: .nan, count: topics * columns)
        var errors = means
        for column in 0..<columns {
            var count = 0.0
            var sum = 0.0
            var within = prior * Self.priorVariance
            var freedom = prior
            for topic in 0..<topics where counts[topic * columns + column] > 0 {
                let place = topic * columns + column
                count += counts[place]
                sum += sums[place]
                within += max(0, squares[place] - sums[place] * sums[place] / counts[place])
                freedom += counts[place] - 1
            }
            guard count > 0 else { continue }
            let overall = sum / (count + prior)
            let variance = within / freedom
            for topic in 0..<topics {
                let place = topic * columns + column
                let weight = counts[place] + prior
                let share = prior / weight
                means[place] = (sums[place] + prior * overall) / weight
                errors[place] = (variance / weight + share * share * variance / (count + prior)).squareRoot()
            }
        }
        self.topics = topics
        self.columns = columns
        self.means = means
        self.errors = errors
    }

    /// The gain to be counted on in one topic: a positive one less `caution` standard errors, but not below 0; a negative
    /// one as it is, since harm needs no proof.
    func cautious(topic: Int, column: Int, caution: Double) -> Double {
        let place = topic * columns + column
        let mean = means[place]
        return mean > 0 ? max(0, mean - caution * errors[place]) : mean
    }

    /// The cautious gains of all topics, one row per column of the table.
    ///
    /// - Parameter cautions: one per model.
    func cautious(_ cautions: [Double]) -> DenseMatrix<Float> {
        var result = DenseMatrix<Float>(rows: columns, columns: topics)
        for column in 0..<columns {
            let caution = cautions[column * cautions.count / columns]
            for topic in 0..<topics {
                result[column, topic] = Float(cautious(topic: topic, column: column, caution: caution))
            }
        }
        return result
    }
}
