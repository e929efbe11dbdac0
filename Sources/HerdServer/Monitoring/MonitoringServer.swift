package import HerdTransport
package import Logging
package import NIOCore
import NIOConcurrencyHelpers
import NIOHTTP1
import NIOPosix

/// The HTTP port of one service, for those who operate it: `/metrics`, `/healthz` and `/readyz`.
///
/// It has an event loop of its own, so that whatever is asked of it no call waits for it. It knows no credentials and no TLS.
package final class MonitoringServer: Sendable {
    /// What is told; until it is set the service is starting.
    package struct Report: Sendable {
        package var readiness: @Sendable () -> Readiness
        package var metrics: @Sendable (inout MetricsWriter) -> Void

        package init(
            readiness: @escaping @Sendable () -> Readiness,
            metrics: @escaping @Sendable (inout MetricsWriter) -> Void
        ) {
            self.readiness = readiness
            self.metrics = metrics
        }
    }

    private struct State {
        var report: Report
        var listeners: [(channel: any Channel, configured: EndpointAddress, isSupervised: Bool)] = []
        /// Whether another process goes on to listen on the files of Unix sockets.
        var leavesSocketFiles = false
        /// Each with its number in the order they came.
        var connections: [ObjectIdentifier: (channel: any Channel, number: UInt64)] = [:]
        var accepted: UInt64 = 0
        var rendered: [MetricsWriter.Format: (body: [UInt8], at: NIODeadline)] = [:]
        var isStopped = false
    }

    /// What the service calls itself.
    let service: String
    let limits: MonitoringLimits
    private let logger: Logger
    private let eventLoop: any EventLoop
    private let state: NIOLockedValueBox<State>

    /// - Parameter eventLoop: Runs until `stop` has returned. Metrics are written on it, which may take a millisecond.
    package init(
        service: String, limits: MonitoringLimits = MonitoringLimits(), logger: Logger, eventLoop: any EventLoop
    ) {
        self.service = service
        self.limits = limits
        self.logger = logger
        self.eventLoop = eventLoop
        state = NIOLockedValueBox(
            State(
                report: Report(readiness: { .starting("its store is being opened") }, metrics: { _ in })))
    }

    /// Sets what is told from now on.
    package func report(_ report: Report) {
        state.withLockedValue { state in
            state.report = report
            state.rendered = [:]
        }
    }

    /// Listens on all addresses and returns those it is bound to.
    ///
    /// - Parameter inherited: sockets to use for those of the addresses that they are for.
    /// - Throws: `ListenFailure`; then it listens nowhere.
    package func start(
        _ addresses: [EndpointAddress], inheriting inherited: InheritedSockets? = nil
    ) async throws -> [EndpointAddress] {
        var bound: [EndpointAddress] = []
        do {
            for address in addresses {
                let inherited = inherited?.take(address, for: listenerName)
                let isIPv6Only = addresses.contains { address.overlaps($0) }
                bound.append(try await listen(on: address, inherited, isIPv6Only: isIPv6Only))
            }
        } catch {
            await stop()
            throw error
        }
        return bound
    }

    /// What its sockets are called where they go from process to process.
    package var listenerName: String { "\(service)-http" }

    /// Further descriptors of the sockets it listens on; as those of `HerdServer`.
    @available(*, noasync)
    package func duplicateListeners() -> [ListeningSocket] {
        state.withLockedValue { $0.listeners }.compactMap {
            ListeningSocket(duplicating: $0.channel, configured: $0.configured, isSupervised: $0.isSupervised)
        }
    }

    /// As that of `HerdServer`.
    package func leaveSocketFiles() {
        state.withLockedValue { $0.leavesSocketFiles = true }
    }

    private func listen(
        on address: EndpointAddress, _ inherited: ListeningSocket?, isIPv6Only: Bool
    ) async throws -> EndpointAddress {
        var options = EndpointAddress.ListeningOptions()
        options.backlog = 64
        options.inherited = inherited
        options.isIPv6Only = isIPv6Only
        options.leavesFile = { [state] in state.withLockedValue(\.leavesSocketFiles) }
        let bootstrap = ServerBootstrap(group: eventLoop)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4 << 10))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.accept(channel) }
            }
        let channel: any Channel
        do {
            channel = try await address.bind(bootstrap, options, eventLoop: eventLoop).get()
        } catch {
            throw ListenFailure(address: address, cause: error)
        }
        let isWanted = state.withLockedValue { state in
            state.listeners.append((channel, address, inherited?.isSupervised ?? false))
            return !state.isStopped
        }
        if !isWanted { channel.close(promise: nil) }
        return EndpointAddress(boundTo: channel) ?? address
    }

    /// Serves a connection; the oldest is closed for it where there are too many.
    package func accept(_ channel: any Channel) throws {
        let id = ObjectIdentifier(channel)
        let (isTaken, oldest): (Bool, (any Channel)?) = state.withLockedValue { state in
            guard !state.isStopped else { return (false, nil) }
            var oldest: (any Channel)?
            if state.connections.count >= limits.maximumConnections,
                let first = state.connections.min(by: { $0.value.number < $1.value.number })
            {
                oldest = first.value.channel
                state.connections[first.key] = nil
            }
            state.accepted += 1
            state.connections[id] = (channel, state.accepted)
            return (true, oldest)
        }
        guard isTaken else { throw ChannelError.ioOnClosedChannel }
        // Without a word: whoever opens as many does not wait for one. Those who ask are answered within milliseconds.
        oldest?.close(promise: nil)
        let number = state.withLockedValue { $0.connections[id]?.number }
        channel.closeFuture.whenComplete { _ in
            self.state.withLockedValue { state in
                // Another one may have its place in memory.
                if state.connections[id]?.number == number { state.connections[id] = nil }
            }
        }
        var parsing = NIOHTTPDecoderLimitConfiguration()
        parsing.maxHeaderFieldSize = limits.maximumHeadBytes
        parsing.maxHeaderListSize = limits.maximumHeadBytes
        parsing.maxHeaderFieldCount = limits.maximumHeaderFields
        let handler = MonitoringHandler(server: self)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(RequestHeadLimit(limits.maximumHeadBytes, handler))
        try pipeline.addHandler(
            ByteToMessageHandler(
                HTTPRequestDecoder(
                    leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .drop, limitConfiguration: parsing
                )))
        try pipeline.addHandler(HTTPResponseEncoder())
        try pipeline.addHandler(handler)
    }

    /// Closes everything. May be called more than once.
    package func stop() async {
        let channels = state.withLockedValue { state in
            state.isStopped = true
            return state.listeners.map(\.channel) + state.connections.values.map(\.channel)
        }
        for channel in channels { try? await channel.close().get() }
    }

    // MARK: - For the handlers

    var readiness: Readiness { state.withLockedValue { $0.report }.readiness() }

    /// The metrics, at most a second old: whoever asks more often is no more work.
    func metrics(_ format: MetricsWriter.Format) -> [UInt8] {
        let now = NIODeadline.now()
        let (kept, report) = state.withLockedValue { ($0.rendered[format], $0.report) }
        if let kept, now - kept.at < limits.metricsAge { return kept.body }
        var writer = MetricsWriter(format)
        report.metrics(&writer)
        let body = writer.finish()
        state.withLockedValue { $0.rendered[format] = (body, now) }
        return body
    }
}

/// What the HTTP port takes; every default is stated here.
package struct MonitoringLimits: Sendable {
    /// The most connections at once; the oldest is closed for a new one. Default 64.
    package var maximumConnections = 64
    /// The most requests on one connection, after which it is closed. Default 1,000.
    package var maximumRequests = 1_000
    /// The longest request line and header together, in bytes. Default 16 KiB.
    package var maximumHeadBytes = 16 << 10
    /// The most header fields. Default 64.
    package var maximumHeaderFields = 64
    /// How long the first request of a connection may take. Default 10 s.
    package var firstRequestTime = TimeAmount.seconds(10)
    /// How long a connection may wait for its next request, until that is whole. Default 2 min.
    package var idleTime = TimeAmount.minutes(2)
    /// How long the client may take to read an answer. Default 30 s.
    package var answerTime = TimeAmount.seconds(30)
    /// For how long metrics that were written are given again. Default 1 s.
    package var metricsAge = TimeAmount.seconds(1)

    package init() {}
}
