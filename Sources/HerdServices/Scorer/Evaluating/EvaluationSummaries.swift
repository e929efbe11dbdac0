import HerdMessages
import HerdStore

/// What the stored answers of a suite come to.
enum EvaluationSummaries {
    private struct Sum {
        var answers = 0
        var score = 0.0
        var cost = 0.0
        var seconds = 0.0
        /// By round, over the answers that have it.
        var refined: [(count: Int, score: Double)] = []

        /// What was paid for counts; an answer that its judge has not graded has no score yet, not none.
        mutating func add(_ answer: AnswerRecord) {
            cost += answer.costsUsd.reduce(0, +)
            guard let given = answer.scores.first else { return }
            answers += 1
            score += given
            seconds += answer.seconds.first ?? 0
            for (round, score) in answer.scores.dropFirst().enumerated() {
                if refined.count <= round { refined.append((0, 0)) }
                refined[round].count += 1
                refined[round].score += score
            }
        }
    }

    /// Answers read in one transaction.
    private static let page = 512

    /// - Parameter failed: how many questions of this run a model failed at.
    static func of(
        _ models: [String], settings: EvaluationSettings, answers: AnswerTable, failed: (String) -> Int
    ) throws -> [EvaluationSummary] {
        var sums = Dictionary(uniqueKeysWithValues: models.map { ($0, Sum()) })
        try forEach(suite: settings.suite, in: answers.store) { answer in
            guard settings.ids.isEmpty || settings.ids.contains(answer.id) else { return }
            sums[answer.model]?.add(answer)
        }
        return models.map { model in
            let sum = sums[model] ?? Sum()
            let count = Double(max(1, sum.answers))
            return EvaluationSummary(
                model: model, answers: UInt64(clamping: sum.answers), score: sum.score / count,
                refined: sum.refined.map { $0.score / Double(max(1, $0.count)) },
                failed: UInt64(clamping: failed(model)), costUsd: sum.cost, meanSeconds: sum.seconds / count)
        }
    }

    /// US dollars that the stored answers of some models cost, their judges included.
    static func spent(on models: [String], settings: EvaluationSettings, answers: AnswerTable) throws -> Double {
        let models = Set(models)
        var sum = 0.0
        try forEach(suite: settings.suite, in: answers.store) { answer in
            guard models.contains(answer.model), settings.ids.isEmpty || settings.ids.contains(answer.id) else {
                return
            }
            sum += answer.spent
        }
        return sum
    }

    /// Reads every answer of a suite, or of all suites where it is nil; damaged ones are passed over.
    static func forEach(
        suite: String?, in store: StoreEnvironment, _ body: (AnswerRecord) throws -> Void
    ) throws {
        let prefix = suite.map { OrderedBytes().adding($0).bytes } ?? []
        var next: OrderedBytes?
        repeat {
            try Task.checkCancellation()
            var range = ScanRange.prefix(prefix)
            if let next {
                range = try range.starting(at: next)
                range.includesStart = false
            }
            var count = 0
            next = nil
            try store.read { transaction in
                try transaction.scan(AnswerTable.answers, range) { record in
                    count += 1
                    if let answer = (try? record.value()).flatMap({ try? AnswerRecord(stored: $0) }) {
                        try body(answer)
                    }
                    guard count == page else { return .next }
                    next = try record.key()
                    return .stop
                }
            }
        } while next != nil
    }
}
