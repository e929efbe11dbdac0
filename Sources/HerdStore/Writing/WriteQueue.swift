/// How long a write may stay undurable.
package enum Durability: Sendable {
    /// The write returns after the fsync of the commit it is part of.
    case synced
    /// The write returns once it is applied and is committed, with all others, within the deferred interval: that much
    /// is lost when the process or the power dies.
    case deferred
}

/// One closure on its way to the writer thread.
struct PendingWrite: Sendable {
    enum Kind { case synced, deferred, enqueued }

    let kind: Kind
    /// Runs the closure; the outcome's `finish` tells its caller.
    let apply: @Sendable (inout WriteTransaction) -> Outcome
    /// Tells the caller that the closure will not run.
    let refuse: @Sendable (StoreError) -> Void

    struct Outcome {
        /// Whether the closure's changes are to be kept.
        let succeeded: Bool
        /// Called with what went wrong after the closure returned, or nil.
        let finish: @Sendable (StoreError?) -> Void
    }
}

/// What waits for the writer thread, under its monitor.
struct WriteQueue {
    /// What the writer thread is to do next.
    struct Order {
        var writes: [PendingWrite]
        /// Whether to commit even if no synced write asks for it.
        var commits: Bool
        var closes: Bool
    }

    private var writes: [PendingWrite] = []
    private var enqueued = 0
    private var oldestEnqueued: UInt64?
    /// Whether something waits that must not wait for the deferred interval.
    private var isUrgent = false
    private(set) var isClosing = false
    private(set) var dropped: UInt64 = 0
    private let maxAwaited: Int
    private let maxEnqueued: Int
    private let interval: UInt64

    enum Submission { case accepted(wakes: Bool), full, closed }

    init(_ options: StoreOptions) {
        maxAwaited = options.maxQueuedWrites
        maxEnqueued = options.maxQueuedDeferred
        let (seconds, attoseconds) = options.deferredInterval.components
        interval = UInt64(clamping: seconds) * 1_000_000_000 + UInt64(clamping: attoseconds / 1_000_000_000)
    }

    var count: Int { writes.count }

    /// Takes a write in, or says why not. The thread is woken only where it would sleep too long otherwise, so that
    /// most calls of `enqueue` cost no system call.
    mutating func submit(_ write: PendingWrite) -> Submission {
        guard !isClosing else { return .closed }
        guard write.kind == .enqueued else {
            guard writes.count - enqueued < maxAwaited else { return .full }
            writes.append(write)
            defer { isUrgent = true }
            return .accepted(wakes: !isUrgent)
        }
        guard enqueued < maxEnqueued else {
            dropped += 1
            return .full
        }
        writes.append(write)
        enqueued += 1
        if oldestEnqueued == nil {
            oldestEnqueued = monotonicNanoseconds()
            return .accepted(wakes: !isUrgent)
        }
        guard enqueued == (maxEnqueued + 1) / 2, !isUrgent else { return .accepted(wakes: false) }
        isUrgent = true
        return .accepted(wakes: true)
    }

    /// Has what is queued applied now instead of when the deferred interval is over; says whether to wake the thread.
    mutating func hurry() -> Bool {
        guard !isUrgent, !isClosing else { return false }
        isUrgent = true
        return true
    }

    /// Takes no more writes; says whether it did so far.
    mutating func close() -> Bool {
        defer { isClosing = true }
        return !isClosing
    }

    /// What the writer thread does now.
    ///
    /// - Parameter uncommittedSince: when the oldest change that is applied but not committed was made.
    mutating func next(uncommittedSince: UInt64?) -> Wake<Order> {
        let deadline = [uncommittedSince, oldestEnqueued].compactMap(\.self).min().map { since in since + interval }
        let isDue = deadline.map { deadline in deadline <= monotonicNanoseconds() } ?? false
        guard isUrgent || isClosing || isDue else { return .sleep(until: deadline) }
        let order = Order(writes: writes, commits: isDue || isClosing, closes: isClosing)
        writes.removeAll(keepingCapacity: false)
        enqueued = 0
        oldestEnqueued = nil
        isUrgent = false
        return .proceed(order)
    }
}
