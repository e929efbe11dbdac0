/// Expected cost of each model: what a prompt token costs, and what is added in each topic.
struct CostFit {
    /// US dollars per prompt token by model; NaN for a model without measured costs; empty where no costs are known.
    let perToken: [Float]
    /// US dollars of a prompt without tokens, models x topics; 0 for a model without measured costs.
    let topicCosts: [Float]

    /// Fits, for each model, one price per prompt token within the topics (an answer's length depends on the topic, not
    /// on the prompt's length), then a mean per topic of what is left, drawn towards the model's overall mean.
    init(table: TrainingTable) {
        guard table.costs.rows > 0 else {
            perToken = []
            topicCosts = []
            return
        }
        let topics = table.labels.names.count
        let models = table.modelCount
        var perToken = [Float](repeating: .nan, count: models)
        var topicCosts = [Float](repeating: 0, count: models * topics)
        for model in 0..<models {
            let rows = (0..<table.count).filter { !table.costs[$0, model].isNaN }
            guard !rows.isEmpty else { continue }
            let slope = Self.slope(table, rows: rows, model: model)
            perToken[model] = Float(slope)
            var sums = [Double](repeating: 0, count: topics)
            var counts = sums
            for row in rows {
                let topic = table.labels.topics[row]
                sums[topic] += Double(table.costs[row, model]) - slope * Double(table.tokens[row])
                counts[topic] += 1
            }
            let overall = sums.reduce(0, +) / Double(rows.count)
            for topic in 0..<topics {
                topicCosts[model * topics + topic] = Float(
                    (sums[topic] + TopicMeans.prior * overall) / (counts[topic] + TopicMeans.prior))
            }
        }
        self.perToken = perToken
        self.topicCosts = topicCosts
    }

    /// Least squares within the topics; never negative.
    private static func slope(_ table: TrainingTable, rows: [Int], model: Int) -> Double {
        let topics = table.labels.names.count
        var counts = [Double](repeating: 0, count: topics)
        var tokens = counts
        var costs = counts
        for row in rows {
            let topic = table.labels.topics[row]
            counts[topic] += 1
            tokens[topic] += Double(table.tokens[row])
            costs[topic] += Double(table.costs[row, model])
        }
        var products = 0.0
        var squares = 0.0
        for row in rows {
            let topic = table.labels.topics[row]
            let token = Double(table.tokens[row]) - tokens[topic] / counts[topic]
            products += token * (Double(table.costs[row, model]) - costs[topic] / counts[topic])
            squares += token * token
        }
        return squares > 0 ? max(0, products / squares) : 0
    }
}
