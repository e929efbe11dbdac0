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
        let records = try Self.checked(request.items)
        guard !request.dryRun else {
            return try store.read { transaction in
                var reply = PutSuiteResponse()
                for record in records {
                    try Self.change(to: record, suite, replace: request.replace, in: transaction).count(in: &reply)
                }
                reply.total = try Self.count(suite, in: transaction)
                return reply
            }
        }
        let replace = request.replace
        return try await store.write { transaction in
            var reply = PutSuiteResponse()
            for record in records {
                let change = try Self.change(to: record, suite, replace: replace, in: transaction)
                change.count(in: &reply)
                switch change {
                case .none: continue
                case .added: break
                case .replaced(let old):
                    try AnswerTable.questionChanged(suite: suite, from: old, to: record, in: &transaction)
                }
                try transaction.put(record.pack(), for: Self.key(suite, record.id), in: Self.items)
            }
            reply.total = try Self.count(suite, in: transaction)
            return reply
        }
    }

    /// - Throws: INVALID_ARGUMENT naming the question and field.
    static func checked(_ items: [SuiteItem]) throws(CallError) -> [SuiteItemRecord] {
        var records: [SuiteItemRecord] = []
        var seen: Set<String> = []
        for (place, item) in items.enumerated() {
            let record = try SuiteItemRecord(validating: item, place: place)
            guard seen.insert(record.id).inserted else {
                throw CallError(.invalidArgument, "items[\(place)].id '\(record.id)' appears twice in the request")
            }
            records.append(record)
        }
        return records
    }

    /// What putting a question does to the suite.
    enum Change {
        case none, added
        /// Nil for a damaged one of which nothing tells.
        case replaced(SuiteItemRecord?)

        fileprivate func count(in reply: inout PutSuiteResponse) {
            switch self {
            case .none: reply.unchanged += 1
            case .added: reply.added += 1
            case .replaced: reply.replaced += 1
            }
        }
    }

    /// - Throws: ALREADY_EXISTS for an id with other content unless asked to replace.
    static func change(
        to record: SuiteItemRecord, _ suite: String, replace: Bool,
        in transaction: borrowing some ReadableTransaction & ~Copyable
    ) throws -> Change {
        guard let stored = try existing(key(suite, record.id), in: transaction) else { return .added }
        if stored == record.pack() { return .none }
        guard replace else {
            throw CallError(
                .alreadyExists,
                "question '\(record.id)' of suite '\(suite)' is stored with other content; put it with --replace to "
                    + "overwrite it")
        }
        return .replaced(try readable(stored, id: record.id, in: transaction))
    }

    /// A question, of its stored bytes or, where it is damaged, as the evaluation that came of it tells; nil where none did.
    ///
    /// - Parameter stored: as `existing` gives it.
    static func readable(
        _ stored: [UInt8], id: String, in transaction: borrowing some ReadableTransaction & ~Copyable
    ) throws -> SuiteItemRecord? {
        if !stored.isEmpty, let record = try? SuiteItemRecord(stored: stored) { return record }
        return try EvaluationTable.measured(id, in: transaction).map { evaluation in
            SuiteItemRecord(
                id: id, prompt: evaluation.prompt, task: evaluation.task, domain: evaluation.domain)
        }
    }

    private static func count(
        _ suite: String, in transaction: borrowing some ReadableTransaction & ~Copyable
    ) throws -> UInt64 {
        UInt64(try transaction.count(of: items, .prefix(OrderedBytes().adding(suite).bytes)))
    }

    static func check(suite: String) throws(CallError) {
        try Check.name(suite, field: "suite")
        try Check.length(suite, field: "suite", atMost: SuiteQuestion.Limit.suite)
    }

    /// A damaged question counts as one with other content, none, so that `replace` mends it.
    static func existing(
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
