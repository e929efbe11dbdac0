import HerdFrames
import HerdMessages
import HerdStore

extension SuiteTable {
    /// Questions removed in one transaction, so that none is held open for long.
    private static let removalPage = 128

    /// The suites by name, with what is stored of each.
    func list(_ request: ListSuitesRequest) throws -> ListSuitesResponse {
        let size = try Paging.size(request.page)
        let token = request.page?.token ?? ""
        var reply = ListSuitesResponse()
        var last = token
        while let name = try name(after: last) {
            guard reply.suites.count < size else {
                reply.next = last
                break
            }
            reply.suites.append(try summary(name))
            last = name
        }
        return reply
    }

    /// The first suite after a name; nil where there is none. A suite whose questions are gone is one too while there are
    /// answers.
    private func name(after name: String) throws -> String? {
        try store.read { transaction in
            var names: [String] = []
            for table in [Self.items, AnswerTable.answers] {
                var range = ScanRange.all
                // A part ends with 00 01: this is after every key of the suite, and before those of the next.
                if !name.isEmpty { range.start = OrderedBytes().adding(name).bytes.dropLast() + [2] }
                try transaction.scan(table, range) { record in
                    var parts = try record.key().parts()
                    if let found = parts.string() { names.append(found) }
                    return .stop
                }
            }
            return names.min { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
    }

    private func summary(_ suite: String) throws -> SuiteSummary {
        var summary = SuiteSummary(suite: suite)
        summary.questions = try store.read { transaction in
            UInt64(try transaction.count(of: Self.items, .prefix(OrderedBytes().adding(suite).bytes)))
        }
        var models: Set<String> = []
        try EvaluationSummaries.forEach(suite: suite, in: store) { answer in
            summary.answers += 1
            summary.costUsd += answer.spent
            models.insert(answer.model)
        }
        summary.models = models.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return summary
    }

    /// Removes questions with their answers and, unless told otherwise, the scores that these gave.
    ///
    /// - Throws: INVALID_ARGUMENT; NOT_FOUND for a suite of which there is nothing, or an id that it has not: then nothing is
    ///   removed.
    func remove(_ request: RemoveSuiteRequest) async throws -> RemoveSuiteResponse {
        let suite = request.suite
        try Self.check(suite: suite)
        for id in request.ids { try Check.name(id, field: "ids") }
        let prefix = OrderedBytes().adding(suite)
        let ids = try request.ids.isEmpty ? allIDs(suite) : request.ids
        try store.read { transaction in
            for id in request.ids {
                guard try transaction.count(of: Self.items, .prefix(Self.key(suite, id).bytes)) == 0,
                    try transaction.count(of: AnswerTable.answers, .prefix(Self.key(suite, id).bytes)) == 0
                else { continue }
                throw CallError(.notFound, "suite '\(suite)' has no question '\(id.prefix(200))'")
            }
        }
        guard !ids.isEmpty else {
            throw CallError(.notFound, "there is no suite '\(suite)'; herdctl suite list shows what there is")
        }
        var reply = RemoveSuiteResponse()
        for start in stride(from: 0, to: ids.count, by: Self.removalPage) {
            try Task.checkCancellation()
            let page = Array(ids[start..<min(ids.count, start + Self.removalPage)])
            let counts = try await store.write { transaction in
                var counts = RemoveSuiteResponse()
                for id in page {
                    try Self.remove(
                        id, of: suite, keepsEvaluation: request.keepEvaluations, in: &transaction, counting: &counts)
                }
                return counts
            }
            reply.questions += counts.questions
            reply.answers += counts.answers
            reply.evaluations += counts.evaluations
        }
        reply.left = try store.read { transaction in
            UInt64(try transaction.count(of: Self.items, .prefix(prefix.bytes)))
        }
        return reply
    }

    /// Of every question, and of answers whose question is gone.
    private func allIDs(_ suite: String) throws -> [String] {
        var ids: [String] = []
        var seen: Set<String> = []
        try store.read { transaction in
            for table in [Self.items, AnswerTable.answers] {
                try transaction.scan(table, .prefix(OrderedBytes().adding(suite).bytes)) { record in
                    var parts = try record.key().parts()
                    _ = parts.string()
                    if let id = parts.string(), seen.insert(id).inserted { ids.append(id) }
                    return .next
                }
            }
        }
        return ids
    }

    private static func remove(
        _ id: String, of suite: String, keepsEvaluation: Bool, in transaction: inout WriteTransaction,
        counting counts: inout RemoveSuiteResponse
    ) throws {
        let key = key(suite, id)
        var answers: [OrderedBytes] = []
        var models: [String] = []
        try transaction.scan(AnswerTable.answers, .prefix(key.bytes)) { record in
            let key = try record.key()
            answers.append(key)
            // A damaged answer's model stands in its key too.
            var parts = key.parts()
            _ = parts.string()
            _ = parts.string()
            if let model = parts.string() { models.append(model) }
            return .next
        }
        let stored = try existing(key, in: transaction)
        let item = try readable(stored ?? [], id: id, in: transaction)
        if !keepsEvaluation, let item, try EvaluationTable.withdraw(models, of: item, in: &transaction) {
            counts.evaluations += 1
        }
        for answer in answers where try transaction.remove(answer, in: AnswerTable.answers) { counts.answers += 1 }
        if stored != nil, try transaction.remove(key, in: items) { counts.questions += 1 }
    }
}
