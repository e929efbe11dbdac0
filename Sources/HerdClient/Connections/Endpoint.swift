import NIOConcurrencyHelpers
import HerdFrames
import HerdTransport
import NIOCore

/// One server and the connection to it: connects when there is something to call, and not too often.
final class Endpoint: Sendable {
    let address: EndpointAddress
    private let configuration: ClientConfiguration
    private let eventLoopGroup: any EventLoopGroup
    private let state = NIOLockedValueBox(State())

    private struct State {
        var connection: ClientConnection?
        var backoff = Backoff()
        var isClosed = false
    }

    init(address: EndpointAddress, configuration: ClientConfiguration, eventLoopGroup: any EventLoopGroup) {
        self.address = address
        self.configuration = configuration
        self.eventLoopGroup = eventLoopGroup
    }

    deinit {
        state.withLockedValue { $0.connection }?.closeWhenIdle()
    }

    enum Choice {
        /// Calls may be started on it, though it may not be connected yet.
        case connection(ClientConnection)
        /// The last attempts to connect failed; the next one is due then.
        case pause(until: NIODeadline)
        case closed
    }

    /// The connection to make a call on.
    func choose() -> Choice {
        let (choice, isNew): (Choice, Bool) = state.withLockedValue { state in
            if state.isClosed { return (.closed, false) }
            if let connection = state.connection {
                let status = connection.status
                if status.takesCalls { return (.connection(connection), false) }
                state.connection = nil
                if status.isGreeted {
                    state.backoff.succeeded()
                } else {
                    state.backoff.failed(configuration)
                }
            }
            if state.backoff.nextAttempt > .now() { return (.pause(until: state.backoff.nextAttempt), false) }
            let connection = ClientConnection(
                greeting: greeting, limits: limits, eventLoop: eventLoopGroup.any())
            state.connection = connection
            state.backoff.attempted()
            return (.connection(connection), true)
        }
        if isNew, case .connection(let connection) = choice {
            connection.connect(to: address, timeout: configuration.connectTimeout.timeAmount)
        }
        return choice
    }

    func close() {
        let connection = state.withLockedValue { state in
            state.isClosed = true
            return state.connection.take()
        }
        connection?.close()
    }

    private var greeting: [String: String] {
        var greeting = [HelloKey.client: configuration.name]
        if !configuration.authorization.isEmpty { greeting[HelloKey.authorization] = configuration.authorization }
        return greeting
    }

    private var limits: ConnectionLimits {
        ConnectionLimits(maximumFrameLength: configuration.maximumFrameLength)
    }
}
