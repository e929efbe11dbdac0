/// An event loop on which transfers can be performed, so that what a server sends reaches callers on that loop without a
/// change of threads: a wake of a sleeping core costs more than all the rest.
package protocol TransferHost: AnyObject, Sendable {
    /// Whether the caller runs on it.
    var isCurrent: Bool { get }

    /// Has it do some work later.
    func execute(_ work: @escaping @Sendable () -> Void)

    /// Calls `answer` on it whenever an eventfd has been written, which it reads and, after `leave`, closes. Once only.
    func attend(_ bell: Int32, _ answer: @escaping @Sendable () -> Void)

    /// Calls `ring` on it at an instant or soon after; instead of the alarm that was set before.
    func setAlarm(at instant: MonotonicInstant, _ ring: @escaping @Sendable () -> Void)

    /// Ends bell and alarm.
    func leave()
}

/// The event loops that lend themselves.
package protocol TransferHosts: Sendable {
    /// How many there are.
    var count: Int { get }

    /// The one that the caller runs on; always the same object for one event loop.
    func current() -> (any TransferHost)?
}
