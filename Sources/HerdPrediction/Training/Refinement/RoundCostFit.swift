/// Expected cost of refinement in each topic.
enum RoundCostFit {
    /// US dollars of so many rounds together, one row per column of the table, one column per topic: the topic's mean drawn
    /// towards the model's overall mean for that many rounds like the scores; NaN where no cost was measured.
    ///
    /// - Returns: empty where no costs are known.
    static func fit(_ table: RefinementTable, labels: [Int], topics: Int) -> [Float] {
        guard table.costs.rows > 0 else { return [] }
        let columns = table.costs.columns
        let rows = Array(0..<table.costs.rows)
        let means = TopicMeans.shrunken(table.costs, rows: rows, labels: labels, topics: topics, width: columns)
        var costs = means.transposed
        for column in 0..<columns where rows.allSatisfy({ table.costs[$0, column].isNaN }) {
            for topic in 0..<topics { costs[column, topic] = .nan }
        }
        return costs.values
    }
}
