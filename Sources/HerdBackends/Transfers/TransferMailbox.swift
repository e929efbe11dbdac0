import NIOConcurrencyHelpers

/// Where whoever performs a transfer (`Transferring`) leaves what it received and one caller fetches it: the only thing
/// that both touch.
final class TransferMailbox: Sendable {
    enum End: Sendable {
        case succeeded(TransferReport)
        case failed(BackendError)
    }

    /// What there is for the caller.
    enum Delivery {
        case events([ChatEvent])
        case end(End)
    }

    private struct State {
        var events: [ChatEvent] = []
        var backlog = 0
        /// The server waits until the caller has fetched what there is.
        var isPaused = false
        var end: End?
        var waiter: CheckedContinuation<Void, Never>?
        var completionBytes = 0
    }

    private let state = NIOLockedValueBox(State())
    private let onEnd: @Sendable (End) -> Void

    /// - Parameter onEnd: Called once, by whoever ends it, outside of any lock.
    init(onEnd: @escaping @Sendable (End) -> Void) {
        self.onEnd = onEnd
    }

    // MARK: - Whoever performs the transfer

    /// About the bytes that wait to be fetched.
    var backlog: Int { state.withLockedValue { $0.backlog } }

    /// Hands over a batch, and the end where it came with it.
    ///
    /// - Returns: whether the transfer may stay paused; false where everything has been fetched meanwhile.
    @discardableResult
    func publish(_ events: [ChatEvent], cost: Int, isPaused: Bool = false, completionBytes: Int, end: End? = nil)
        -> Bool
    {
        let (waiter, staysPaused, ends) = state.withLockedValue { state in
            guard state.end == nil else { return (nil as CheckedContinuation<Void, Never>?, false, false) }
            if state.events.isEmpty { state.events = events } else { state.events += events }
            state.backlog += cost
            state.completionBytes = completionBytes
            state.end = end
            state.isPaused = isPaused && !state.events.isEmpty
            guard !state.events.isEmpty || end != nil else { return (nil, state.isPaused, false) }
            let waiter = state.waiter
            state.waiter = nil
            return (waiter, state.isPaused, end != nil)
        }
        // First the room for another call, so that the caller finds it when it comes again.
        if ends, let end { onEnd(end) }
        waiter?.resume()
        return staysPaused
    }

    // MARK: - The caller

    /// Fetches what there is; `resume` is called if the server waited for it.
    func fetch(resume: () -> Void) -> Delivery? {
        let (delivery, mustResume) = state.withLockedValue { state -> (Delivery?, Bool) in
            if !state.events.isEmpty {
                let events = state.events
                let mustResume = state.isPaused
                state.events = []
                state.backlog = 0
                state.isPaused = false
                return (.events(events), mustResume)
            }
            return (state.end.map(Delivery.end), false)
        }
        if mustResume { resume() }
        return delivery
    }

    /// Waits until there is something to fetch. One caller at a time.
    func wait() async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLockedValue { state in
                guard state.events.isEmpty, state.end == nil else { return true }
                precondition(state.waiter == nil, "two tasks read one stream")
                state.waiter = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
    }

    /// Ends it from the caller's side; what has come is thrown away.
    ///
    /// - Returns: whether the transfer was still open.
    func abandon(_ error: BackendError) -> Bool {
        var error = error
        let (wasOpen, waiter) = state.withLockedValue { state in
            guard state.end == nil else { return (false, nil as CheckedContinuation<Void, Never>?) }
            error.hadOutput = state.completionBytes > 0 || !state.events.isEmpty
            state.end = .failed(error)
            state.events = []
            state.backlog = 0
            let waiter = state.waiter
            state.waiter = nil
            return (true, waiter)
        }
        if wasOpen { onEnd(.failed(error)) }
        waiter?.resume()
        return wasOpen
    }

    /// Bytes of text that have come so far.
    var completionBytes: Int { state.withLockedValue { $0.completionBytes } }
}
