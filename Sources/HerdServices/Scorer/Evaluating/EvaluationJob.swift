import HerdDatasets
import HerdFrames
import HerdMessages
import HerdStore

/// One question asked of one model: the call, its grade, its record.
struct EvaluationJob: Sendable {
    /// How it ended, and what it cost in US dollars.
    enum Outcome: Sendable {
        /// - remark: what a person should know of the answer or its grade.
        case stored(cost: Double, remark: String?)
        /// The answer is stored and its judge is yet to be asked.
        /// - failure: why rounds are missing from it.
        case toBeJudged(cost: Double, remark: String?, failure: CallError?)
        /// There is no answer, or none that can be graded or kept under its id.
        case failed(CallError, cost: Double)
        /// The answer is lost: the store takes nothing, and to go on would be to pay for nothing.
        case notStored(CallError, cost: Double)
    }

    /// What it may cost; nil where it takes no call.
    let bound: CostBound?
    /// US dollars that it probably costs.
    let costEstimate: Double
    /// The model that judges; nil where none does.
    var judge: String? { grader.needsJudge ? grader.specification.judgeModel : nil }
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
        bound = estimates.bound(of: work, item: item, grader: specification, model: model)
        costEstimate = estimates.cost(of: work, item: item, grader: specification, model: model)
        self.item = item
        self.model = model
        self.run = run
        self.stored = stored
    }

    private let stored: AnswerRecord?

    /// Asks for what there is not, and grades it where that takes no judge.
    ///
    /// - Parameter longest: the most tokens of an answer where the caller set no limit; nil = as many as the model likes.
    func answer(longest: Int?) async -> Outcome {
        var spent = 0.0
        var remark: String?
        do {
            var failure: (any Error)?
            var record = try await answered(longest, &spent, &remark, &failure)
            if grader.needsJudge, record.scores(by: grader.specification).count < record.texts.count {
                if record != stored { try await keep(record) }
                return .toBeJudged(cost: spent, remark: remark, failure: failure.map { CallError(handlerError: $0) })
            }
            var unused = 0.0
            try await grade(&record, &unused, &remark)
            try await keep(record)
            if let failure { throw failure }
            return .stored(cost: spent, remark: remark)
        } catch let lost as NotStored {
            return .notStored(lost.error, cost: spent)
        } catch {
            return .failed(CallError(handlerError: error), cost: spent)
        }
    }

    /// Has a judge grade what is stored.
    ///
    /// - Parameter failure: why rounds are missing from it.
    func judge(failure: CallError?) async -> Outcome {
        var spent = 0.0
        var remark: String?
        do {
            guard var record = stored else {
                throw CallError(.notFound, "its answer was removed before it was judged")
            }
            do {
                try await grade(&record, &spent, &remark)
            } catch {
                // The judge was paid all the same; a grade that another one gave stays until all of this one's are there.
                if record.scores.isEmpty, let stored { record = stored }
                record.judgedUsd += spent
                if record != stored { try await keep(record) }
                throw error
            }
            record.judgedUsd += spent
            try await keep(record)
            if let failure { throw failure }
            return .stored(cost: spent, remark: remark)
        } catch let lost as NotStored {
            return .notStored(lost.error, cost: spent)
        } catch {
            return .failed(CallError(handlerError: error), cost: spent)
        }
    }

    /// The store takes nothing.
    private struct NotStored: Error {
        let error: CallError
    }

    /// Stores what there is, graded or not.
    ///
    /// - Throws: `NotStored`; ALREADY_EXISTS.
    private func keep(_ record: AnswerRecord) async throws {
        do {
            try await run.answers.put(record, to: item)
        } catch let error as CallError where error.code == .alreadyExists {
            throw error
        } catch {
            throw NotStored(error: CallError(handlerError: error))
        }
    }

    // MARK: - Asking

    /// The record with every text, asked for where it is not there yet. What was paid for is stored before anything else
    /// is asked: the next run goes on from there.
    ///
    /// - Parameter failure: why rounds are missing from the record.
    private func answered(
        _ longest: Int?, _ spent: inout Double, _ remark: inout String?, _ failure: inout (any Error)?
    ) async throws -> AnswerRecord {
        switch work {
        case .nothing:
            // Only the evaluation lacks it.
            guard let stored else { throw CallError(.internal, "there is no answer to store") }
            return stored
        case .grade(let record): return record
        case .ask(let stored):
            var options = run.settings.options
            if let longest { options.maxTokens = UInt32(clamping: longest) }
            var record: AnswerRecord
            if let stored {
                record = stored
            } else {
                record = try await draft(options, &spent, &remark)
                if run.settings.rounds > 0 { try await keep(record) }
            }
            guard record.rounds < run.settings.rounds else { return record }
            let refined = await run.source.refine(
                item.prompt, model: model, draft: record.texts.last ?? "",
                rounds: run.settings.rounds - record.rounds, options: options)
            spent += refined.costUsd
            for answer in refined.answers { record.append(answer) }
            failure = refined.failure
            if failure == nil { record.fill(rounds: run.settings.rounds) }
            return record
        }
    }

    private func draft(
        _ options: GenerationOptions, _ spent: inout Double, _ remark: inout String?
    ) async throws -> AnswerRecord {
        let answer: ModelAnswer
        do {
            answer = try await run.source.answer(item.prompt, model: model, options: options)
        } catch let failure as AnswerFailure {
            spent += failure.costUsd
            throw failure.underlying
        }
        spent += answer.usage.costUsd
        if answer.isCut, options.maxTokens != run.settings.options.maxTokens {
            remark =
                "cut off after \(options.maxTokens) tokens, which is what max_cost_usd left for it, and graded as it is; give "
                + "max_tokens, or more money, and ask it again"
        }
        var record = AnswerRecord(
            id: item.id, model: model, suite: run.settings.suite, timeUnixMs: WallClock.milliseconds(),
            firstTokenSeconds: answer.firstTokenSeconds, optionsDigest: run.settings.optionsDigest)
        record.append(answer)
        return record
    }

    // MARK: - Grading

    /// Gives every text a score that has none of this grader; those that were given stay where it throws.
    private func grade(
        _ record: inout AnswerRecord, _ spent: inout Double, _ remark: inout String?
    ) async throws {
        record.scores = record.scores(by: grader.specification)
        record.grader = GraderRecord(grader.specification)
        var known = Dictionary(zip(record.texts, record.scores), uniquingKeysWith: { first, _ in first })
        for text in record.texts[record.scores.count...] {
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
            record.scores.append(score)
        }
    }

    /// The best score over the references.
    private func judged(_ text: String, _ spent: inout Double) async throws -> Double {
        var best = 0.0
        for reference in item.allReferences where best < 1 {
            do throws(JudgementFailure) {
                let judgement = try await run.judge.compare(
                    text, with: reference, question: item.prompt, criteria: grader.specification.criteria,
                    model: grader.specification.judgeModel)
                spent += judgement.usage.costUsd
                best = max(best, judgement.score)
            } catch {
                spent += error.usage.costUsd
                throw error.error
            }
        }
        return best
    }
}

extension AnswerRecord {
    /// Adds the draft, or what one more round made of it.
    fileprivate mutating func append(_ answer: ModelAnswer) {
        texts.append(answer.text)
        costsUsd.append(answer.usage.costUsd)
        seconds.append(answer.seconds)
        let (before, new) = (usage ?? UsageRecord(), answer.usage)
        func sum(_ one: UInt32, _ other: UInt32) -> UInt32 { UInt32(clamping: UInt64(one) + UInt64(other)) }
        usage = UsageRecord(
            promptTokens: sum(before.promptTokens, new.promptTokens),
            completionTokens: sum(before.completionTokens, new.completionTokens),
            cachedTokens: sum(before.cachedTokens, new.cachedTokens), estimated: before.estimated || new.estimated,
            costUsd: before.costUsd + new.costUsd, costEstimated: before.costEstimated || new.costEstimated)
    }
}
