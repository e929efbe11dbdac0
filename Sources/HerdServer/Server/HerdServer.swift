import NIOConcurrencyHelpers
import HerdFrames
import HerdMessages
package import HerdTransport
package import Logging
package import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Serves registered methods, and Admin, on all its addresses.
///
/// Register everything, then `run` it in a `ServiceGroup`, or `start` it and `stop` it by hand. A server is started
/// once.
package final class HerdServer: Service {
    /// What the process calls itself: `router`, `scorer` or `refiner`.
    package let name: String
    package var configuration: ServerConfiguration { configured.withLockedValue { $0 } }
    private let configured: NIOLockedValueBox<ServerConfiguration>
    private let timeouts: CallTimeouts
    package let logger: Logger
    /// The event loops its connections run on; clients in the same process best share them.
    package let eventLoopGroup: any EventLoopGroup
    let startTime = NIODeadline.now()
    let connectionStatistics = ConnectionStatistics()
    let listenerStatistics = ListenerStatistics()
    let refusals = RefusalStatistics()
    let memory = FreeMemory()
    /// Of all calls that run as tasks.
    let requestMemory: RequestMemory
    let callerMemories: CallerMemories
    /// Before streams, watches excepted.
    let streamGate = StreamGate()
    /// From a request's last byte to the start of its handler, of calls that run as tasks.
    let queueDelay: DurationHistogram
    let pressures: LoopPressures
    /// Calls of methods that there are not.
    let unknownMethods: MethodCounters
    /// How many event loops its connections run on.
    let eventLoopCount: Int
    /// The number of each of them.
    private let shards: [ObjectIdentifier: Int]
    private let shed = Atomic<UInt64>(0)
    private let ownsEventLoopGroup: Bool
    private let state = NIOLockedValueBox(State())
    private let runningCalls = Atomic<Int>(0)
    /// Where nobody ever has to go.
    let unchanging = AccessGeneration()

    /// Who is let in; nil for everybody.
    var access: (any AccessControl)? { state.withLockedValue { $0.access } }

    private struct State {
        var registry = MethodRegistry()
        var access: (any AccessControl)?
        var audit: (any AuditRecorder)?
        var status: (@Sendable () -> ServiceStatus)?
        var phase = Phase.idle
        var listeners: [Listener] = []
        /// Whether another process goes on to listen on the files of Unix sockets.
        var leavesSocketFiles = false
        /// May be fewer than configured, where the process may not open so many files.
        var connections = ConnectionTable<ServerConnection>()
        var drainTimeout: TimeAmount?
        /// Waits until nothing listens and nobody is connected.
        var stopped: [UnsafeContinuation<Void, Never>] = []
    }

    private struct Listener {
        let channel: any Channel
        let configured: EndpointAddress
        let isSupervised: Bool
        /// Whether it is for the rest of the process alone.
        let isInternal: Bool
    }

    enum Phase {
        case idle
        case running
        case draining
        case stopped
    }

    /// - Parameters:
    ///   - name: What it calls itself in Health, Status and HELLO.
    ///   - eventLoopGroup: Event loops that the caller shuts down later; nil makes `configuration.eventLoops` of them.
    package init(
        name: String, configuration: ServerConfiguration = ServerConfiguration(), logger: Logger,
        eventLoopGroup: (any EventLoopGroup)? = nil
    ) {
        self.name = name
        configured = NIOLockedValueBox(configuration)
        timeouts = CallTimeouts(configuration)
        self.logger = logger
        ownsEventLoopGroup = eventLoopGroup == nil
        self.eventLoopGroup =
            eventLoopGroup ?? MultiThreadedEventLoopGroup(numberOfThreads: max(1, configuration.eventLoops))
        let loops = Array(self.eventLoopGroup.makeIterator())
        eventLoopCount = loops.count
        shards = Dictionary(
            loops.enumerated().map { (ObjectIdentifier($1), $0) }, uniquingKeysWith: { first, _ in first })
        queueDelay = DurationHistogram(shards: loops.count)
        requestMemory = RequestMemory(limit: ServerConfiguration.maximumRequestBytes)
        callerMemories = CallerMemories(within: requestMemory)
        pressures = LoopPressures(loops: loops.count)
        unknownMethods = MethodCounters(shards: loops.count)
        registerAdmin()
    }

    /// Puts other time-outs and limits in force: the time-outs of calls and of a drain, and the number of connections, for
    /// everybody; what holds for a connection, for those that come from now on. Addresses, TLS and event loops stay.
    package func reconfigure(_ change: (inout ServerConfiguration) -> Void) {
        let configuration = configured.withLockedValue { configuration in
            change(&configuration)
            return configuration
        }
        timeouts.use(configuration)
        let allowed = allowedConnections()
        state.withLockedValue { $0.connections.maximum = allowed }
    }

    /// Where what happens on an event loop is counted.
    func shard(of eventLoop: any EventLoop) -> Int { shards[ObjectIdentifier(eventLoop)] ?? 0 }

    /// Counts calls that were turned away because of overload; each is recorded with its method besides.
    package func noteShed(_ calls: UInt64 = 1) { shed.wrappingAdd(calls, ordering: .relaxed) }

    var shedCalls: UInt64 { shed.load(ordering: .relaxed) }

    var progress: Phase { state.withLockedValue { $0.phase } }

    /// Where it listens; empty before it has started.
    package var boundAddresses: [EndpointAddress] {
        state.withLockedValue { $0.listeners }.compactMap { EndpointAddress(boundTo: $0.channel) }
    }

    // MARK: - Before it starts

    /// Sets the check of every connection's HELLO: who it is, or an error, UNAUTHENTICATED most often. Without one
    /// everybody is let in as nobody. It runs on the event loop and must not block.
    package func authorize(_ check: @escaping HelloCheck) {
        authorize(HelloCheckAccess(check: check))
    }

    /// Sets who is let in and what they may do; as the check of HELLO above, which may do everything.
    package func authorize(_ access: any AccessControl) {
        state.withLockedValue { $0.access = access }
    }

    /// Sets what keeps the calls that change something.
    package func keepCalls(by audit: any AuditRecorder) {
        state.withLockedValue { $0.audit = audit }
    }

    /// Looks again at everybody who is connected, and ends the connections of those who have to go.
    package func recheckAccess() {
        for connection in state.withLockedValue({ $0.connections.all }) {
            connection.eventLoop.execute { connection.recheckAccess() }
        }
    }

    /// Sets what Health and Status report of the service itself. It runs on the event loop and must not block.
    package func reportStatus(_ status: @escaping @Sendable () -> ServiceStatus) {
        state.withLockedValue { $0.status = status }
    }

    func register(_ change: (inout MethodRegistry) -> Void) {
        state.withLockedValue { state in
            precondition(state.phase == .idle, "methods are registered before the server starts")
            change(&state.registry)
        }
    }

    // MARK: - Running

    /// Starts, then does what `serve` does.
    package func run() async throws {
        try await start()
        await serve()
    }

    /// Serves, once started, until the group shuts down gracefully, the task is cancelled or `stop` is called, then ends
    /// open calls within the drain time-out.
    package func serve() async {
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await untilStopped()
            } onGracefulShutdown: {
                self.beginDrain(timeout: self.configuration.drainTimeout.timeAmount)
            }
        } onCancel: {
            self.beginDrain(timeout: .zero)
        }
    }

    /// Listens on all addresses and returns those it is bound to, in the order of the configuration, the plain ones last.
    ///
    /// Throws what the system says where an address cannot be bound; then it listens nowhere.
    ///
    /// - Parameter inherited: sockets to use for those of its addresses that they are for.
    @discardableResult
    package func start(inheriting inherited: InheritedSockets? = nil) async throws -> [EndpointAddress] {
        let methods = state.withLockedValue { state in
            precondition(state.phase == .idle, "a server is started once")
            state.phase = .running
            state.connections.maximum = allowedConnections()
            if let audit = state.audit { state.registry.keepCalls(by: audit) }
            return state.registry.tables(state.access.map { access in { access.roles(for: $0) } })
        }
        var addresses: [EndpointAddress] = []
        do {
            for address in configuration.addresses {
                let tls = if case .network = address { configuration.tls } else { nil as ServerTLS? }
                let socket = inherited?.take(address, for: name)
                addresses.append(try await listen(on: address, methods, tls, inherited: socket))
            }
            for address in configuration.plainAddresses {
                addresses.append(try await listen(on: address, methods, nil, isInternal: true))
            }
        } catch {
            await stop(timeout: .zero)
            throw error
        }
        logger.info("listening", metadata: ["addresses": "\(addresses.map(\.description).joined(separator: ", "))"])
        return addresses
    }

    /// Returns the address it is bound to.
    ///
    /// - Parameter configured: The address as the configuration has it, where it has been bound before.
    private func listen(
        on address: EndpointAddress, _ methods: MethodTables, _ tls: ServerTLS?, configured: EndpointAddress? = nil,
        inherited: ListeningSocket? = nil, isInternal: Bool = false
    ) async throws -> EndpointAddress {
        var options = EndpointAddress.ListeningOptions()
        options.unixMode = configuration.unixSocketMode
        options.isIPv6Only = configuration.addresses.contains { address.overlaps($0) }
        options.acceptFailed = { [listenerStatistics, logger] in listenerStatistics.acceptFailed($0, logger) }
        options.inherited = inherited
        options.leavesFile = { [state] in state.withLockedValue(\.leavesSocketFiles) }
        let channel: any Channel
        do {
            channel = try await address.bind(bootstrap(methods, tls), options, eventLoop: eventLoopGroup.any()).get()
        } catch {
            throw ListenFailure(address: address, cause: error)
        }
        let bound = EndpointAddress(boundTo: channel) ?? address
        let listener = Listener(
            channel: channel, configured: configured ?? address, isSupervised: inherited?.isSupervised ?? false,
            isInternal: isInternal)
        let isWanted = state.withLockedValue { state in
            state.listeners.append(listener)
            return state.phase == .running
        }
        channel.closeFuture.whenComplete { _ in
            self.remove(listener: channel)
            self.listenAgain(on: bound, methods, tls, listener)
        }
        if !isWanted { channel.close(promise: nil) }
        return bound
    }

    /// A listener that the system closed, not the server, is replaced.
    private func listenAgain(
        on address: EndpointAddress, _ methods: MethodTables, _ tls: ServerTLS?, _ closed: Listener
    ) {
        let isRunning = { self.state.withLockedValue { $0.phase == .running } }
        guard isRunning() else { return }
        logger.critical("a listener was closed by the system", metadata: ["address": "\(address)"])
        Task {
            while isRunning() {
                do {
                    _ = try await listen(
                        on: address, methods, tls, configured: closed.configured, isInternal: closed.isInternal)
                    return logger.notice("listening again", metadata: ["address": "\(address)"])
                } catch {
                    try? await Task.sleep(for: .seconds(1))
                }
            }
        }
    }

    /// Further descriptors of the sockets it listens on, for a process that is to listen on them too. Not to be called on
    /// an event loop.
    @available(*, noasync)
    package func duplicateListeners() -> [ListeningSocket] {
        state.withLockedValue { $0.listeners }.filter { !$0.isInternal }.compactMap {
            ListeningSocket(duplicating: $0.channel, configured: $0.configured, isSupervised: $0.isSupervised)
        }
    }

    /// From now on streams that have not begun wait, for `resumeStreams` or, turned away as not started, for the end; those
    /// that run go on, and so do unary calls and watches.
    package func holdStreams() { streamGate.hold() }

    /// Lets the streams that wait begin.
    package func resumeStreams() { streamGate.open() }

    /// Streams that run, and those that wait, watches excepted.
    package var streamCounts: (running: Int, waiting: Int) { (streamGate.running, streamGate.waiting) }

    /// Has the files of Unix sockets stay when it stops, because another process listens on them.
    package func leaveSocketFiles() {
        state.withLockedValue { $0.leavesSocketFiles = true }
    }

    /// Stops listening, tells the clients, lets open calls end for `timeout` (nil: the configured one), closes.
    package func stop(timeout: Duration? = nil) async {
        beginDrain(timeout: (timeout ?? configuration.drainTimeout).timeAmount)
        await untilStopped()
    }

    /// Begins what `stop` does and returns at once.
    package func beginDrain(timeout: TimeAmount) {
        let (listeners, connections) = state.withLockedValue { state in
            state.drainTimeout = min(timeout, state.drainTimeout ?? timeout)
            if state.phase == .running || state.phase == .idle { state.phase = .draining }
            return (state.listeners, state.connections.all)
        }
        for listener in listeners { listener.channel.close(promise: nil) }
        for connection in connections {
            connection.eventLoop.execute { connection.drain(timeout: timeout) }
        }
        // Behind the GOAWAYs: whoever hears that a call was not started then knows that the server leaves.
        streamGate.close()
        finishIfStopped()
    }

    private func untilStopped() async {
        await withUnsafeContinuation { continuation in
            let isStopped = state.withLockedValue { state in
                if state.phase == .stopped { return true }
                state.stopped.append(continuation)
                return false
            }
            if isStopped { continuation.resume() }
        }
        // Handlers that do not heed their cancellation would be left without an event loop to answer on.
        guard ownsEventLoopGroup, runningCalls.load(ordering: .acquiring) == 0 else { return }
        try? await eventLoopGroup.shutdownGracefully()
    }

    private func finishIfStopped() {
        let waiters = state.withLockedValue { state -> [UnsafeContinuation<Void, Never>] in
            guard state.phase == .draining, state.listeners.isEmpty, state.connections.isEmpty else { return [] }
            state.phase = .stopped
            let waiters = state.stopped
            state.stopped = []
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    // MARK: - Connections

    private func bootstrap(_ methods: MethodTables, _ tls: ServerTLS?) -> ServerBootstrap {
        ServerBootstrap(group: eventLoopGroup)
            .childChannelOption(.writeBufferWaterMark, value: ServerConnection.waterMark)
            .childChannelOption(.recvAllocator, value: ServerConnection.receiveAllocator)
            .childChannelOption(.maxMessagesPerRead, value: ServerConnection.readsPerTurn)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let connection = self.connection(methods, self.timeouts, channel, tls) else {
                        throw ChannelError.ioOnClosedChannel
                    }
                    try tls?.secure(channel)
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
    }

    /// Serves a connection that somebody else has accepted, without TLS: one in memory, as the fuzzer has.
    ///
    /// - Throws: where there is no room for it.
    package func accept(_ channel: any Channel) throws {
        let methods = state.withLockedValue { state in
            state.phase = state.phase == .idle ? .running : state.phase
            return state.registry.tables(state.access.map { access in { access.roles(for: $0) } })
        }
        guard let connection = connection(methods, timeouts, channel) else { throw ChannelError.ioOnClosedChannel }
        try channel.pipeline.syncOperations.addHandler(connection)
    }

    /// The handler of a new connection; nil where there is no room even to tell it that there is none.
    private func connection(
        _ methods: MethodTables, _ timeouts: CallTimeouts, _ channel: any Channel, _ tls: ServerTLS? = nil
    ) -> ServerConnection? {
        let authorities = tls?.authorityVersion ?? 0
        let peer = channel.remoteAddress.map { $0.ipAddress ?? "unix" } ?? "unknown"
        let dispatcher = ConnectionDispatcher(
            server: self, methods: methods, timeouts: timeouts, peer: peer, logger: logger,
            eventLoop: channel.eventLoop,
            peerCertificate: { [weak channel] in
                channel.flatMap { PeerCertificate(of: $0, authorityVersion: authorities) }
            })
        let connection = ServerConnection(
            dispatcher: dispatcher, limits: limits, name: name, statistics: connectionStatistics,
            pressure: pressure(on: channel.eventLoop), eventLoop: channel.eventLoop)
        let (admission, maximum, drainTimeout) = state.withLockedValue { state in
            (state.connections.add(connection), state.connections.maximum, state.drainTimeout)
        }
        switch admission {
        case .served: break
        case .servedInsteadOf(let other, let isTold):
            listenerStatistics.gaveWay(logger)
            other.eventLoop.execute { other.turnAway(.gaveWay(maximum), isTold: isTold) }
        case .refused:
            listenerStatistics.refused(peer: peer, logger)
            connection.turnAway(.tooManyConnections(maximum))
        case .dropped:
            listenerStatistics.refused(peer: peer, logger)
            return nil
        }
        channel.closeFuture.whenComplete { _ in self.remove(connection) }
        if let drainTimeout {
            channel.eventLoop.execute { connection.drain(timeout: drainTimeout) }
        }
        return connection
    }

    /// What is known of an event loop; nil where nothing is shed.
    private func pressure(on eventLoop: any EventLoop) -> LoopPressure? {
        configuration.maximumQueueDelay.map {
            pressures.pressure(on: eventLoop, shard: shard(of: eventLoop), limit: $0.timeAmount)
        }
    }

    /// As many connections as configured, or as the process may have files open.
    private func allowedConnections() -> Int {
        let wanted = configuration.maximumConnections
        let allowed = min(wanted, OpenFileLimit.raised(to: wanted + ConnectionTable<ServerConnection>.mostEnding))
        if allowed < wanted {
            logger.warning(
                "fewer connections than configured are served, because the process may open too few files",
                metadata: ["configured": "\(wanted)", "served": "\(allowed)", "remedy": "raise ulimit -n"])
        }
        return allowed
    }

    private var limits: ConnectionLimits {
        ConnectionLimits(
            maximumFrameLength: configuration.maximumFrameLength, maximumOpenCalls: configuration.maximumOpenCalls,
            helloTimeout: configuration.helloTimeout.timeAmount, frameTimeout: configuration.frameTimeout.timeAmount,
            keepaliveInterval: configuration.keepaliveInterval.timeAmount,
            keepaliveTimeout: configuration.keepaliveTimeout.timeAmount,
            idleTimeout: configuration.idleTimeout.timeAmount,
            departureTimeout: configuration.drainTimeout.timeAmount)
    }

    private func remove(listener: any Channel) {
        state.withLockedValue { $0.listeners.removeAll { $0.channel === listener } }
        finishIfStopped()
    }

    /// A connection has said HELLO and is let in; false where it was given up for another one already.
    func keeps(_ connection: ServerConnection) -> Bool {
        state.withLockedValue { $0.connections.greeted(connection) }
    }

    private func remove(_ connection: ServerConnection) {
        state.withLockedValue { $0.connections.remove(connection) }
        memory.giveBackSoon(connection.eventLoop)
        finishIfStopped()
    }

    // MARK: - Calls

    func callStarted() {
        runningCalls.wrappingAdd(1, ordering: .relaxed)
    }

    func callEnded() {
        runningCalls.wrappingSubtract(1, ordering: .releasing)
    }

    // MARK: - For Admin

    /// What the service reports of itself, and whether it is being stopped.
    var report: (service: ServiceStatus, isDraining: Bool) {
        let (status, isDraining) = state.withLockedValue { ($0.status, $0.phase != .running) }
        return (status?() ?? ServiceStatus(), isDraining)
    }

    /// Those that are served.
    package var connectionCount: Int { state.withLockedValue { $0.connections.servedCount } }

    var maximumConnections: Int { state.withLockedValue { $0.connections.maximum } }

    /// Calls whose handlers run as tasks.
    package var runningCallCount: Int { runningCalls.load(ordering: .relaxed) }

    var servedMethods: [ServedMethod] { state.withLockedValue { $0.registry }.all }
}
