import HerdDatasets
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

    /// Stores an answer and, where every text of it has a score, those in the evaluation that its question is, in one
    /// transaction.
    ///
    /// - Throws: ALREADY_EXISTS where another prompt or task has the question's id as an evaluation.
    func put(_ answer: AnswerRecord, to item: SuiteItemRecord) async throws {
        let packed = answer.pack()
        let score = answer.isGraded ? ScoreRecord(answer) : nil
        let embedding = score == nil ? [] : evaluations.embedding(of: item.prompt)
        try await store.write { transaction in
            if let score { try EvaluationTable.merge(score, of: item, embedding: embedding, in: &transaction) }
            try transaction.put(packed, for: Self.key(answer.suite, answer.id, answer.model), in: Self.answers)
        }
    }

    /// What holds of an answer where its question is replaced: to be graded again, or nothing.
    static func kept(_ answer: AnswerRecord, from old: SuiteItemRecord?, to new: SuiteItemRecord) -> AnswerRecord? {
        guard old.isSameQuestion(as: new) else { return nil }
        var kept = answer
        kept.grader = nil
        return kept
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
        for (key, answer) in found {
            if let kept = answer.flatMap({ Self.kept($0, from: old, to: new) }) {
                try transaction.put(kept.pack(), for: key, in: answers)
            } else {
                _ = try transaction.remove(key, in: answers)
            }
        }
        if !old.isSameQuestion(as: new), let old {
            try EvaluationTable.withdraw(found.compactMap { $0.answer?.model }, of: old, in: &transaction)
        }
    }
}

extension SuiteItemRecord? {
    fileprivate func isSameQuestion(as other: SuiteItemRecord) -> Bool {
        self?.prompt == other.prompt && self?.task == other.task
    }
}

extension AnswerRecord {
    /// Whether every text has a score. One may have fewer, where the judge failed or a round came later.
    var isGraded: Bool { !texts.isEmpty && scores.count == texts.count }

    /// Whether it is known to have been asked for with other options than those of a digest.
    func isOfOther(_ digest: UInt64) -> Bool { optionsDigest != 0 && optionsDigest != digest }

    /// US dollars of the model and of all that judges said of it.
    var spent: Double { costsUsd.reduce(judgedUsd, +) }

    /// Rounds of refinement it holds.
    var rounds: Int { max(0, texts.count - 1) }

    /// Whether its last round changed nothing, after which there are no others.
    var isRefinedToTheEnd: Bool { texts.count > 1 && texts[texts.count - 1] == texts[texts.count - 2] }

    /// The rounds that a refinement which ended by itself leaves out have its last answer, at no cost.
    mutating func fill(rounds: Int) {
        guard let last = texts.last else { return }
        while self.rounds < rounds {
            texts.append(last)
            costsUsd.append(0)
            seconds.append(0)
        }
    }

    /// What a grader gave the first texts; none where another one did.
    func scores(by specification: GraderSpecification) -> [Double] {
        guard grader.flatMap({ GraderSpecification($0) }) == specification else { return [] }
        return Array(scores.prefix(texts.count))
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
