import HerdBackends
import HerdClient
import HerdFrames
import HerdMessages
import HerdServer
import HerdStore
package import HerdTransport
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The router as a process: its server, its connections to scorer, refiner and models, its store.
package final class RouterProcess: Service, Reloadable {
    private let router: RouterService
    let server: HerdServer
    private let scorer: HerdClient
    private let refiner: HerdClient
    let access: HerdAccess
    private let tokens: TokenService
    private let audit: AuditLog
    private let credentials: ProcessCredentials
    /// Shared by the server and the connections to scorer and refiner: a call that asks one of them goes out on the
    /// event loop it came in on.
    private let eventLoops: MultiThreadedEventLoopGroup

    /// Opens the store and registers every method.
    ///
    /// - Parameter local: the scorer, where that is in this process.
    /// - Throws: `ConfigurationError`, `StoreError`.
    package init(
        _ configuration: HerdConfiguration, credentials: ProcessCredentials? = nil, scorer local: LocalScorer? = nil,
        logger: Logger
    ) async throws {
        let credentials = try credentials ?? ProcessCredentials(configuration)
        self.credentials = credentials
        let listening = try ServerConfiguration(
            listen: configuration.router.listen, limits: configuration.server, credentials: credentials)
        let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: max(1, listening.eventLoops))
        self.eventLoops = eventLoops
        server = HerdServer(name: "router", configuration: listening, logger: logger, eventLoopGroup: eventLoops)
        var client = ClientConfiguration()
        client.name = "router"
        // While the scorer or the refiner is away a fallback now is better than a prediction or a refinement later; what
        // has no fallback says how long it waits.
        (client.retryWindow, client.restartWindow) = (.zero, .zero)
        client.maximumBackoff = .milliseconds(250)
        credentials.apply(to: &client)
        scorer = HerdClient(
            address: try HerdConfiguration.address(configuration.router.scorerAddress), configuration: client,
            eventLoopGroup: eventLoops)
        refiner = HerdClient(
            address: try HerdConfiguration.address(configuration.router.refinerAddress), configuration: client,
            eventLoopGroup: eventLoops)
        let directory = TokenDirectory()
        router = try await RouterService(
            configuration.router, scorer: scorer, local: local, refiner: refiner, hosts: EventLoopHosts(eventLoops),
            directory: directory, logger: logger)
        let access = HerdAccess(
            tokens: directory, credential: credentials.service,
            certificates: try CertificateRules(configuration.access.clientCertificates), tls: credentials.tls)
        self.access = access
        let routerGuard = credentials.routerGuard
        tokens = try TokenService(store: router.store, access: access, directory: directory, logger: logger) {
            routerGuard?.set(true)
        }
        routerGuard?.set(access.isGuarded)
        audit = try await AuditLog(
            store: router.store, maxEntries: configuration.router.auditMaxEntries, logger: logger)
        server.keepCalls(by: audit)
        server.authorize(access)
        access.watch { [weak server] in server?.recheckAccess() }
        register()
    }

    /// Listens, and gives the addresses.
    ///
    /// - Parameter inherited: sockets to listen on, of those of its addresses that they are for.
    /// - Throws: `ConfigurationError` where others could call it without a credential.
    package func start(inheriting inherited: InheritedSockets? = nil) async throws -> [EndpointAddress] {
        do {
            try credentials.checkListening(server, access)
            await router.follower.begin(within: .milliseconds(500))
            return try await server.start(inheriting: inherited)
        } catch {
            await end()
            throw error
        }
    }

    /// Serves until the process is asked to end; then open calls end and everything acknowledged is on disk.
    package func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [router] in await router.run() }
            group.addTask { [router] in await router.follower.run() }
            group.addTask { [router] in await router.runner.pool.run() }
            group.addTask { [router] in await router.publishMeasurements() }
            group.addTask { [upkeep] in await upkeep.run() }
            await server.serve()
            group.cancelAll()
        }
        await end()
    }

    /// Tells those who operate it how it does.
    func report(to monitor: MonitoringServer?) {
        let (server, router, upkeep) = (server, router, upkeep)
        monitor?.report(
            MonitoringServer.Report(readiness: { server.readiness }) { writer in
                server.writeMetrics(to: &writer)
                router.writeMetrics(to: &writer)
                upkeep.writeMetrics(to: &writer)
                ProcessMetrics.write(to: &writer)
                TakeOverMetrics.write(to: &writer)
            })
    }

    /// Takes a new configuration; see `Reloadable`.
    func prepare(_ new: HerdConfiguration) throws(ConfigurationError) -> @Sendable () -> Void {
        let common = try credentials.prepare(new, server, access)
        let (router, audit) = (router, audit)
        let names = new.access.clientCertificates.joined(separator: ", ")
        return { [access] in
            let before = access.certificates
            common()
            // The log names every key; who may do what is worth an entry.
            if access.certificates != before { audit.note("SIGHUP access.client_certificates", subject: names) }
            router.use(new.router)
            audit.bound(maxEntries: new.router.auditMaxEntries)
        }
    }

    private var upkeep: AccessUpkeep {
        AccessUpkeep(access: access, tls: credentials.tls, logger: server.logger)
    }

    private func end() async {
        scorer.close()
        refiner.close()
        await router.runner.pool.shutDown()
        await router.ledger.flush()
        await router.store.close()
        // Handlers that do not heed their cancellation would be left without an event loop to answer on.
        if server.runningCallCount == 0 { try? await eventLoops.shutdownGracefully() }
    }

    private func register() {
        let (router, upkeep) = (router, upkeep)
        server.reportStatus {
            ServiceStatus(
                degradedReasons: router.degradedReasons,
                figures: router.figures.merging(upkeep.figures) { own, _ in own }, facts: router.facts)
        }
        server.unary(
            Router.route, shortcut: { request, tenant, reply in router.routePacked(request, tenant: tenant, reply) }
        ) { request, context in
            // Every decision keeps its tenant.
            if !context.tenant.isEmpty { try Check.name(context.tenant, field: "the metadata 'tenant'") }
            return try router.routeCached(request, tenant: context.tenant)
        } _: { request, context in
            if !context.tenant.isEmpty { try Check.name(context.tenant, field: "the metadata 'tenant'") }
            return try await answering {
                try await router.route(request, tenant: context.tenant, remaining: context.remaining)
            }
        }
        server.unary(Router.feedback) { request, context in
            try await answering {
                try await router.decisions.feedback(
                    request, tenant: context.principal.tenant, timeMs: WallClock.milliseconds())
            }
        }
        server.unary(Router.getDecision) { request, _ in
            try await answering { try await router.decisions.get(request.decisionId) }
        }
        server.stream(Router.generate, on: .eventLoop, servesOthers: true) { request, context, writer in
            try await router.generate(request, context) { event throws(CallError) in try await writer.send(event) }
        }
        server.stream(Router.complete, on: .eventLoop) { request, context, writer in
            if !context.tenant.isEmpty { try Check.name(context.tenant, field: "the metadata 'tenant'") }
            try await answering {
                var call = try await CompleteCall(request, router: router, context: context, writer: writer)
                try await call.run()
            }
        }
        server.stream(Router.refine, on: .eventLoop) { request, context, writer in
            if !context.tenant.isEmpty { try Check.name(context.tenant, field: "the metadata 'tenant'") }
            try await answering {
                var call = try await RefineCall(request, router: router, context: context) { event throws(CallError) in
                    try await writer.send(event)
                }
                try await call.run()
            }
        }
        registerRegistry()
        registerTokens()
        BackupService(service: "router", store: router.store, others: [("scorer", scorer), ("refiner", refiner)])
            .register(with: server)
        forward("herd.v1.Scorer/", to: scorer, called: "the scorer")
        forward("herd.v1.Refiner/", to: refiner, called: "the refiner")
    }

    /// Callers dial only the router; what is another service's it passes on.
    private func forward(_ prefix: String, to client: HerdClient, called name: String) {
        server.forward(prefix: prefix) { path, payload, context, writer in
            do throws(CallError) {
                return try await client.forward(
                    path: path, payload: payload, timeout: context.remaining, metadata: context.forwardedMetadata,
                    patience: RouterService.patience
                ) { message throws(CallError) in try await writer.send(message) }
            } catch {
                guard error.code == .unavailable, error.metadata[CallError.unavailableKey] == nil else { throw error }
                // The caller does not know the service's address, and need not.
                throw CallError(
                    .unavailable, "\(name) is away; try again once it is back", metadata: error.metadata,
                    cause: error)
            }
        }
    }

    private func registerTokens() {
        let (tokens, audit) = (tokens, audit)
        server.unary(Access.listAudit, on: .pool) { request, _ in try answering { try audit.list(request) } }
        server.unary(Access.createToken) { request, context in
            try await answering { try await tokens.create(request, by: context.principal) }
        }
        server.unary(Access.listTokens, on: .pool) { request, _ in try answering { try tokens.list(request) } }
        server.unary(Access.setTokenLimits) { request, _ in
            try await answering { try await tokens.setLimits(request) }
        }
        let ledger = router.ledger
        server.unary(Access.getUsage, on: .pool) { request, context in
            var request = request
            // Whoever operates the herd sees everybody's.
            if !context.principal.roles.contains(.admin) { request.token = Payer(context).token }
            let allowed = request
            return try await answering { try await ledger.usage(allowed) }
        }
        server.unary(Access.revokeToken) { request, _ in
            try await answering { try await tokens.revoke(request) }
        }
    }

    private func registerRegistry() {
        let registry = router.registry
        server.unary(Registry.putModel, on: .pool) { request, _ in
            try await answering { try await registry.putModel(request) }
        }
        server.unary(Registry.getModel) { request, _ in try answering { try registry.getModel(request) } }
        server.unary(Registry.listModels, on: .pool) { request, _ in try answering { try registry.listModels(request) }
        }
        server.unary(Registry.removeModel, on: .pool) { request, _ in
            try await answering { try await registry.removeModel(request) }
        }
        server.stream(Registry.watchModels, endsWithDrain: true) { _, _, writer in
            try await answering { try await registry.watchModels { event in try await writer.send(event) } }
        }
        server.unary(Registry.putPolicy, on: .pool) { request, _ in
            try await answering { try await registry.putPolicy(request) }
        }
        server.unary(Registry.getPolicy) { request, _ in try answering { try registry.getPolicy(request) } }
        server.unary(Registry.listPolicies, on: .pool) { request, _ in
            try answering { try registry.listPolicies(request) }
        }
        server.unary(Registry.removePolicy, on: .pool) { request, _ in
            try await answering { try await registry.removePolicy(request) }
        }
    }
}
