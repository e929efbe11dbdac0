import Synchronization

/// Wakes everybody who watches the models. A watcher that is busy is woken once for all that happened meanwhile, and
/// looks for itself what that was: nothing is queued for the slow.
final class ModelWatches: Sendable {
    private struct State {
        var watchers: [UInt64: AsyncStream<Void>.Continuation] = [:]
        var nextID: UInt64 = 0
    }

    private let state = Mutex(State())

    /// An element at once, then one after every change or several.
    func changes() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state in
            let id = state.nextID
            state.nextID += 1
            state.watchers[id] = continuation
            return id
        }
        continuation.yield()
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { state in _ = state.watchers.removeValue(forKey: id) }
        }
        return stream
    }

    func tell() {
        let watchers = state.withLock { Array($0.watchers.values) }
        for watcher in watchers { watcher.yield() }
    }
}
