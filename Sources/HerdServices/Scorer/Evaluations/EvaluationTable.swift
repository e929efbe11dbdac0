import HerdFrames
import HerdMessages
import HerdPrediction
import HerdStore

/// The evaluations, each with the embedding of its prompt.
struct EvaluationTable: Sendable {
    static let evaluations = Table<String>("evaluations")
    static let embeddings = Table<String>("embeddings")
    static let tables = [evaluations.id, embeddings.id]

    let store: StoreEnvironment
    let embedder: TextEmbedder
    /// Checksum of the table the embedder uses; embeddings of another are made anew.
    let tableChecksum: String

    /// Stores all rows of a request or none. Idempotent: the same content under an id changes nothing.
    ///
    /// - Throws: INVALID_ARGUMENT naming the row and field; ALREADY_EXISTS for an id with other content unless asked to
    ///   replace.
    func importRows(_ request: ImportRequest) async throws -> ImportResponse {
        var rows: [(id: String, record: [UInt8], embedding: [UInt8])] = []
        var seen: Set<String> = []
        for (place, evaluation) in request.evaluations.enumerated() {
            let record = try EvaluationRecord(validating: evaluation, place: place)
            guard seen.insert(record.id).inserted else {
                throw CallError(
                    .invalidArgument, "evaluations[\(place)].id '\(record.id)' appears twice in the request")
            }
            let embedding = StoredEmbedding(embedder.embed(record.prompt), table: tableChecksum)
            rows.append((record.id, record.pack(), embedding.bytes))
        }
        let (prepared, replace) = (rows, request.replace)
        return try await store.write { transaction in
            var reply = ImportResponse()
            for row in prepared {
                if let stored = try Self.existing(row.id, in: transaction) {
                    if stored == row.record {
                        reply.unchanged += 1
                        continue
                    }
                    guard replace else {
                        throw CallError(
                            .alreadyExists,
                            "evaluation '\(row.id)' is stored with other content; import with --replace to overwrite it"
                        )
                    }
                    reply.replaced += 1
                } else {
                    reply.added += 1
                }
                try transaction.put(row.record, for: row.id, in: Self.evaluations)
                try transaction.put(row.embedding, for: row.id, in: Self.embeddings)
            }
            reply.total = UInt64(try transaction.count(of: Self.evaluations))
            return reply
        }
    }

    /// A damaged row counts as one with other content, so that `replace` mends it.
    private static func existing(
        _ id: String, in transaction: borrowing some ReadableTransaction & ~Copyable
    ) throws -> [UInt8]? {
        do {
            return try transaction.value(for: id, in: evaluations)
        } catch  where error.code == .dataLoss {
            return []
        }
    }

    var count: Int {
        (try? store.read { transaction throws(StoreError) in try transaction.count(of: Self.evaluations) }) ?? 0
    }

    /// The rows to train on, by id, with the models that have scores in them, by name.
    ///
    /// - Parameters:
    ///   - models: only these models; empty = all.
    ///   - tasks: only these tasks; empty = all.
    ///   - read: is told of every row how many of how many were read before it; throws to stop.
    ///   - damaged: is told of each row that can't be read; it is left out.
    func trainingRows(
        models wanted: Set<String>, tasks: Set<String>, read: (_ done: Int, _ total: Int) throws -> Void,
        damaged: (String) -> Void
    ) throws -> (rows: [TrainingRow], models: [String]) {
        var records: [(EvaluationRecord, PromptEmbedding)] = []
        var names: Set<String> = []
        try store.read { transaction in
            let total = Int(clamping: try transaction.count(of: Self.evaluations))
            var done = 0
            try transaction.scan(Self.evaluations) { stored in
                try read(done, total)
                done += 1
                let record: EvaluationRecord
                do {
                    record = try EvaluationRecord(stored: try stored.value())
                } catch {
                    damaged("\((try? stored.key()) ?? "?"): \(error)")
                    return .next
                }
                guard tasks.isEmpty || tasks.contains(record.task) else { return .next }
                let scored = record.scores.map(\.model).filter { wanted.isEmpty || wanted.contains($0) }
                guard !scored.isEmpty else { return .next }
                names.formUnion(scored)
                let bytes = try? transaction.value(for: record.id, in: Self.embeddings)
                let kept = bytes.flatMap { StoredEmbedding(bytes: $0, table: tableChecksum) }
                records.append((record, kept?.embedding ?? embedder.embed(record.prompt)))
                return .next
            }
        }
        let models = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        var places: [String: Int] = [:]
        for (place, model) in models.enumerated() { places[model] = place }
        let rows = records.map { record, embedding in
            var scores = [Float](repeating: .nan, count: models.count)
            var costs = [Float](repeating: .nan, count: models.count)
            let isRefined = record.scores.contains { !$0.refined.isEmpty || !$0.refinedCosts.isEmpty }
            var refined = [[Float]](repeating: [], count: isRefined ? models.count : 0)
            var refinedCosts = refined
            for score in record.scores {
                guard let place = places[score.model] else { continue }
                scores[place] = Float(score.score)
                if case .costUsd(let cost)? = score.cost { costs[place] = Float(cost) }
                if isRefined {
                    refined[place] = score.refined.map { Float($0) }
                    refinedCosts[place] = score.refinedCosts.map { Float($0) }
                }
            }
            return TrainingRow(
                id: record.id, embedding: embedding, promptTokens: embedding.estimatedTokens, task: record.task,
                domain: record.domain.isEmpty ? nil : record.domain, scores: scores, costs: costs,
                refined: refined, refinedCosts: refinedCosts)
        }
        return (rows, models)
    }
}
