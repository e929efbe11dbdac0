/// The transfers to which something has happened that the loop has not looked at. Used on one thread only.
final class TouchedTransfers {
    private var transfers: [ActiveTransfer] = []

    /// Something was handed to a caller; whoever looks at it makes it false again.
    var hasHandedOver = false

    var isEmpty: Bool { transfers.isEmpty }

    /// At most once until it has been taken; `ActiveTransfer` sees to that.
    func append(_ transfer: ActiveTransfer) { transfers.append(transfer) }

    /// All of them, in the order in which it happened.
    func take() -> [ActiveTransfer] {
        defer { transfers = [] }
        return transfers
    }
}
