import Logging
import NIOConcurrencyHelpers
import NIOCore

/// What became of connections that a server did not take, counted and, now and then, logged.
final class ListenerStatistics: Sendable {
    private let state = NIOLockedValueBox(State())

    fileprivate enum Kind { case refused, gaveWay, failed }

    fileprivate struct State {
        var refused: UInt64 = 0
        var failures: UInt64 = 0
        var nextLogs: [Kind: NIODeadline] = [:]
    }

    /// Connections over the limit: new ones, and those that gave way to new ones.
    var refused: UInt64 { state.withLockedValue { $0.refused } }

    /// How often the system had no room for a connection.
    var failures: UInt64 { state.withLockedValue { $0.failures } }

    func refused(peer: String, _ logger: Logger) {
        guard count(\.refused, .refused) else { return }
        logger.warning(
            "connections over the limit are refused",
            metadata: ["peer": "\(peer)", "remedy": "close some, or raise server.max_connections"])
    }

    /// A connection that had not said HELLO was ended for a new one.
    func gaveWay(_ logger: Logger) {
        guard count(\.refused, .gaveWay) else { return }
        logger.warning(
            "connections that have not said HELLO are ended to make room for others",
            metadata: ["remedy": "find out who connects and says nothing, or raise server.max_connections"])
    }

    func acceptFailed(_ error: any Error, _ logger: Logger) {
        guard count(\.failures, .failed) else { return }
        logger.error(
            "connections wait because there is no room for them",
            metadata: ["error": "\(error)", "remedy": "raise ulimit -n, or lower server.max_connections"])
    }

    /// Counts one more; whether it is to be logged.
    private func count(_ counter: any WritableKeyPath<State, UInt64> & Sendable, _ kind: Kind) -> Bool {
        state.withLockedValue { state in
            state[keyPath: counter] += 1
            return state.isToBeLogged(kind)
        }
    }
}

extension ListenerStatistics.State {
    /// At most one line of a kind in ten seconds: a flood of connections must not flood the log.
    fileprivate mutating func isToBeLogged(_ kind: ListenerStatistics.Kind) -> Bool {
        let now = NIODeadline.now()
        if let next = nextLogs[kind], now < next { return false }
        nextLogs[kind] = now + .seconds(10)
        return true
    }
}
