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
        case taken, later, exhausted
    }

    private let ceiling: Double?
    private let state = NIOLockedValueBox(State())
    private let settled = ChangeSignal()

    /// - Parameter ceiling: US dollars; nil = none.
    init(ceiling: Double?) {
        self.ceiling = ceiling
    }

    var spent: Double { state.withLockedValue { $0.spent } }

    /// Whether a call was not begun because of the ceiling.
    var isExhausted: Bool { state.withLockedValue { $0.isExhausted } }

    /// Puts aside what a call may cost. Where only calls under way stand against it, it waits for what they really cost.
    ///
    /// - Returns: false where the ceiling is reached: then no call of the run is begun any more.
    func reserve(_ amount: Double) async throws -> Bool {
        switch attempt(amount) {
        case .taken: return true
        case .exhausted: return false
        case .later: break
        }
        for await _ in settled.changes() {
            switch attempt(amount) {
            case .taken: return true
            case .exhausted: return false
            case .later: continue
            }
        }
        throw CancellationError()
    }

    private func attempt(_ amount: Double) -> Verdict {
        guard let ceiling else { return .taken }
        let verdict: Verdict = state.withLockedValue { state in
            if state.isExhausted { return .exhausted }
            if state.spent + state.reserved + amount <= ceiling {
                state.reserved += amount
                state.open += 1
                return .taken
            }
            if state.open > 0, state.spent + amount <= ceiling { return .later }
            state.isExhausted = true
            return .exhausted
        }
        // Those who wait need not any more.
        if case .exhausted = verdict { settled.tell() }
        return verdict
    }

    /// Ends a reservation with what the call really cost.
    func settle(reserved amount: Double, spent: Double) {
        state.withLockedValue { state in
            state.spent += spent
            guard ceiling != nil else { return }
            state.open -= 1
            // Sums of fractions leave a little behind.
            state.reserved = state.open == 0 ? 0 : max(0, state.reserved - amount)
        }
        settled.tell()
    }
}
