import HerdFrames
import HerdMessages
import HerdPrediction
import HerdStore

extension EvaluationTable {
    /// The embedding of a prompt as it is stored beside its evaluation.
    func embedding(of prompt: String) -> [UInt8] {
        StoredEmbedding(embedder.embed(prompt), table: tableChecksum).bytes
    }

    /// Puts one model's measured score into the evaluation that a question is; makes the evaluation where there is none.
    ///
    /// - Throws: ALREADY_EXISTS where the evaluation of this id is of another prompt or task.
    static func merge(
        _ score: ScoreRecord, of item: SuiteItemRecord, embedding: [UInt8], in transaction: inout WriteTransaction
    ) throws {
        var record = EvaluationRecord(id: item.id, prompt: item.prompt, task: item.task, domain: item.domain)
        if let stored = try measured(item.id, in: transaction) {
            try check(stored, isOf: item)
            record = stored
            record.domain = item.domain
        }
        record.scores.removeAll { $0.model == score.model }
        record.scores.append(score)
        record.scores.sort { $0.model.utf8.lexicographicallyPrecedes($1.model.utf8) }
        try transaction.put(record.pack(), for: record.id, in: evaluations)
        try transaction.put(embedding, for: record.id, in: embeddings)
    }

    /// Takes the scores of models out of the evaluation that a question was; it goes with its last score.
    ///
    /// - Returns: whether it had any of them.
    @discardableResult
    static func withdraw(
        _ models: [String], of item: SuiteItemRecord, in transaction: inout WriteTransaction
    ) throws -> Bool {
        guard var record = try measured(item.id, in: transaction), record.prompt == item.prompt,
            record.task == item.task, record.scores.contains(where: { models.contains($0.model) })
        else { return false }
        record.scores.removeAll { models.contains($0.model) }
        if record.scores.isEmpty {
            _ = try transaction.remove(record.id, in: evaluations)
            _ = try transaction.remove(record.id, in: embeddings)
        } else {
            let shrunk = record
            try transaction.beyondQuota { transaction throws(StoreError) in
                try transaction.put(shrunk.pack(), for: shrunk.id, in: evaluations)
            }
        }
        return true
    }

    /// - Throws: ALREADY_EXISTS where the evaluation is of another prompt or task than the question.
    static func check(_ record: EvaluationRecord, isOf item: SuiteItemRecord) throws(CallError) {
        guard record.prompt == item.prompt, record.task == item.task else {
            throw CallError(
                .alreadyExists,
                "evaluation '\(item.id)' is stored with another \(record.task == item.task ? "prompt" : "task"); give "
                    + "the question another id")
        }
    }

    /// The evaluation of an id; a damaged one counts as none and is written anew.
    static func measured(
        _ id: String, in transaction: borrowing some ReadableTransaction & ~Copyable
    ) throws -> EvaluationRecord? {
        do {
            return try transaction.value(for: id, in: evaluations).map { try EvaluationRecord(stored: $0) }
        } catch {
            guard CallError(handlerError: error).code == .dataLoss else { throw error }
            return nil
        }
    }
}
