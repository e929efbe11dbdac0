import NIOConcurrencyHelpers

/// Money set aside for one answer of a model, or about to be.
package final class Hold: Sendable {
    /// The key of its record.
    let key: UInt64
    let day: UInt64
    let payer: Payer
    /// Billionths of a US dollar.
    package let amount: UInt64

    private enum State {
        case pending([CheckedContinuation<(any Error)?, Never>])
        case over((any Error)?)
    }

    private let state = NIOLockedValueBox(State.pending([]))

    init(key: UInt64, day: UInt64, payer: Payer, amount: UInt64) {
        self.key = key
        self.day = day
        self.payer = payer
        self.amount = amount
    }

    /// Waits until it is on disk; gives why it is not.
    package func stored() async -> (any Error)? {
        await withCheckedContinuation { continuation in
            let outcome: (any Error)?? = state.withLockedValue { state in
                switch state {
                case .pending(let waiting):
                    state = .pending(waiting + [continuation])
                    return nil
                case .over(let error): return .some(error)
                }
            }
            if let outcome { continuation.resume(returning: outcome) }
        }
    }

    /// Whether it was told that it is not on disk.
    var hasFailed: Bool {
        state.withLockedValue { state in
            guard case .over(let error) = state else { return false }
            return error != nil
        }
    }

    func finish(_ error: (any Error)?) {
        let waiting: [CheckedContinuation<(any Error)?, Never>] = state.withLockedValue { state in
            guard case .pending(let waiting) = state else { return [] }
            state = .over(error)
            return waiting
        }
        for continuation in waiting { continuation.resume(returning: error) }
    }
}
