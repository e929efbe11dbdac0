import NIOConcurrencyHelpers

/// Where transfers are performed: on the event loop that their caller runs on, as far as it lends itself, or on the curl
/// thread.
final class TransferPlaces: Sendable {
    /// For checks, alarms, and all that has no event loop.
    let thread: TransferThread
    private let hosts: (any TransferHosts)?
    private let keptConnections: Int
    private let hosted = NIOLockedValueBox(Hosted())

    private struct Hosted {
        /// Nil for a host that cannot have any.
        var transfers: [ObjectIdentifier: HostedTransfers?] = [:]
        var isShutDown = false
    }

    /// - Parameter keptConnections: of all places together.
    /// - Throws: `shutDown` where libcurl or its thread cannot be had.
    init(keptConnections: Int, hosts: (any TransferHosts)?) throws(BackendError) {
        self.keptConnections = max(1, keptConnections / ((hosts?.count ?? 0) + 1))
        self.hosts = hosts
        thread = try TransferThread(keptConnections: self.keptConnections)
    }

    /// The place for a transfer of the caller's.
    ///
    /// One with TLS goes to the thread: a handshake takes an event loop longer than all its other calls may wait, and is to
    /// servers so far away that a change of threads makes no difference.
    func place(for request: TransferRequest) -> any Transferring {
        guard request.url.utf8.starts(with: "http://".utf8), request.proxy == nil, let host = hosts?.current() else {
            return thread
        }
        return transfers(on: host) ?? thread
    }

    private func transfers(on host: any TransferHost) -> HostedTransfers? {
        hosted.withLockedValue { hosted in
            guard !hosted.isShutDown else { return nil }
            let key = ObjectIdentifier(host)
            if let known = hosted.transfers[key] { return known }
            let transfers = HostedTransfers(on: host, keptConnections: keptConnections)
            hosted.transfers[key] = .some(transfers)
            return transfers
        }
    }

    private var all: [HostedTransfers] { hosted.withLockedValue { $0.transfers.values.compactMap { $0 } } }

    /// Transfers that are open, those included that only wait for their connection to end.
    var openTransfers: Int {
        hosted.withLockedValue { hosted in
            hosted.transfers.values.reduce(thread.openTransfers) { $0 + ($1?.openTransfers ?? 0) }
        }
    }

    /// What has been done so far; nil after `shutDown`.
    func work() async -> TransferWork? {
        guard var sum = await thread.work() else { return nil }
        for transfers in all {
            guard var work = await transfers.work() else { return nil }
            work.hostedSockets = work.sockets
            sum = sum + work
        }
        return sum
    }

    /// Ends every transfer, and waits for that.
    func shutDown() async {
        hosted.withLockedValue { $0.isShutDown = true }
        for transfers in all { await transfers.shutDown() }
        await thread.shutDown()
    }
}
