import HerdServer
import HerdTransport
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The HTTP ports of the services of one process; they open first and close last.
final class ProcessMonitors: Service {
    private let threads: MultiThreadedEventLoopGroup?
    private let servers: [HerdRole: MonitoringServer]
    /// Where each listens, by what the ready file calls it.
    let addresses: [(String, [EndpointAddress])]

    private init(
        threads: MultiThreadedEventLoopGroup?, servers: [HerdRole: MonitoringServer],
        addresses: [(String, [EndpointAddress])]
    ) {
        self.threads = threads
        self.servers = servers
        self.addresses = addresses
    }

    /// Listens for every service of the role.
    ///
    /// - Throws: `ListenFailure`, for an address that somebody has set.
    static func start(
        _ role: HerdRole, _ configuration: HerdConfiguration, inheriting inherited: InheritedSockets
    ) async throws -> ProcessMonitors {
        let wanted: [(HerdRole, HTTPListening)] = [
            (.router, configuration.router.http), (.scorer, configuration.scorer.http),
            (.refiner, configuration.refiner.http),
        ].filter { (role == .all || role == $0.0) && !$0.1.addresses.isEmpty }
        guard !wanted.isEmpty else { return ProcessMonitors(threads: nil, servers: [:], addresses: []) }
        let threads = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var servers: [HerdRole: MonitoringServer] = [:]
        var addresses: [(String, [EndpointAddress])] = []
        do {
            for (role, listening) in wanted {
                let logger = Logger(label: role.rawValue)
                let server = MonitoringServer(service: role.rawValue, logger: logger, eventLoop: threads.any())
                guard let bound = try await listen(server, listening, inherited, logger) else { continue }
                servers[role] = server
                addresses.append(("\(role.rawValue)-http", bound))
            }
        } catch {
            for server in servers.values { await server.stop() }
            try? await threads.shutdownGracefully()
            throw error
        }
        return ProcessMonitors(threads: threads, servers: servers, addresses: addresses)
    }

    /// Nil where it goes without, because another process has the default port.
    private static func listen(
        _ server: MonitoringServer, _ listening: HTTPListening, _ inherited: InheritedSockets, _ logger: Logger
    ) async throws -> [EndpointAddress]? {
        let bound: [EndpointAddress]
        do {
            bound = try await server.start(listening.parsed, inheriting: inherited)
        } catch let error as ListenFailure where listening.isDefault {
            logger.warning(
                "no metrics are served, because their port is taken",
                metadata: ["address": "\(error.address)", "remedy": "set \(listening.key)"])
            return nil
        }
        logger.info(
            "metrics are served over HTTP",
            metadata: ["addresses": "\(bound.map(\.description).joined(separator: ", "))"])
        if let open = bound.first(where: { !ListenPolicy.isLocal($0) }) {
            logger.warning(
                "other machines can read the metrics without a credential", metadata: ["address": "\(open)"])
        }
        return bound
    }

    var all: [MonitoringServer] { Array(servers.values) }

    subscript(role: HerdRole) -> MonitoringServer? { servers[role] }

    /// Serves until everything else has ended.
    func run() async throws {
        try? await gracefulShutdown()
        await stop()
    }

    func stop() async {
        for server in servers.values { await server.stop() }
        try? await threads?.shutdownGracefully()
    }
}
