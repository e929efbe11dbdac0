import HerdDatasets
import HerdFrames
import HerdMessages
import HerdStore

/// One question asked of one model: the call, its grade, its record.
struct EvaluationJob: Sendable {
    /// How it ended, and what it cost in US dollars.
    enum Outcome: Sendable {
        /// - remark: what a person should know of the grade.
        case stored(cost: Double, remark: String?)
        /// There is no answer, or none that can be graded or kept under its id.
        case failed(CallError, cost: Double)
        /// The answer is lost: the store takes nothing, and to go on would be to pay for nothing.
        case notStored(CallError, cost: Double)
    }

    /// What the call may cost, and what it probably does.
    let costBound: Double
    let costEstimate: Double
    private let item: SuiteItemRecord
    private let model: String
    private let grader: AnswerGrader
    private let work: QuestionWork
    private let run: EvaluationRun

    /// Reads the question and what there is of its answer.
    ///
    /// - Throws: `CallError` for a question that can't be asked; ALREADY_EXISTS where its id is another evaluation's.
    init(id: String, model: String, run: EvaluationRun, estimates: EvaluationEstimates) throws {
        let item = try run.suites.item(run.settings.suite, id)
        guard let specification = run.settings.grader(of: item) else {
            throw CallError(.dataLoss, "the question's grader is not known; put the suite again with --replace")
        }
        do throws(GraderError) {
            grader = try AnswerGrader(specification)
        } catch {
            throw CallError(.dataLoss, "the question's grader can't be used (\(error)); put the suite again")
        }
        let evaluation = try run.suites.store.read { transaction in try EvaluationTable.measured(id, in: transaction) }
        if let evaluation { try EvaluationTable.check(evaluation, isOf: item) }
        let stored = try run.answers.answer(run.settings.suite, id, model)
        work = QuestionWork(stored, settings: run.settings, grader: specification)
        costBound = estimates.cost(of: work, item: item, grader: specification, model: model, isBound: true)
        costEstimate = estimates.cost(of: work, item: item, grader: specification, model: model)
        self.item = item
        self.model = model
        self.run = run
        self.stored = stored
    }

    private let stored: AnswerRecord?

    func run() async -> Outcome {
        var spent = 0.0
        var remark: String?
        let record: AnswerRecord
        do {
            var answered = try await answered(&spent)
            if answered.scores.count != answered.texts.count {
                answered.scores = try await graded(answered.texts, &spent, &remark)
            }
            answered.grader = GraderRecord(grader.specification)
            record = answered
        } catch {
            return .failed(CallError(handlerError: error), cost: spent)
        }
        do {
            try await run.answers.put(record, to: item)
            return .stored(cost: spent, remark: remark)
        } catch let error as CallError where error.code == .alreadyExists {
            return .failed(error, cost: spent)
        } catch {
            return .notStored(CallError(handlerError: error), cost: spent)
        }
    }

    // MARK: - Asking

    /// The record with every text, asked for where it is not there yet; without scores where they have to be given.
    private func answered(_ spent: inout Double) async throws -> AnswerRecord {
        switch work {
        case .nothing:
            // Only the evaluation lacks it.
            guard let stored else { throw CallError(.internal, "there is no answer to store") }
            return stored
        case .grade(var record):
            record.scores = []
            return record
        case .ask(let draft):
            let answers: [ModelAnswer]
            do {
                answers = try await asked(draft: draft?.texts.first)
            } catch let failure as AnswerFailure {
                spent += failure.costUsd
                throw failure.underlying
            }
            for answer in answers { spent += answer.usage.costUsd }
            return record(of: answers, draft: draft)
        }
    }

    private func asked(draft: String?) async throws -> [ModelAnswer] {
        let settings = run.settings
        guard settings.rounds > 0 else {
            return [try await run.source.answer(item.prompt, model: model, options: settings.options)]
        }
        let answers = try await run.source.refine(
            item.prompt, model: model, draft: draft, rounds: settings.rounds, options: settings.options)
        guard !answers.isEmpty else { throw CallError(.internal, "the refinement ended without an answer") }
        return answers
    }

    /// A refinement that ended by itself leaves its last answer as that of the rounds that are left, at no cost.
    private func record(of answers: [ModelAnswer], draft: AnswerRecord?) -> AnswerRecord {
        var answers = Array(answers.prefix(run.settings.rounds + 1))
        while answers.count <= run.settings.rounds, let last = answers.last {
            answers.append(ModelAnswer(text: last.text))
        }
        let usage = answers.dropFirst().reduce(answers[0].usage) { $0 + $1.usage }
        var record = AnswerRecord(
            id: item.id, model: model, texts: answers.map(\.text), costsUsd: answers.map(\.usage.costUsd),
            seconds: answers.map(\.seconds), suite: run.settings.suite, timeUnixMs: WallClock.milliseconds(),
            usage: UsageRecord(
                promptTokens: usage.promptTokens, completionTokens: usage.completionTokens,
                cachedTokens: usage.cachedTokens, estimated: usage.estimated, costUsd: usage.costUsd,
                costEstimated: usage.costEstimated),
            firstTokenSeconds: answers[0].firstTokenSeconds)
        if let draft {
            // The draft was paid for and timed when it was asked for.
            if let cost = draft.costsUsd.first { record.costsUsd[0] = cost }
            if let seconds = draft.seconds.first { record.seconds[0] = seconds }
            record.firstTokenSeconds = draft.firstTokenSeconds
        }
        return record
    }

    // MARK: - Grading

    private func graded(
        _ texts: [String], _ spent: inout Double, _ remark: inout String?
    ) async throws -> [Double] {
        var known: [String: Double] = [:]
        var scores: [Double] = []
        for text in texts {
            let score: Double
            if let given = known[text] {
                score = given
            } else if grader.needsJudge {
                score = try await judged(text, &spent)
            } else {
                do throws(GraderError) {
                    score = try grader.grade(text, references: item.allReferences, prompt: item.prompt)
                } catch {
                    score = 0
                    remark = "scored 0: \(error.reason)"
                }
            }
            known[text] = score
            scores.append(score)
        }
        return scores
    }

    /// The best score over the references.
    private func judged(_ text: String, _ spent: inout Double) async throws -> Double {
        var best = 0.0
        for reference in item.allReferences where best < 1 {
            let judgement = try await run.judge.compare(
                text, with: reference, question: item.prompt, criteria: grader.specification.criteria,
                model: grader.specification.judgeModel)
            spent += judgement.usage.costUsd
            best = max(best, judgement.score)
        }
        return best
    }
}
