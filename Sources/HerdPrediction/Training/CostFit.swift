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
                let cost = (sums[topic] + TopicMeans.prior * overall) / (counts[topic] + TopicMeans.prior)
                topicCosts[model * topics + topic] = Float(max(0, cost))
            }
        }
        self.perToken = perToken
        self.topicCosts = topicCosts
    }

    /// Least squares within the topics; never negative, and never so steep that a topic's mean cost is under what its
    /// tokens alone would cost: a prompt shorter than those measured would then seem free.
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
        guard squares > 0 else { return 0 }
        let enough = max(10, Double(rows.count) / 100)
        var steepest = tokens.reduce(0, +) > 0 ? costs.reduce(0, +) / tokens.reduce(0, +) : 0
        for topic in 0..<topics where counts[topic] >= enough && tokens[topic] > 0 {
            steepest = min(steepest, costs[topic] / tokens[topic])
        }
        return min(max(0, products / squares), steepest)
    }
}
