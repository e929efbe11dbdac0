import HerdMessages
import HerdStore

/// What the stored evaluations say of each model, by task, in sums.
struct MeasuredScores {
    /// Of one model in one task, or over several.
    struct Sum {
        var evaluations = 0
        var score = 0.0
        var costs = 0
        var cost = 0.0
        /// By round, over the evaluations that have it.
        var rounds: [Round] = []

        var mean: Double? { evaluations > 0 ? score / Double(evaluations) : nil }
        var meanCost: Double? { costs > 0 ? cost / Double(costs) : nil }
    }

    struct Round {
        var evaluations = 0
        /// The change against no refinement.
        var gain = 0.0
        /// Of all rounds up to this one, without the answer before them.
        var costs = 0
        var cost = 0.0

        var meanGain: Double { gain / Double(max(1, evaluations)) }
        var meanCost: Double? { costs > 0 ? cost / Double(costs) : nil }
    }

    /// By task, then by model.
    private(set) var tasks: [String: [String: Sum]] = [:]

    /// Every model that has a score.
    var models: Set<String> { tasks.values.reduce(into: []) { $0.formUnion($1.keys) } }

    /// Evaluations read in one transaction.
    private static let page = 1_000

    /// Reads every evaluation; damaged ones are passed over.
    init(_ store: StoreEnvironment) throws {
        var next: String?
        repeat {
            try Task.checkCancellation()
            let range = try next.map { try ScanRange.after($0) } ?? .all
            next = nil
            var count = 0
            try store.read { transaction in
                try transaction.scan(EvaluationTable.evaluations, range) { record in
                    count += 1
                    if let evaluation = (try? record.value()).flatMap({ try? EvaluationRecord(stored: $0) }) {
                        for score in evaluation.scores {
                            tasks[evaluation.task, default: [:]][score.model, default: Sum()].add(score)
                        }
                    }
                    guard count == Self.page else { return .next }
                    next = try record.key()
                    return .stop
                }
            }
        } while next != nil
    }

    /// A model's results over all tasks.
    func overall(_ model: String) -> Sum {
        tasks.values.reduce(into: Sum()) { sum, models in
            if let part = models[model] { sum.add(part) }
        }
    }

    /// The mean of a model's means in every task but one; nil where there is no other.
    func breadth(_ model: String, besides task: String?) -> Double? {
        let means = tasks.filter { $0.key != task }.compactMap { $0.value[model]?.mean }
        return means.isEmpty ? nil : means.sorted().reduce(0, +) / Double(means.count)
    }
}

extension MeasuredScores.Sum {
    fileprivate mutating func add(_ score: ScoreRecord) {
        evaluations += 1
        self.score += score.score
        if case .costUsd(let cost)? = score.cost {
            costs += 1
            self.cost += cost
        }
        var spent: Double? = 0
        for (place, refined) in score.refined.enumerated() {
            if rounds.count <= place { rounds.append(MeasuredScores.Round()) }
            rounds[place].evaluations += 1
            rounds[place].gain += refined - score.score
            spent = spent.flatMap { spent in
                score.refinedCosts.indices.contains(place) ? spent + score.refinedCosts[place] : nil
            }
            if let spent {
                rounds[place].costs += 1
                rounds[place].cost += spent
            }
        }
    }

    fileprivate mutating func add(_ other: MeasuredScores.Sum) {
        evaluations += other.evaluations
        score += other.score
        costs += other.costs
        cost += other.cost
        for (place, round) in other.rounds.enumerated() {
            if rounds.count <= place { rounds.append(MeasuredScores.Round()) }
            rounds[place].evaluations += round.evaluations
            rounds[place].gain += round.gain
            rounds[place].costs += round.costs
            rounds[place].cost += round.cost
        }
    }

    /// The round that counts: the one asked for, else the one with the highest mean gain. Nil where it is not measured.
    func round(_ asked: Int) -> (number: Int, result: MeasuredScores.Round)? {
        let measured = rounds.enumerated().filter { $0.element.evaluations > 0 }.map { ($0.offset + 1, $0.element) }
        if asked > 0 { return measured.first { $0.0 == asked } }
        return measured.max { $0.1.meanGain < $1.1.meanGain }
    }
}
