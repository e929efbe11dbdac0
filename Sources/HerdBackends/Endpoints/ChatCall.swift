import NIOConcurrencyHelpers

/// One attempt of a call at one endpoint: its transfer, and the leave to call that goes back when the transfer ends.
final class ChatCall: Sendable {
    let endpoint: String
    private let started = MonotonicInstant.now
    private let mailbox: TransferMailbox
    private let place: any Transferring
    private let transfer: TransferID

    /// - Throws: `shutDown`.
    init(
        _ request: TransferRequest, on place: any Transferring, onEnd: @escaping @Sendable (TransferMailbox.End) -> Void
    ) throws(BackendError) {
        self.place = place
        endpoint = request.endpoint
        mailbox = TransferMailbox(onEnd: onEnd)
        guard let transfer = place.start(request, into: mailbox) else {
            let error = BackendError(.shutDown, "Herd shuts down.", endpoint: request.endpoint)
            _ = mailbox.abandon(error)
            throw error
        }
        self.transfer = transfer
    }

    /// The next batch of events, or the end. A cancelled task gets `cancelled`, and the transfer is ended.
    func next() async -> TransferMailbox.Delivery {
        if let delivery = fetch() { return delivery }
        await withTaskCancellationHandler {
            await mailbox.wait()
        } onCancel: {
            cancel()
        }
        return fetch() ?? .end(.failed(Self.cancelled(endpoint)))
    }

    private func fetch() -> TransferMailbox.Delivery? {
        mailbox.fetch { place.resume(transfer) }
    }

    /// Closes the connection at once, if the answer is not over.
    func cancel() {
        if mailbox.abandon(Self.cancelled(endpoint)) { place.cancel(transfer) }
    }

    private static func cancelled(_ endpoint: String) -> BackendError {
        BackendError(.cancelled, "The call was cancelled while \(endpoint) was answering.", endpoint: endpoint)
    }

    var secondsSoFar: Double { started.seconds(to: .now) }

    /// Bytes of text that have come so far.
    var completionBytes: Int { mailbox.completionBytes }
}
