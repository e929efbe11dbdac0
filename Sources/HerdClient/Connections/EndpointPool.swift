import HerdFrames
import HerdTransport
import NIOConcurrencyHelpers
import NIOCore

/// The servers of a client and the connections to them: which one the next call goes to.
///
/// Connections are made when there is something to call, and no more often than `Backoff` says. Their events come in on
/// event loops; a call costs one lock.
final class EndpointPool: Sendable {
    let configuration: ClientConfiguration
    let budget: RetryBudget
    private let eventLoopGroup: any EventLoopGroup
    /// Where the calls come from that have a connection on each of their event loops, one per slot; else empty.
    private let callersLoops: [any EventLoop]
    private let security: ConnectionSecurity?
    private let state: NIOLockedValueBox<PoolState>

    /// - Parameter connectsEachLoop: Whether calls are made on the group's event loops, each of which then has one
    ///   connection to each server, in place of `connectionsPerEndpoint`.
    init(
        addresses: [EndpointAddress], configuration: ClientConfiguration, eventLoopGroup: any EventLoopGroup,
        connectsEachLoop: Bool
    ) {
        self.configuration = configuration
        security = configuration.connectionSecurity
        budget = RetryBudget(
            ratio: configuration.retryRatio, minimumPerSecond: configuration.minimumRetriesPerSecond)
        self.eventLoopGroup = eventLoopGroup
        let loops = connectsEachLoop ? Array(eventLoopGroup.makeIterator()) : []
        callersLoops = loops
        let connections = loops.isEmpty ? configuration.connectionsPerEndpoint : loops.count
        let endpoints = addresses.map { EndpointState($0, connections: connections) }
        state = NIOLockedValueBox(PoolState(endpoints: endpoints))
    }

    deinit {
        for connection in state.withLockedValue(\.connections) { connection.closeWhenIdle() }
    }

    func close() {
        let connections = state.withLockedValue { state in
            state.isClosed = true
            return state.connections
        }
        for connection in connections { connection.close() }
    }

    // MARK: - Choosing

    enum Choice {
        /// A call is to be started on it, for which it is reserved; it may not be connected yet.
        case connection(ClientConnection, endpoint: Int)
        /// Nobody can be reached; the next attempt to connect is due then.
        case pause(until: NIODeadline)
        /// Every connection has as many calls as it may.
        case full
        case closed
    }

    /// The connection to make a call on: of two ready servers taken at random the one with fewer calls.
    /// Of that server's connections the one on the event loop it is called on, if there is one; else the one with the
    /// fewest calls.
    func choose(avoiding tried: EndpointSet = EndpointSet()) -> Choice {
        let home = callersLoops.firstIndex { $0.inEventLoop }
        return state.withLockedValue { state in
            if state.isClosed { return .closed }
            // The others come back by themselves, while calls go to those that are there.
            if state.ready.count < state.endpoints.count { connectWhereDue(&state, slot: home ?? 0) }
            guard let endpoint = state.choose(avoiding: tried) else {
                return .pause(until: state.endpoints.map(\.backoff.nextAttempt).min() ?? .distantFuture)
            }
            return reserve(on: endpoint, home: home, &state)
        }
    }

    /// Whether a call can go to a server that is not among those it was tried on.
    func hasOther(than tried: EndpointSet) -> Bool {
        state.withLockedValue { state in state.ready.contains { !tried.contains($0) } }
    }

    /// Until when a server that said that it stops is expected back.
    var expectedUntil: NIODeadline {
        state.withLockedValue { state in
            state.endpoints.map(\.expectedUntil).max() ?? .uptimeNanoseconds(0)
        }
    }

    private func reserve(on endpoint: Int, home: Int?, _ state: inout PoolState) -> Choice {
        if let home, let connection = self.connection(of: endpoint, home: home, &state) {
            connection.reserve()
            return .connection(connection, endpoint: endpoint)
        }
        guard let slot = state.endpoints[endpoint].leastBusySlot,
            let connection = state.endpoints[endpoint].slots[slot].connection
        else { return .full }
        let calls = connection.callCount
        if calls > 0, callersLoops.isEmpty { widen(endpoint, &state) }
        guard calls >= configuration.maximumCallsPerConnection else {
            connection.reserve()
            return .connection(connection, endpoint: endpoint)
        }
        for other in state.ready where other != endpoint {
            guard let slot = state.endpoints[other].leastBusySlot,
                let connection = state.endpoints[other].slots[slot].connection,
                connection.callCount < configuration.maximumCallsPerConnection
            else { continue }
            connection.reserve()
            return .connection(connection, endpoint: other)
        }
        return .full
    }

    /// The connection on the event loop of the caller; nil, and soon there, while calls go better by another.
    private func connection(of index: Int, home: Int, _ state: inout PoolState) -> ClientConnection? {
        let endpoint = state.endpoints[index]
        let connection: ClientConnection
        switch endpoint.slots[home] {
        case .ready(let ready):
            connection = ready
        case .connecting(let connecting):
            if endpoint.isGreeted { return nil }
            connection = connecting
        case .vacant:
            if endpoint.backoff.nextAttempt <= .now() { connect(index, slot: home, &state) }
            return nil
        }
        return connection.callCount < configuration.maximumCallsPerConnection ? connection : nil
    }

    // MARK: - Connecting

    /// Connects to every server that is away and due.
    func connectWhereDue() {
        state.withLockedValue { state in
            if !state.isClosed { connectWhereDue(&state, slot: 0) }
        }
    }

    private func connectWhereDue(_ state: inout PoolState, slot: Int) {
        let now = NIODeadline.now()
        for index in state.endpoints.indices {
            let endpoint = state.endpoints[index]
            if !endpoint.isGreeted, !endpoint.isConnecting, endpoint.backoff.nextAttempt <= now {
                connect(index, slot: slot, &state)
            }
        }
    }

    /// Makes one more connection to a server whose others are all busy, if there may be more.
    private func widen(_ index: Int, _ state: inout PoolState) {
        guard state.endpoints[index].slots.count > 1 else { return }
        let endpoint = state.endpoints[index]
        guard
            let slot = endpoint.slots.firstIndex(where: { $0.connection == nil }),
            endpoint.backoff.nextAttempt <= .now()
        else { return }
        connect(index, slot: slot, &state)
    }

    private func connect(_ index: Int, slot: Int, _ state: inout PoolState) {
        let address = state.endpoints[index].address
        let connection = ClientConnection(
            peer: address.description, greeting: configuration.greeting, limits: configuration.connectionLimits,
            keepAlive: configuration.keepAlive,
            eventLoop: callersLoops.isEmpty ? eventLoopGroup.any() : callersLoops[slot]
        ) { [weak self] connection, event in
            self?.handle(event, of: connection, endpoint: index)
        }
        state.endpoints[index].slots[slot] = .connecting(connection)
        state.endpoints[index].backoff.attempted()
        connection.connect(to: address, timeout: configuration.connectTimeout.timeAmount, security: security)
    }

    // MARK: - Events

    private func handle(_ event: ClientConnection.Event, of connection: ClientConnection, endpoint index: Int) {
        let handingBack: [ClientConnection] = state.withLockedValue { state in
            defer { state.update() }
            guard let slot = state.endpoints[index].slot(of: connection) else {
                if case .ended = event { state.leaving.removeAll { $0 === connection } }
                return []
            }
            switch event {
            case .greeted:
                state.endpoints[index].slots[slot] = .ready(connection)
                state.endpoints[index].backoff.succeeded()
                state.endpoints[index].expectedUntil = .uptimeNanoseconds(0)
                // Calls that wait for servers which may never answer can go here.
                return state.endpoints.filter { !$0.isGreeted }.flatMap { $0.slots.compactMap(\.connection) }
            case .leaving(let isStopping):
                state.leaving.append(connection)
                if isStopping {
                    state.endpoints[index].expectedUntil = .now() + configuration.restartWindow.timeAmount
                }
                let reason = isStopping ? "is stopping" : "closed a connection without calls"
                state.endpoints[index].lost(
                    slot, CallError(.unavailable, "\(state.endpoints[index].address) \(reason)"), configuration)
            case .ended(let error):
                state.endpoints[index].lost(slot, error, configuration)
            }
            return []
        }
        for connection in handingBack { connection.handBack() }
    }

    /// Why nobody can be reached, naming every server.
    func unreachable() -> CallError {
        let endpoints = state.withLockedValue { state in
            state.endpoints.map { ($0.address, $0.lastError) }
        }
        if endpoints.count == 1, let error = endpoints[0].1 { return error }
        let reasons = endpoints.prefix(8).map { address, error in
            error?.message ?? "\(address) could not be reached a moment ago"
        }
        let more = endpoints.count > 8 ? "; and \(endpoints.count - 8) more" : ""
        return CallError(
            .unavailable, "no server can be reached: \(reasons.joined(separator: "; "))\(more)",
            cause: endpoints.first?.1?.cause)
    }

    // MARK: - Health

    /// One greeted connection of each server that has one.
    func greetedConnections() -> [(endpoint: Int, connection: ClientConnection)] {
        state.withLockedValue { state in
            state.endpoints.indices.compactMap { index in
                for case .ready(let connection) in state.endpoints[index].slots { return (index, connection) }
                return nil
            }
        }
    }

    /// Notes what Health said on a connection.
    func note(_ trouble: EndpointState.Trouble, of endpoint: Int, on connection: ClientConnection) {
        state.withLockedValue { state in
            guard state.endpoints[endpoint].slot(of: connection) != nil else { return }
            state.endpoints[endpoint].trouble = trouble
            state.update()
        }
    }
}
