import NIOConcurrencyHelpers

/// Billionths of a US dollar that an answer may cost, on whose account.
struct MoneyWish: Sendable {
    let payer: Payer
    let model: String
    let least: UInt64
    let most: UInt64
}

/// A wish that waits until answers of the same token have ended.
final class MoneyWait: Sendable {
    struct Outcome: Sendable {
        let verdict: Spending.Verdict
        /// Nil where nothing had to be set aside, or the wish was refused.
        let hold: Hold?
        let limit: UInt64
        /// Days since 1970-01-01 UTC, and milliseconds since then.
        let day: UInt64
        let time: UInt64
        /// Whether nobody wants it any more.
        var isTakenBack = false

        /// Whether answers under way may leave enough.
        var mayChange: Bool {
            if case .later = verdict { true } else { false }
        }
    }

    private enum State {
        case pending(CheckedContinuation<Outcome, Never>?)
        case over(Outcome)
    }

    let wish: MoneyWish
    private let state = NIOLockedValueBox(State.pending(nil))

    init(_ wish: MoneyWish) {
        self.wish = wish
    }

    /// Waits for it; for one caller.
    func outcome() async -> Outcome {
        await withCheckedContinuation { continuation in
            let outcome: Outcome? = state.withLockedValue { state in
                if case .over(let outcome) = state { return outcome }
                state = .pending(continuation)
                return nil
            }
            if let outcome { continuation.resume(returning: outcome) }
        }
    }

    func finish(_ outcome: Outcome) {
        let waiting: CheckedContinuation<Outcome, Never>? = state.withLockedValue { state in
            guard case .pending(let waiting) = state else { return nil }
            state = .over(outcome)
            return waiting
        }
        waiting?.resume(returning: outcome)
    }
}
