import HerdDatasets
import HerdFrames
import HerdMessages
import HerdPolicy

/// One run of a suite over models: every model side by side, several questions of each at once.
///
/// An answer is stored, durably and with its score, as soon as it is there; what a run that was ended in any way has stored is
/// not asked for again by the next one. Nothing but the ids of the suite and the answers under way is held in memory.
struct EvaluationRun: Sendable {
    let settings: EvaluationSettings
    let source: any AnswerSource
    let judge: Judge
    let answers: AnswerTable
    let suites: SuiteTable

    /// The shortest time between two events.
    private static let eventInterval = Duration.milliseconds(100)

    /// Runs to the end, or until the task is cancelled.
    ///
    /// - Parameter send: gets the estimate first, then progress, the summaries last; may hold the run's news up, not the
    ///   run.
    /// - Throws: what keeps it from beginning, and what keeps answers from being stored; a question that fails is told of
    ///   in an event.
    func run(_ send: @escaping @Sendable (EvaluateEvent) async throws -> Void) async throws {
        let herd = try await source.models()
        let models = try settings.chosen(from: herd)
        let estimates = EvaluationEstimates(settings, herd: herd)
        let plan = try EvaluationPlan(settings, models: models, estimates: estimates, answers: answers)
        let progress = EvaluationProgress(plan)
        let budget = EvaluationBudget(ceiling: settings.ceiling)
        var first = progress.event(cost: 0)
        first.assumedPrices = models.filter { $0.price == nil }.map(\.name)
        try await send(first)
        if !settings.isDryRun, plan.total > 0 {
            try await ask(plan, estimates, progress, budget, send)
        }
        var last = progress.event(cost: budget.spent)
        last.ceilingReached = budget.isExhausted
        last.secondsLeft = 0
        last.summaries = try EvaluationSummaries.of(models.map(\.name), settings: settings, answers: answers) {
            progress.failed($0)
        }
        try await send(last)
    }

    private func ask(
        _ plan: EvaluationPlan, _ estimates: EvaluationEstimates, _ progress: EvaluationProgress,
        _ budget: EvaluationBudget, _ send: @escaping @Sendable (EvaluateEvent) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                var told = progress.changes
                while true {
                    try await Task.sleep(for: Self.eventInterval)
                    let changes = progress.changes
                    guard changes != told else { continue }
                    told = changes
                    try await send(progress.event(cost: budget.spent))
                }
            }
            var workers = 0
            for (place, part) in plan.parts.enumerated() {
                // More would only wait at the endpoints.
                let atOnce = min(settings.concurrency ?? .max, part.model.concurrency)
                for _ in 0..<min(atOnce, part.open.count) {
                    workers += 1
                    group.addTask {
                        try await work(on: place, of: plan, estimates, progress, budget)
                        return true
                    }
                }
            }
            while workers > 0 {
                if try await group.next() == true { workers -= 1 }
            }
            // What the teller says of being ended is no failure of the run; a caller that is gone shows at the next event.
            group.cancelAll()
            while await group.nextResult() != nil {}
        }
        try Task.checkCancellation()
    }

    /// Asks one question of a model after the other until none is left.
    private func work(
        on place: Int, of plan: EvaluationPlan, _ estimates: EvaluationEstimates, _ progress: EvaluationProgress,
        _ budget: EvaluationBudget
    ) async throws {
        let part = plan.parts[place]
        while !budget.isExhausted, let next = progress.take(place) {
            try Task.checkCancellation()
            let id = plan.ids[Int(part.open[next])]
            let job: EvaluationJob
            do {
                job = try EvaluationJob(id: id, model: part.model.name, run: self, estimates: estimates)
            } catch {
                progress.failed(place, id: id, error: CallError(handlerError: error), cost: 0)
                continue
            }
            guard try await budget.reserve(job.costBound) else { return }
            switch await job.run() {
            case .stored(let cost, let remark):
                budget.settle(reserved: job.costBound, spent: cost)
                progress.answered(place, estimate: job.costEstimate, cost: cost)
                if let remark { progress.remark(place, id: id, remark) }
            case .failed(let error, let cost):
                budget.settle(reserved: job.costBound, spent: cost)
                try Task.checkCancellation()
                progress.failed(place, id: id, error: error, cost: cost)
            case .notStored(let error, let cost):
                budget.settle(reserved: job.costBound, spent: cost)
                throw error
            }
        }
    }
}
