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
        var before = 0.0
        if settings.ceiling != nil, !settings.asksAgain {
            before = try EvaluationSummaries.spent(on: models.map(\.name), settings: settings, answers: answers)
        }
        let budget = EvaluationBudget(ceiling: settings.ceiling, spentBefore: before)
        var first = progress.event(cost: 0)
        first.spentBeforeUsd = before
        first.otherOptions = UInt64(clamping: plan.otherOptions)
        first.assumedPrices = models.filter { $0.price == nil }.map(\.name)
        try await send(first)
        if !settings.isDryRun, plan.total > 0 {
            try await ask(plan, estimates, progress, budget, send)
        }
        var last = progress.event(cost: budget.spent)
        last.ceilingReached = budget.isExhausted
        last.spentBeforeUsd = before
        last.otherOptions = UInt64(clamping: plan.otherOptions)
        last.secondsLeft = 0
        last.summaries = try EvaluationSummaries.of(models.map(\.name), settings: settings, answers: answers) {
            progress.failed($0)
        }
        try await send(last)
    }

    /// What a task of a run did.
    private enum Ended {
        case telling, answering, judging
    }

    private func ask(
        _ plan: EvaluationPlan, _ estimates: EvaluationEstimates, _ progress: EvaluationProgress,
        _ budget: EvaluationBudget, _ send: @escaping @Sendable (EvaluateEvent) async throws -> Void
    ) async throws {
        let stages = EvaluationStages(
            run: self, plan: plan, estimates: estimates, progress: progress, budget: budget)
        try await withThrowingTaskGroup(of: Ended.self) { group in
            group.addTask {
                var told = progress.changes
                while true {
                    try await Task.sleep(for: Self.eventInterval)
                    let changes = progress.changes
                    guard changes != told else { continue }
                    told = changes
                    try await send(progress.event(cost: budget.spent))
                }
                return .telling
            }
            var answering = 0
            for (place, part) in plan.parts.enumerated() {
                // More would only wait at the endpoints.
                let atOnce = min(settings.concurrency ?? .max, part.model.concurrency)
                for _ in 0..<min(atOnce, part.open.count) {
                    answering += 1
                    group.addTask {
                        try await stages.answer(place)
                        return .answering
                    }
                }
            }
            var judging = 0
            for (judge, count) in plan.judges {
                for _ in 0..<min(settings.concurrency ?? .max, estimates.concurrency(of: judge), count) {
                    judging += 1
                    group.addTask {
                        try await stages.judge(with: judge)
                        return .judging
                    }
                }
            }
            while answering + judging > 0 {
                switch try await group.next() {
                case .answering?:
                    answering -= 1
                    if answering == 0 { stages.queue.close() }
                case .judging?: judging -= 1
                case .telling?, nil: break
                }
            }
            // What the teller says of being ended is no failure of the run; a caller that is gone shows at the next event.
            group.cancelAll()
            while await group.nextResult() != nil {}
        }
        try Task.checkCancellation()
    }
}
