import NIOCore

/// The one timer of a connection: rings at the earliest of the times it was asked for.
///
/// Asking for a later time than the one set costs nothing; whoever is woken looks at what is due and asks again.
struct WakeTimer {
    private var callback: NIOScheduledCallback?
    private var time = NIODeadline.distantFuture

    /// Rings at `deadline` or before.
    mutating func wake(
        at deadline: NIODeadline, on eventLoop: any EventLoop, _ handler: some NIOScheduledCallbackHandler & Sendable
    ) {
        guard deadline < time else { return }
        callback?.cancel()
        time = deadline
        callback = try? eventLoop.scheduleCallback(at: deadline, handler: handler)
    }

    /// The timer rang; nothing is set any more.
    mutating func rang() {
        callback = nil
        time = .distantFuture
    }

    mutating func cancel() {
        callback?.cancel()
        rang()
    }
}
