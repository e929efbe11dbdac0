import HerdDatasets
import HerdFrames
import HerdMessages
import HerdStore

/// The suites: questions by suite and id.
struct SuiteTable: Sendable {
    static let items = Table<OrderedBytes>("suite_items")
    static let tables = [items.id]

    let store: StoreEnvironment

    static func key(_ suite: String, _ id: String) -> OrderedBytes { OrderedBytes().adding(suite).adding(id) }

    /// Stores all questions of a request or none. Idempotent: the same content under an id changes nothing.
    ///
    /// A question whose text or task is replaced loses its answers, and the evaluation that came of it the scores they
    /// gave; where only the right answer or the grader is another, its answers are kept and graded anew by the next run.
    ///
    /// - Throws: INVALID_ARGUMENT naming the question and field; ALREADY_EXISTS for an id with other content unless
    ///   asked to replace.
    func put(_ request: PutSuiteRequest) async throws -> PutSuiteResponse {
        let suite = request.suite
        try Self.check(suite: suite)
        var records: [SuiteItemRecord] = []
        var seen: Set<String> = []
        for (place, item) in request.items.enumerated() {
            let record = try SuiteItemRecord(validating: item, place: place)
            guard seen.insert(record.id).inserted else {
                throw CallError(.invalidArgument, "items[\(place)].id '\(record.id)' appears twice in the request")
            }
            records.append(record)
        }
        let (prepared, replace) = (records, request.replace)
        return try await store.write { transaction in
            var reply = PutSuiteResponse()
            for record in prepared {
                let key = Self.key(suite, record.id)
                let packed = record.pack()
                if let stored = try Self.existing(key, in: transaction) {
                    if stored == packed {
                        reply.unchanged += 1
                        continue
                    }
                    guard replace else {
                        throw CallError(
                            .alreadyExists,
                            "question '\(record.id)' of suite '\(suite)' is stored with other content; put it with "
                                + "--replace to overwrite it")
                    }
                    try AnswerTable.questionChanged(
                        suite: suite, from: try? SuiteItemRecord(stored: stored), to: record, in: &transaction)
                    reply.replaced += 1
                } else {
                    reply.added += 1
                }
                try transaction.put(packed, for: key, in: Self.items)
            }
            reply.total = UInt64(try transaction.count(of: Self.items, .prefix(OrderedBytes().adding(suite).bytes)))
            return reply
        }
    }

    static func check(suite: String) throws(CallError) {
        try Check.name(suite, field: "suite")
        try Check.length(suite, field: "suite", atMost: SuiteQuestion.Limit.suite)
    }

    /// A damaged question counts as one with other content, so that `replace` mends it.
    private static func existing(
        _ key: OrderedBytes, in transaction: borrowing some ReadableTransaction & ~Copyable
    ) throws -> [UInt8]? {
        do {
            return try transaction.value(for: key, in: items)
        } catch  where error.code == .dataLoss {
            return []
        }
    }

    /// - Throws: NOT_FOUND, DATA_LOSS.
    func item(_ suite: String, _ id: String) throws -> SuiteItemRecord {
        let bytes = try store.read { transaction in try transaction.value(for: Self.key(suite, id), in: Self.items) }
        guard let bytes else {
            throw CallError(.notFound, "question '\(id)' was removed from suite '\(suite)' meanwhile")
        }
        return try SuiteItemRecord(stored: bytes)
    }
}
