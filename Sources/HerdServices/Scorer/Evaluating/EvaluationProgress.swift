import HerdFrames
import HerdMessages
import NIOConcurrencyHelpers

/// Where a run stands: what its workers count, and what callers are told of it.
final class EvaluationProgress: Sendable {
    /// Failures in a row after which a model is not asked any more.
    static let mostFailuresInARow = 10
    /// Failures told in one event; the others are only counted.
    fileprivate static let mostToldFailures = 20

    fileprivate struct Part {
        let model: String
        let count: Int
        let estimatedCost: Double
        var next = 0
        var done = 0
        var failed = 0
        var failuresInARow = 0
        var isGivenUp = false
        /// What the questions that are done were estimated at, and what they cost.
        var estimateOfDone = 0.0
        var cost = 0.0
    }

    fileprivate struct State {
        var parts: [Part]
        var failures: [EvaluationFailure] = []
        var changes = 0
    }

    private let skipped: Int
    private let started = ContinuousClock.now
    private let state: NIOLockedValueBox<State>

    init(_ plan: EvaluationPlan) {
        skipped = plan.skipped
        state = NIOLockedValueBox(
            State(
                parts: plan.parts.map {
                    Part(model: $0.model.name, count: $0.open.count, estimatedCost: $0.estimatedCost)
                }, failures: plan.failures))
    }

    // MARK: - For the workers

    /// The place of the model's next question; nil where none is left or it is given up.
    func take(_ part: Int) -> Int? {
        state.withLockedValue { state in
            guard !state.parts[part].isGivenUp, state.parts[part].next < state.parts[part].count else { return nil }
            defer { state.parts[part].next += 1 }
            return state.parts[part].next
        }
    }

    /// Whether a model is not asked any more, nor what it answered judged.
    func isGivenUp(_ part: Int) -> Bool { state.withLockedValue { $0.parts[part].isGivenUp } }

    func answered(_ part: Int, estimate: Double, cost: Double) {
        state.withLockedValue { state in
            state.changes += 1
            state.parts[part].done += 1
            state.parts[part].failuresInARow = 0
            state.parts[part].estimateOfDone += estimate
            state.parts[part].cost += cost
        }
    }

    /// Tells of an answer that is stored, and not as one would wish.
    func remark(_ part: Int, id: String, _ text: String) {
        state.withLockedValue { state in
            let model = state.parts[part].model
            state.note(
                EvaluationFailure(
                    id: id, model: model, code: UInt32(StatusCode.resourceExhausted.rawValue), error: text))
        }
    }

    func failed(_ part: Int, id: String, error: CallError, cost: Double) {
        state.withLockedValue { state in
            state.changes += 1
            state.parts[part].failed += 1
            state.parts[part].failuresInARow += 1
            state.parts[part].cost += cost
            let model = state.parts[part].model
            state.note(EvaluationFailure(id: id, model: model, code: UInt32(error.code.rawValue), error: error.message))
            guard state.parts[part].failuresInARow >= Self.mostFailuresInARow, !state.parts[part].isGivenUp else {
                return
            }
            state.parts[part].isGivenUp = true
            let left = state.parts[part].count - state.parts[part].next
            let text =
                "\(Self.mostFailuresInARow) questions in a row failed: '\(model)' is not asked the \(left) others; see to "
                + "its endpoints and run it again. The last one: \(error.message)"
            state.failures.append(
                EvaluationFailure(id: "", model: model, code: UInt32(error.code.rawValue), error: text))
        }
    }

    // MARK: - For the caller

    /// Rises with every answer and failure.
    var changes: Int { state.withLockedValue { $0.changes } }

    func failed(_ model: String) -> Int {
        state.withLockedValue { state in state.parts.first { $0.model == model }?.failed ?? 0 }
    }

    /// Where the run stands now, with the failures since the last time.
    func event(cost: Double) -> EvaluateEvent {
        let elapsed = (ContinuousClock.now - started) / .seconds(1)
        return state.withLockedValue { state in
            var event = EvaluateEvent(
                skipped: UInt64(clamping: skipped), costUsd: cost, estimatedCostUsd: cost, failures: state.failures)
            state.failures = []
            for part in state.parts {
                event.done += UInt64(clamping: part.done)
                event.total += UInt64(clamping: part.count)
                event.failed += UInt64(clamping: part.failed)
                event.estimatedCostUsd += part.costLeft
                event.secondsLeft = max(event.secondsLeft, part.secondsLeft(after: elapsed))
            }
            if elapsed > 0 { event.callsPerSecond = Double(event.done + event.failed) / elapsed }
            return event
        }
    }
}

extension EvaluationProgress.State {
    fileprivate mutating func note(_ failure: EvaluationFailure) {
        if failures.count < EvaluationProgress.mostToldFailures { failures.append(failure) }
    }
}

extension EvaluationProgress.Part {
    /// What the questions that are left probably cost, by what the others did.
    fileprivate var costLeft: Double {
        guard !isGivenUp else { return 0 }
        let factor = estimateOfDone > 0 ? (cost / estimateOfDone) : 1
        return max(0, estimatedCost - estimateOfDone) * factor
    }

    /// Models are asked side by side, each at its own pace; 0 = not to be told.
    fileprivate func secondsLeft(after elapsed: Double) -> Double {
        let finished = done + failed
        guard finished > 0, !isGivenUp else { return 0 }
        return Double(count - finished) * elapsed / Double(finished)
    }
}
