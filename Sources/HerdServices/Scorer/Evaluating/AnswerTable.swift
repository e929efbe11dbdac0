import HerdFrames
import HerdMessages
import HerdStore

/// What models answered to the questions of suites, by suite, question and model.
struct AnswerTable: Sendable {
    static let answers = Table<OrderedBytes>("answers")
    static let tables = [answers.id]

    let store: StoreEnvironment
    let evaluations: EvaluationTable

    static func key(_ suite: String, _ id: String, _ model: String) -> OrderedBytes {
        SuiteTable.key(suite, id).adding(model)
    }

    /// Nil where there is none; a damaged one counts as none and is asked for again.
    func answer(_ suite: String, _ id: String, _ model: String) throws -> AnswerRecord? {
        do {
            let bytes = try store.read { transaction in
                try transaction.value(for: Self.key(suite, id, model), in: Self.answers)
            }
            return try bytes.map { try AnswerRecord(stored: $0) }
        } catch {
            guard CallError(handlerError: error).code == .dataLoss else { throw error }
            return nil
        }
    }

    /// Stores an answer, and its scores in the evaluation that its question is, in one transaction.
    ///
    /// - Throws: ALREADY_EXISTS where another prompt or task has the question's id as an evaluation.
    func put(_ answer: AnswerRecord, to item: SuiteItemRecord) async throws {
        let packed = answer.pack()
        let score = ScoreRecord(answer)
        let embedding = evaluations.embedding(of: item.prompt)
        try await store.write { transaction in
            try EvaluationTable.merge(score, of: item, embedding: embedding, in: &transaction)
            try transaction.put(packed, for: Self.key(answer.suite, answer.id, answer.model), in: Self.answers)
        }
    }

    /// Keeps what still holds of the answers to a question that is replaced.
    static func questionChanged(
        suite: String, from old: SuiteItemRecord?, to new: SuiteItemRecord, in transaction: inout WriteTransaction
    ) throws {
        var found: [(key: OrderedBytes, answer: AnswerRecord?)] = []
        try transaction.scan(answers, .prefix(SuiteTable.key(suite, new.id).bytes)) { record in
            found.append((try record.key(), (try? record.value()).flatMap { try? AnswerRecord(stored: $0) }))
            return .next
        }
        let isSameQuestion = old?.prompt == new.prompt && old?.task == new.task
        for (key, answer) in found {
            if isSameQuestion, var answer {
                answer.grader = nil
                try transaction.put(answer.pack(), for: key, in: answers)
            } else {
                _ = try transaction.remove(key, in: answers)
            }
        }
        if !isSameQuestion, let old {
            try EvaluationTable.withdraw(found.compactMap { $0.answer?.model }, of: old, in: &transaction)
        }
    }
}

extension ScoreRecord {
    /// What an answer gave, as evaluations keep it.
    init(_ answer: AnswerRecord) {
        self.init(model: answer.model, score: answer.scores.first ?? 0)
        if let cost = answer.costsUsd.first { self.cost = .costUsd(cost) }
        refined = Array(answer.scores.dropFirst())
        refinedCosts = Array(answer.costsUsd.dropFirst())
    }
}
