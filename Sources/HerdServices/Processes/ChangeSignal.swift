import NIOConcurrencyHelpers

/// Wakes everybody who waits for something to change. A waiter that is busy is woken once for all that happened
/// meanwhile, and looks for itself what that was: nothing is queued for the slow.
final class ChangeSignal: Sendable {
    private struct State {
        var waiters: [UInt64: AsyncStream<Void>.Continuation] = [:]
        var nextID: UInt64 = 0
    }

    private let state = NIOLockedValueBox(State())

    /// An element at once, then one after every change or several.
    func changes() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id = state.withLockedValue { state in
            let id = state.nextID
            state.nextID += 1
            state.waiters[id] = continuation
            return id
        }
        continuation.yield()
        continuation.onTermination = { [weak self] _ in
            self?.state.withLockedValue { state in _ = state.waiters.removeValue(forKey: id) }
        }
        return stream
    }

    func tell() {
        let waiters = state.withLockedValue { Array($0.waiters.values) }
        for waiter in waiters { waiter.yield() }
    }
}
