import NIOConcurrencyHelpers

/// What a run may spend: no call begins that could take it past its ceiling.
final class EvaluationBudget: Sendable {
    private struct State {
        var spent = 0.0
        var reserved = 0.0
        /// Reservations that are not settled yet.
        var open = 0
        var isExhausted = false
    }

    private enum Verdict {
        case granted(Double)
        case later, exhausted
    }

    /// Whether there is one at all.
    let isLimited: Bool
    /// US dollars, for this run.
    private let ceiling: Double
    private let state = NIOLockedValueBox(State())
    private let settled = ChangeSignal()

    /// - Parameters:
    ///   - ceiling: US dollars; nil = none.
    ///   - before: of it, what earlier runs spent.
    init(ceiling: Double?, spentBefore before: Double = 0) {
        isLimited = ceiling != nil
        self.ceiling = (ceiling ?? .infinity) - before
    }

    /// By this run.
    var spent: Double { state.withLockedValue { $0.spent } }

    /// Whether a call was not begun because of the ceiling, or it was passed all the same.
    var isExhausted: Bool {
        // Sums of fractions are a little off.
        state.withLockedValue { $0.isExhausted || $0.spent > max(0, ceiling) * (1 + 1e-9) + 1e-12 }
    }

    /// Puts aside what a call may cost: all of `most` or, where nothing else is under way, what is left if that is at least
    /// `least`. Where calls under way stand against it, it waits for what they really cost.
    ///
    /// - Returns: what was put aside; nil where the ceiling is reached: then no call of the run is begun any more.
    func reserve(least: Double, most: Double) async throws -> Double? {
        guard isLimited else { return most }
        for await _ in settled.changes() {
            switch attempt(least: least, most: most) {
            case .granted(let amount): return amount
            case .exhausted: return nil
            case .later: continue
            }
        }
        throw CancellationError()
    }

    private func attempt(least: Double, most: Double) -> Verdict {
        let verdict: Verdict = state.withLockedValue { state in
            // What costs nothing can't pass it.
            if most == 0 {
                state.open += 1
                return .granted(0)
            }
            if state.isExhausted { return .exhausted }
            let left = ceiling - state.spent
            let amount = state.open == 0 ? min(most, left) : most
            if amount >= least, state.reserved + amount <= left {
                state.reserved += amount
                state.open += 1
                return .granted(amount)
            }
            if state.open > 0, least <= left { return .later }
            state.isExhausted = true
            return .exhausted
        }
        // Those who wait need not any more.
        if case .exhausted = verdict { settled.tell() }
        return verdict
    }

    /// Ends a reservation, or a part of it, with what the call really cost.
    ///
    /// - Parameter kept: what stays put aside for what comes next; nil = nothing comes.
    func settle(reserved amount: Double, spent: Double, keeping kept: Double? = nil) {
        state.withLockedValue { state in
            state.spent += spent
            guard isLimited else { return }
            if kept == nil { state.open -= 1 }
            // Sums of fractions leave a little behind.
            state.reserved = state.open == 0 ? 0 : max(0, state.reserved - amount + (kept ?? 0))
        }
        settled.tell()
    }
}
