/// The training rows as numbers, checked.
struct TrainingTable {
    /// A task with fewer rows counts for less than the others.
    private static let fullTask = 100

    /// Floats of one embedding.
    let width: Int
    let modelCount: Int
    /// One row per prompt: the embedding, then that of the tail.
    let features: DenseMatrix<Float>
    /// One row per prompt; NaN where a model was not run.
    let scores: DenseMatrix<Float>
    /// One row per prompt, NaN where not measured; no rows where there are no costs at all.
    let costs: DenseMatrix<Float>
    /// Nil where no answer was refined.
    let refinement: RefinementTable?
    let tokens: [Float]
    let tasks: [String]
    let labels: TopicLabels
    /// What a row counts in the residual's least squares: one over the rows of its task, scaled to a mean of 1.
    ///
    /// Every task counts alike, however many rows it came with, down to `fullTask` rows.
    let weights: [Float]
    /// Whether any prompt's tail differs from the whole.
    let hasTails: Bool

    var count: Int { features.rows }

    /// The mean measured score of a model.
    func mean(ofModel model: Int) -> Float {
        var sum = 0.0
        var rows = 0.0
        for row in 0..<count {
            let score = scores[row, model]
            if score.isNaN { continue }
            sum += Double(score)
            rows += 1
        }
        return Float(sum / max(1, rows))
    }

    /// - Parameter generator: clusters the rows where they carry no labels that tell them apart.
    init(rows: [TrainingRow], models: [String], generator: inout SeededGenerator) throws(TrainingError) {
        guard !models.isEmpty else { throw .noModels }
        for row in rows { try Self.check(row, models: models.count) }
        let usable = rows.filter { row in row.scores.contains { !$0.isNaN } }
        guard let first = usable.first else { throw .noRows }
        width = first.embedding.whole.count
        modelCount = models.count

        var features: [Float] = []
        features.reserveCapacity(usable.count * 2 * width)
        var scores: [Float] = []
        var costs: [Float] = []
        var hasTails = false
        let hasCosts = usable.contains { row in row.costs.contains { !$0.isNaN } }
        for row in usable {
            guard row.embedding.whole.count == width, row.embedding.tail.count == width else {
                throw .invalidRow(id: row.id, reason: "its embedding has another width than the first row's")
            }
            features += row.embedding.whole
            features += row.embedding.tail
            hasTails = hasTails || row.embedding.whole != row.embedding.tail
            scores += row.scores
            if hasCosts {
                costs += row.costs.isEmpty ? [Float](repeating: .nan, count: models.count) : row.costs
            }
        }
        self.hasTails = hasTails
        self.features = DenseMatrix(rows: usable.count, columns: 2 * width, values: features)
        self.scores = DenseMatrix(rows: usable.count, columns: models.count, values: scores)
        self.costs = DenseMatrix(rows: hasCosts ? usable.count : 0, columns: models.count, values: costs)
        refinement = RefinementTable(rows: usable, models: models.count)
        tokens = usable.map { Float(max(0, $0.promptTokens)) }
        for (index, model) in models.enumerated() where !usable.contains(where: { !$0.scores[index].isNaN }) {
            throw .modelWithoutScores(model)
        }

        var tasks: [String: Int] = [:]
        for row in usable { tasks[row.task, default: 0] += 1 }
        self.tasks = usable.map(\.task)
        let raw = usable.map { 1 / Float(max(Self.fullTask, tasks[$0.task] ?? 1)) }
        let mean = raw.reduce(0, +) / Float(raw.count)
        weights = raw.map { $0 / mean }
        labels = TopicLabels(rows: usable, embeddings: self.features, width: width, generator: &generator)
    }

    private static func check(_ row: TrainingRow, models: Int) throws(TrainingError) {
        guard row.scores.count == models else {
            throw .invalidRow(id: row.id, reason: "it has \(row.scores.count) scores for \(models) models")
        }
        guard row.scores.allSatisfy({ $0.isNaN || (0...1).contains($0) }) else {
            throw .invalidRow(id: row.id, reason: "a score is not from 0 to 1")
        }
        guard row.costs.isEmpty || row.costs.count == models else {
            throw .invalidRow(id: row.id, reason: "it has \(row.costs.count) costs for \(models) models")
        }
        guard row.costs.allSatisfy({ $0.isNaN || (0..<1e6).contains($0) }) else {
            throw .invalidRow(id: row.id, reason: "a cost is not from 0 to a million US dollars")
        }
        try checkRefinement(of: row, models: models)
        let embedding = row.embedding
        guard (1...4096).contains(embedding.whole.count) else {
            throw .invalidRow(id: row.id, reason: "its embedding must have 1 to 4,096 values")
        }
        guard embedding.whole.allSatisfy({ abs($0) <= 2 }), embedding.tail.allSatisfy({ abs($0) <= 2 }) else {
            throw .invalidRow(id: row.id, reason: "its embedding must be normalised: a value is not from -2 to 2")
        }
    }
    private static func checkRefinement(of row: TrainingRow, models: Int) throws(TrainingError) {
        guard row.refined.isEmpty || row.refined.count == models else {
            throw .invalidRow(id: row.id, reason: "it has refined scores of \(row.refined.count) of \(models) models")
        }
        guard row.refined.allSatisfy({ $0.allSatisfy { (0...1).contains($0) } }) else {
            throw .invalidRow(id: row.id, reason: "a refined score is not from 0 to 1")
        }
        guard row.refinedCosts.isEmpty || row.refinedCosts.count == models else {
            throw .invalidRow(
                id: row.id, reason: "it has refinement costs of \(row.refinedCosts.count) of \(models) models")
        }
        guard row.refinedCosts.allSatisfy({ $0.allSatisfy { $0.isNaN || (0..<1e6).contains($0) } }) else {
            throw .invalidRow(id: row.id, reason: "a refinement cost is not from 0 to a million US dollars")
        }
    }
}
