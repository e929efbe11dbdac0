import HerdFrames
import HerdMessages

/// What the workers of a run do: some answer, for each model, and some judge, for each model that judges.
struct EvaluationStages: Sendable {
    let run: EvaluationRun
    let plan: EvaluationPlan
    let estimates: EvaluationEstimates
    let progress: EvaluationProgress
    let budget: EvaluationBudget
    let queue = JudgingQueue()

    /// Asks one question of a model after the other until none is left.
    ///
    /// - Parameter place: the model's in the plan.
    func answer(_ place: Int) async throws {
        let part = plan.parts[place]
        while !budget.isExhausted, let next = progress.take(place) {
            try Task.checkCancellation()
            let id = plan.ids[Int(part.open[next])]
            guard let job = job(id, place) else { continue }
            guard let reserved = try await budget.reserve(least: job.bound?.least ?? 0, most: job.bound?.most ?? 0)
            else { return }
            let longest = longest(job, reserved)
            let outcome = await job.answer(longest: longest)
            guard case .toBeJudged(let cost, let remark, let failure) = outcome, let judge = job.judge else {
                try finish(outcome, of: job, place, id: id, reserved: reserved)
                continue
            }
            let kept = min(
                reserved, job.bound.map { $0.judging(longest: longest ?? $0.longest(paidBy: reserved)) } ?? 0)
            budget.settle(reserved: reserved, spent: cost, keeping: kept)
            queue.add(
                JudgingQueue.Entry(
                    part: place, id: id, cost: cost, estimate: job.costEstimate, reserved: kept, remark: remark,
                    failure: failure), for: judge)
        }
    }

    /// Judges one stored answer after the other until none comes any more.
    func judge(with judge: String) async throws {
        while let entry = try await queue.next(for: judge) {
            try Task.checkCancellation()
            // Its questions are left for the next run, as those that were not asked.
            guard !progress.isGivenUp(entry.part), let job = job(entry.id, entry.part) else {
                budget.settle(reserved: entry.reserved, spent: 0)
                continue
            }
            let outcome = await job.judge(failure: entry.failure)
            try finish(
                outcome, of: job, entry.part, id: entry.id, reserved: entry.reserved, earlier: entry)
        }
    }

    /// Reads a question and what there is of its answer; nil, and told of, where it can't be asked.
    private func job(_ id: String, _ place: Int) -> EvaluationJob? {
        do {
            return try EvaluationJob(id: id, model: plan.parts[place].model.name, run: run, estimates: estimates)
        } catch {
            progress.failed(place, id: id, error: CallError(handlerError: error), cost: 0)
            return nil
        }
    }

    /// The most tokens of an answer; nil where the caller limits them, or not what is spent.
    private func longest(_ job: EvaluationJob, _ reserved: Double) -> Int? {
        guard budget.isLimited, run.settings.options.maxTokens == 0, let bound = job.bound, bound.most > bound.least
        else {
            return nil
        }
        return bound.longest(paidBy: reserved)
    }

    /// Counts what a question came to.
    ///
    /// - Parameter earlier: what its answer did, where it was judged.
    /// - Throws: why the store takes nothing; `CancellationError`.
    private func finish(
        _ outcome: EvaluationJob.Outcome, of job: EvaluationJob, _ place: Int, id: String, reserved: Double,
        earlier: JudgingQueue.Entry? = nil
    ) throws {
        let before = earlier?.cost ?? 0
        switch outcome {
        case .stored(let cost, let remark):
            budget.settle(reserved: reserved, spent: cost)
            progress.answered(place, estimate: earlier?.estimate ?? job.costEstimate, cost: before + cost)
            if let remark = remark ?? earlier?.remark { progress.remark(place, id: id, remark) }
        case .failed(let error, let cost):
            budget.settle(reserved: reserved, spent: cost)
            try Task.checkCancellation()
            progress.failed(place, id: id, error: error, cost: before + cost)
        case .notStored(let error, let cost):
            budget.settle(reserved: reserved, spent: cost)
            throw error
        case .toBeJudged(let cost, _, _):
            budget.settle(reserved: reserved, spent: cost)
            throw CallError(.internal, "the answer to question '\(id)' was not judged")
        }
    }
}
