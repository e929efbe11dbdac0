import Glibc
import HerdMessages
import HerdTransport
import Logging
import ServiceLifecycle
import UnixSignals

/// What one `herdd` runs.
package enum HerdRole: String, Sendable, CaseIterable {
    case router
    case scorer
    case refiner
    /// All three in one process; they talk over loopback, but the router has prompts predicted without a call.
    case all
}

/// Runs the services of a role until SIGTERM or SIGINT.
package enum HerdProcess {
    /// - Parameters:
    ///   - readyFile: where to write, once everything listens, a JSON object of service to addresses; nil for nowhere.
    /// - Throws: `ConfigurationError`, `StoreError`, `EmbeddingTableError`, or why an address can't be bound.
    package static func run(_ role: HerdRole, configuration: HerdConfiguration, readyFile: String?) async throws {
        // A peer that hangs up must not end the process.
        signal(SIGPIPE, SIG_IGN)
        MessageMemory.keepSmall()
        // One that an earlier process left names addresses nobody listens on.
        if let readyFile { unlink(readyFile) }
        var configuration = configuration
        var services: [any Service] = []
        var addresses: [(String, [EndpointAddress])] = []
        var routerCallers: [any RouterCaller] = []
        if role == .all {
            // The three know each other, wherever they listen.
            (configuration.scorer.routerAddress, configuration.refiner.routerAddress) = ("", "")
        }
        var localScorer: LocalScorer?
        if role == .all || role == .scorer {
            let scorer = try ScorerProcess(configuration, logger: Logger(label: "scorer"))
            let bound = try await scorer.start()
            services.append(scorer)
            routerCallers.append(scorer)
            addresses.append(("scorer", bound))
            localScorer = scorer.local
            if role == .all, let first = bound.first { configuration.router.scorerAddress = first.description }
        }
        if role == .all || role == .refiner {
            let refiner = try await RefinerProcess(configuration, logger: Logger(label: "refiner"))
            let bound = try await refiner.start()
            services.append(refiner)
            routerCallers.append(refiner)
            addresses.append(("refiner", bound))
            if role == .all, let first = bound.first { configuration.router.refinerAddress = first.description }
        }
        if role == .all || role == .router {
            let router = try await RouterProcess(configuration, scorer: localScorer, logger: Logger(label: "router"))
            let bound = try await router.start()
            services.append(router)
            addresses.append(("router", bound))
            if let first = bound.first { for caller in routerCallers { caller.routerLink.use(first) } }
        }
        // A service of its own, because the group catches signals before its services run: whoever reads the file may
        // send SIGTERM at once.
        if let readyFile { services.append(ReadyFile(path: readyFile, addresses: addresses)) }
        // In a group services end in the reverse of this order: the router before those it asks.
        // A service that was drained by a call ends the process as cleanly as a signal does.
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
                gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "herdd")))
        try await group.run()
    }
}
