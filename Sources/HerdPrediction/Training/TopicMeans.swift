/// Means by topic, drawn towards the mean of all rows where a topic has few.
enum TopicMeans {
    /// How many rows' worth the overall mean counts.
    static let prior: Double = 10

    /// `(sum over the topic + 10 * overall mean) / (n + 10)` for each topic and column; NaN counts as absent.
    ///
    /// - Returns: topics x columns. A column without any value gets the mean of the other columns.
    static func shrunken(
        _ values: DenseMatrix<Float>, rows: [Int], labels: [Int], topics: Int, width: Int
    ) -> DenseMatrix<Float> {
        var sums = [Double](repeating: 0, count: topics * width)
        var counts = sums
        for row in rows {
            let topic = labels[row] * width
            for column in 0..<width {
                let value = values.values[row * values.columns + column]
                if value.isNaN { continue }
                sums[topic + column] += Double(value)
                counts[topic + column] += 1
            }
        }
        var overall = [Double](repeating: .nan, count: width)
        for column in 0..<width {
            var sum = 0.0
            var count = 0.0
            for topic in 0..<topics {
                sum += sums[topic * width + column]
                count += counts[topic * width + column]
            }
            if count > 0 { overall[column] = sum / count }
        }
        let known = overall.filter { !$0.isNaN }
        let fallback = known.isEmpty ? 0 : known.reduce(0, +) / Double(known.count)
        var result = DenseMatrix<Float>(rows: topics, columns: width)
        for index in sums.indices {
            let mean = overall[index % width]
            result.values[index] = Float(
                (sums[index] + prior * (mean.isNaN ? fallback : mean)) / (counts[index] + prior))
        }
        return result
    }
}
