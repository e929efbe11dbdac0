import HerdDatasets
import HerdFrames
import HerdMessages
import HerdPolicy
import HerdStore

/// Which questions have to be asked of which models, and what that probably costs.
///
/// Holds ids only: questions and answers are read when it is their turn.
struct EvaluationPlan: Sendable {
    /// Of one model.
    struct Part: Sendable {
        var model: EvaluatedModel
        /// Places in `ids` of the questions to be asked.
        var open: [Int32] = []
        /// US dollars, of all of them.
        var estimatedCost = 0.0
        /// Questions that are answered already.
        var skipped = 0
    }

    /// Of the questions that are asked of some model.
    var ids: [String] = []
    var parts: [Part]
    /// Questions that can't be read.
    var failures: [EvaluationFailure] = []

    var total: Int { parts.reduce(0) { $0 + $1.open.count } }
    var skipped: Int { parts.reduce(0) { $0 + $1.skipped } }
    var estimatedCost: Double { parts.reduce(0) { $0 + $1.estimatedCost } }

    /// Damaged questions that are named.
    private static let mostNamedFailures = 100
    /// Questions read in one transaction, so that none is held open for long.
    private static let page = 256

    /// Reads the suite once.
    ///
    /// - Throws: NOT_FOUND for a suite or a question that there is not; INVALID_ARGUMENT for a question that can't be graded
    ///   as asked; `CancellationError`.
    init(
        _ settings: EvaluationSettings, models: [EvaluatedModel], estimates: EvaluationEstimates,
        answers: AnswerTable
    ) throws {
        parts = models.map { Part(model: $0) }
        guard settings.items.isEmpty else {
            try answers.store.read { transaction in
                for item in settings.items where settings.ids.isEmpty || settings.ids.contains(item.id) {
                    let change = try SuiteTable.change(to: item, settings.suite, replace: true, in: transaction)
                    try add(item, change, settings, estimates, in: transaction)
                }
            }
            return
        }
        let prefix = OrderedBytes().adding(settings.suite)
        var next: OrderedBytes?
        var found = 0
        repeat {
            try Task.checkCancellation()
            var items: [(record: SuiteItemRecord?, key: OrderedBytes)] = []
            var range = ScanRange.prefix(prefix.bytes)
            if let next {
                range = try range.starting(at: next)
                range.includesStart = false
            }
            try answers.store.read { transaction in
                try transaction.scan(SuiteTable.items, range) { record in
                    items.append((try? SuiteItemRecord(stored: try record.value()), try record.key()))
                    return items.count < Self.page ? .next : .stop
                }
                for item in items {
                    guard let record = item.record else {
                        try noteDamage(item.key, settings)
                        continue
                    }
                    guard settings.ids.isEmpty || settings.ids.contains(record.id) else { continue }
                    found += 1
                    try add(record, .none, settings, estimates, in: transaction)
                }
            }
            next = items.count < Self.page ? nil : items.last?.key
        } while next != nil
        guard found > 0 || !failures.isEmpty else {
            throw CallError(
                .notFound,
                settings.ids.isEmpty
                    ? "there is no suite '\(settings.suite)'; herdctl evaluate FILE puts one and runs it"
                    : "suite '\(settings.suite)' has none of the questions asked for")
        }
        guard settings.ids.isEmpty || found + failures.count >= settings.ids.count else {
            throw CallError(
                .notFound,
                "suite '\(settings.suite)' has only \(found) of the \(settings.ids.count) questions asked for")
        }
    }

    private mutating func noteDamage(_ key: OrderedBytes, _ settings: EvaluationSettings) throws {
        var parts = key.parts()
        _ = parts.string()
        let id = parts.string() ?? "?"
        guard settings.ids.isEmpty || settings.ids.contains(id), failures.count < Self.mostNamedFailures else { return }
        failures.append(
            EvaluationFailure(
                id: id, model: "", code: UInt32(StatusCode.dataLoss.rawValue),
                error: "the stored question is damaged; put the suite again with --replace"))
    }

    /// Finds out which models have to be asked a question.
    ///
    /// - Parameter change: what putting it would do first.
    private mutating func add(
        _ item: SuiteItemRecord, _ change: SuiteTable.Change, _ settings: EvaluationSettings,
        _ estimates: EvaluationEstimates, in transaction: borrowing ReadTransaction
    ) throws {
        guard let grader = settings.grader(of: item) else {
            throw CallError(.dataLoss, "question '\(item.id)' has a grader that is not known; put the suite again")
        }
        try item.check(grader, field: "question")
        try estimates.checkJudge(of: grader)
        let evaluation = try EvaluationTable.measured(item.id, in: transaction)
        let isSame = evaluation.map { $0.prompt == item.prompt && $0.task == item.task } ?? true
        let scored = Set(isSame ? evaluation?.scores.map(\.model) ?? [] : [])
        var isAsked = false
        for place in parts.indices {
            let model = parts[place].model.name
            var stored = try Self.answer(settings.suite, item.id, model, in: transaction)
            if case .replaced(let old) = change {
                stored = stored.flatMap { AnswerTable.kept($0, from: old, to: item) }
            }
            let work = QuestionWork(stored, settings: settings, grader: grader)
            if case .nothing = work, scored.contains(model) {
                parts[place].skipped += 1
                continue
            }
            if !isAsked { ids.append(item.id) }
            isAsked = true
            parts[place].open.append(Int32(ids.count - 1))
            parts[place].estimatedCost += estimates.cost(of: work, item: item, grader: grader, model: model)
        }
    }

    private static func answer(
        _ suite: String, _ id: String, _ model: String, in transaction: borrowing ReadTransaction
    ) throws -> AnswerRecord? {
        do {
            return try transaction.value(for: AnswerTable.key(suite, id, model), in: AnswerTable.answers)
                .map { try AnswerRecord(stored: $0) }
        } catch {
            guard CallError(handlerError: error).code == .dataLoss else { throw error }
            return nil
        }
    }
}

/// What is left to do for one question and one model.
enum QuestionWork: Sendable, Equatable {
    /// It is answered with as many rounds and graded as asked.
    case nothing
    /// It is answered, and is to be graded, or in another way.
    case grade(AnswerRecord)
    /// - draft: what there is, with fewer rounds than asked for.
    case ask(draft: AnswerRecord?)

    init(_ stored: AnswerRecord?, settings: EvaluationSettings, grader: GraderSpecification) {
        guard let stored, !settings.asksAgain, !stored.texts.isEmpty else {
            self = .ask(draft: nil)
            return
        }
        if stored.rounds < settings.rounds {
            guard stored.isRefinedToTheEnd else {
                self = .ask(draft: stored)
                return
            }
            var filled = stored
            filled.fill(rounds: settings.rounds)
            self = .grade(filled)
        } else if stored.isGraded, stored.scores(by: grader).count == stored.texts.count {
            self = .nothing
        } else {
            self = .grade(stored)
        }
    }
}

/// What questions cost with each of a run's models, before they are asked.
struct EvaluationEstimates: Sendable {
    private let settings: EvaluationSettings
    private let herd: [String: EvaluatedModel]

    init(_ settings: EvaluationSettings, herd: [EvaluatedModel]) {
        self.settings = settings
        self.herd = Dictionary(herd.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// - Throws: FAILED_PRECONDITION for a judge that is none of the herd's models with an endpoint.
    func checkJudge(of grader: GraderSpecification) throws(CallError) {
        guard grader.kind == .judge, herd[grader.judgeModel].map({ $0.concurrency == 0 }) ?? true else { return }
        throw CallError(
            .failedPrecondition,
            "the judge '\(grader.judgeModel)' is no model of the herd with an endpoint; herdctl model list shows them")
    }

    /// US dollars.
    ///
    /// - Parameter isBound: what it may cost rather than what it probably does.
    func cost(
        of work: QuestionWork, item: SuiteItemRecord, grader: GraderSpecification, model: String, isBound: Bool = false
    ) -> Double {
        guard let evaluated = herd[model] else { return 0 }
        let judge = grader.kind == .judge ? herd[grader.judgeModel]?.price ?? AssumedFacts.price : nil
        let estimate = CostEstimate(evaluated, maxTokens: Int(settings.options.maxTokens), judgePrice: judge)
        let references = item.allReferences.reduce(0) { $0 + $1.utf8.count }
        func cost(hasDraft: Bool, rounds: Int?, gradings: Int) -> Double {
            estimate.cost(
                promptBytes: item.prompt.utf8.count, referenceBytes: references, hasDraft: hasDraft, rounds: rounds,
                gradings: gradings * max(1, item.allReferences.count), isBound: isBound)
        }
        switch work {
        case .nothing: return 0
        case .grade(let stored):
            let ungraded = Set(stored.texts).subtracting(zip(stored.texts, stored.scores(by: grader)).map(\.0))
            return cost(hasDraft: true, rounds: nil, gradings: ungraded.count)
        case .ask(let draft):
            return cost(
                hasDraft: draft != nil, rounds: settings.rounds - (draft?.rounds ?? 0),
                gradings: settings.rounds + 1 - (draft?.scores(by: grader).count ?? 0))
        }
    }
}
