import HerdServer
import HerdTransport

/// A server whose listening sockets another process may go on with.
protocol Bequeathing: Sendable {
    /// What its sockets are called.
    var listenerName: String { get }
    @available(*, noasync)
    func duplicateListeners() -> [ListeningSocket]
    func leaveSocketFiles()
}

extension HerdServer: Bequeathing {
    var listenerName: String { name }
}

extension MonitoringServer: Bequeathing {}
