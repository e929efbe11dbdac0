import NIOConcurrencyHelpers
import Synchronization

/// What happened on all connections of a server since it started, counted from their event loops.
package final class ConnectionStatistics: Sendable {
    private let acceptedCount = Atomic<UInt64>(0)
    private let receivedCount = Atomic<UInt64>(0)
    private let sentCount = Atomic<UInt64>(0)
    private let failedHandshakeCount = Atomic<UInt64>(0)
    /// Ends are rare enough for a lock.
    private let ends = NIOLockedValueBox<[GoAway.Cause: UInt64]>([:])

    package init() {}

    /// Connections that were taken or refused.
    package var accepted: UInt64 { acceptedCount.load(ordering: .relaxed) }
    /// Bytes read; of a connection that is open up to 64 KiB less than were.
    package var bytesReceived: UInt64 { receivedCount.load(ordering: .relaxed) }
    /// Bytes handed to the socket; of a connection that is open up to 64 KiB less than were.
    package var bytesSent: UInt64 { sentCount.load(ordering: .relaxed) }
    /// Connections on which no TLS came about: the client left, trusts another authority, speaks something else, or showed a
    /// certificate that is no good.
    package var failedHandshakes: UInt64 { failedHandshakeCount.load(ordering: .relaxed) }
    /// How often the server ended a connection, by what for.
    package var endedConnections: [GoAway.Cause: UInt64] { ends.withLockedValue { $0 } }

    func accept() {
        acceptedCount.wrappingAdd(1, ordering: .relaxed)
    }

    func handshakeFailed() {
        failedHandshakeCount.wrappingAdd(1, ordering: .relaxed)
    }

    func ended(_ cause: GoAway.Cause) {
        ends.withLockedValue { $0[cause, default: 0] += 1 }
    }

    func transferred(received: Int, sent: Int) {
        receivedCount.wrappingAdd(UInt64(received), ordering: .relaxed)
        sentCount.wrappingAdd(UInt64(sent), ordering: .relaxed)
    }
}
