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
    /// The models that judge, with how many answers.
    var judges: [String: Int] = [:]
    /// Answers that count and were got with other generation options.
    var otherOptions = 0

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
            if let stored, !settings.asksAgain, stored.isOfOther(settings.optionsDigest) { otherOptions += 1 }
            let work = QuestionWork(stored, settings: settings, grader: grader)
            if case .nothing = work, scored.contains(model) {
                parts[place].skipped += 1
                continue
            }
            if !isAsked { ids.append(item.id) }
            isAsked = true
            parts[place].open.append(Int32(ids.count - 1))
            if grader.kind == .judge { judges[grader.judgeModel, default: 0] += 1 }
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

    /// Calls at once that a judge's endpoints take.
    func concurrency(of judge: String) -> Int { herd[judge]?.concurrency ?? 1 }

    /// What a question probably costs, in US dollars.
    func cost(
        of work: QuestionWork, item: SuiteItemRecord, grader: GraderSpecification, model: String
    ) -> Double {
        guard let bound = bound(of: work, item: item, grader: grader, model: model) else { return 0 }
        return bound.estimate.cost(bound.question)
    }

    /// What it may cost; nil where there is nothing to do, or no such model.
    func bound(
        of work: QuestionWork, item: SuiteItemRecord, grader: GraderSpecification, model: String
    ) -> CostBound? {
        guard let evaluated = herd[model] else { return nil }
        var question = CostEstimate.Question(
            promptBytes: item.prompt.utf8.count,
            referenceBytes: item.allReferences.reduce(0) { $0 + $1.utf8.count }, gradings: 0)
        switch work {
        case .nothing: return nil
        case .grade(let stored):
            let ungraded = Set(stored.texts).subtracting(zip(stored.texts, stored.scores(by: grader)).map(\.0))
            question.draftBytes = ungraded.map(\.utf8.count).max() ?? 0
            question.gradings = ungraded.count
        case .ask(let draft):
            question.draftBytes = draft?.texts.map(\.utf8.count).max()
            question.rounds = settings.rounds - (draft?.rounds ?? 0)
            question.gradings = settings.rounds + 1 - (draft?.scores(by: grader).count ?? 0)
        }
        question.gradings *= max(1, item.allReferences.count)
        let judge = grader.kind == .judge ? herd[grader.judgeModel]?.price ?? AssumedFacts.price : nil
        return CostBound(
            estimate: CostEstimate(evaluated, maxTokens: Int(settings.options.maxTokens), judgePrice: judge),
            question: question)
    }
}
