/// Names a transfer or an alarm among those of one thread or event loop.
typealias TransferID = UInt64

/// Whoever performs transfers: the curl thread, or an event loop that lends itself. Nothing here blocks.
protocol Transferring: Sendable {
    /// - Returns: the transfer's name, nil after the end.
    func start(_ request: TransferRequest, into mailbox: TransferMailbox) -> TransferID?

    /// Closes the connection, where the answer is not over.
    func cancel(_ id: TransferID)

    /// The caller has fetched what a paused transfer had left.
    func resume(_ id: TransferID)
}

/// What a `TransferLoop` is asked to do.
enum TransferCommand: Sendable {
    case start(TransferID, TransferRequest, TransferMailbox)
    case cancel(TransferID)
    case resume(TransferID)
    case setAlarm(TransferID, MonotonicInstant, @Sendable () -> Void)
    case clearAlarm(TransferID)
    case tellWork(@Sendable (TransferWork) -> Void)
    case stop
}
