import Glibc
import HerdMessages
import HerdServer
import HerdStore
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
    ///   - load: loads the configuration anew, for SIGHUP; nil leaves the signal alone.
    /// - Throws: `ConfigurationError`, `StoreError`, `EmbeddingTableError`, `TakeOverFailure`, or why an address can't be
    ///   bound.
    package static func run(
        _ role: HerdRole, configuration: HerdConfiguration, readyFile: String?,
        load: (@Sendable () async throws -> HerdConfiguration)? = nil
    ) async throws {
        // A peer that hangs up must not end the process.
        signal(SIGPIPE, SIG_IGN)
        MessageMemory.keepSmall()
        // From now on SIGHUP does not end the process, which may wait for another one to end, and waits until there is
        // something to reload.
        let hangups = load == nil ? nil : await UnixSignalsSequence(trapping: .sighup)
        let beginning = try await Beginning.make(role, configuration, readyFile: readyFile)
        // One that an earlier process left names addresses nobody listens on; one that runs keeps its own.
        if let readyFile, !TakeOver.stores(role, configuration).contains(where: StoreFolder.isOpen) {
            unlink(readyFile)
        }
        let monitors = try await ProcessMonitors.start(role, configuration, inheriting: beginning.sockets)
        do {
            try await serve(
                role, configuration: configuration, beginning, monitors: monitors, readyFile: readyFile, load: load,
                hangups: hangups)
        } catch {
            await monitors.stop()
            throw error
        }
    }

    private static func serve(
        _ role: HerdRole, configuration loaded: HerdConfiguration, _ beginning: Beginning, monitors: ProcessMonitors,
        readyFile: String?, load: ReloadSignal.Load?, hangups: UnixSignalsSequence?
    ) async throws {
        var configuration = loaded
        var services: [any Service] = [monitors]
        var servers: [any Bequeathing] = monitors.all
        let inherited = beginning.sockets
        var reloadables: [any Reloadable] = []
        var addresses = monitors.addresses
        var routerCallers: [any RouterCaller] = []
        let credentials = try ProcessCredentials.of(role, configuration)
        if role == .all {
            // The three know each other, wherever they listen.
            (configuration.scorer.routerAddress, configuration.refiner.routerAddress) = ("", "")
        }
        var localScorer: LocalScorer?
        var routerAccess: HerdAccess?
        if role == .all || role == .scorer {
            let scorer = try ScorerProcess(configuration, credentials: credentials, logger: Logger(label: "scorer"))
            scorer.report(to: monitors[.scorer])
            let (link, told) = credentials.split(try await scorer.start(inheriting: inherited))
            services.append(scorer)
            servers.append(scorer.server)
            reloadables.append(scorer)
            routerCallers.append(scorer)
            localScorer = scorer.local
            addresses.append(("scorer", told))
            if role == .all, let link { configuration.router.scorerAddress = link.description }
        }
        if role == .all || role == .refiner {
            let refiner = try await RefinerProcess(
                configuration, credentials: credentials, logger: Logger(label: "refiner"))
            refiner.report(to: monitors[.refiner])
            let (link, told) = credentials.split(try await refiner.start(inheriting: inherited))
            services.append(refiner)
            servers.append(refiner.server)
            reloadables.append(refiner)
            routerCallers.append(refiner)
            addresses.append(("refiner", told))
            if role == .all, let link { configuration.router.refinerAddress = link.description }
        }
        if role == .all || role == .router {
            let router = try await RouterProcess(
                configuration, credentials: credentials, scorer: localScorer, logger: Logger(label: "router"))
            router.report(to: monitors[.router])
            let (link, told) = credentials.split(try await router.start(inheriting: inherited))
            services.append(router)
            servers.append(router.server)
            routerAccess = router.access
            reloadables.append(router)
            addresses.append(("router", told))
            if let link { for caller in routerCallers { caller.routerLink.use(link) } }
        }
        if let load, let hangups {
            services.append(
                ReloadSignal(
                    hangups, role, loaded, load: load, services: reloadables, logger: Logger(label: "herdd")))
        }
        try beginning.closeRest()
        // The last one is the router's, where there is one.
        var predecessor: Predecessor?
        if let front = servers.last as? HerdServer {
            let guardedBy = routerAccess
            let made = Predecessor(
                role: role, folder: TakeOver.folder(role, loaded), servers: servers, front: front,
                isGuarded: { guardedBy?.isGuarded ?? false }, logger: Logger(label: "herdd"))
            services.append(made)
            predecessor = made
        }
        // A service of its own, because the group catches signals before its services run: whoever reads the file may
        // send SIGTERM at once.
        if let readyFile { services.append(ReadyFile(path: readyFile, addresses: addresses)) }
        services.append(SupervisedService())
        // In a group services end in the reverse of this order: the router before those it asks.
        // A service that was drained by a call ends the process as cleanly as a signal does.
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
                gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "herdd")))
        // Whoever takes over waits for the stores, in whatever way they were closed.
        defer { predecessor?.release() }
        try await group.run()
    }
}
