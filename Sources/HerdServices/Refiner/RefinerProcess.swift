import HerdFrames
import HerdMessages
import HerdServer
import HerdStore
package import HerdTransport
package import Logging
import ServiceLifecycle

/// The refiner as a process: its server, its store and its way to the router.
package final class RefinerProcess: Service, Reloadable, RouterCaller {
    private let refiner: RefinerService
    let server: HerdServer
    private let access: HerdAccess
    private let credentials: ProcessCredentials
    let routerLink: RouterLink

    /// Reads the prompts, opens the store and registers every method.
    ///
    /// - Throws: `ConfigurationError`, `StoreError`.
    package init(
        _ configuration: HerdConfiguration, credentials: ProcessCredentials? = nil, logger: Logger
    ) async throws {
        let credentials = try credentials ?? ProcessCredentials(configuration)
        self.credentials = credentials
        server = HerdServer(
            name: "refiner",
            configuration: try ServerConfiguration(
                listen: configuration.refiner.listen, limits: configuration.server, credentials: credentials),
            logger: logger)
        routerLink = try RouterLink(
            caller: "refiner", address: configuration.refiner.routerAddress, credentials: credentials)
        access = try credentials.accessBehindTheRouter(configuration)
        server.authorize(access)
        server.keepCalls(by: OperationLog(logger: logger))
        refiner = try await RefinerService(configuration.refiner, routerLink: routerLink, logger: logger)
        register()
    }

    /// Listens, and gives the addresses.
    ///
    /// - Parameter inherited: sockets to listen on, of those of its addresses that they are for.
    /// - Throws: `ConfigurationError` where others could call it without a credential.
    package func start(inheriting inherited: InheritedSockets? = nil) async throws -> [EndpointAddress] {
        try credentials.checkListening(server, access)
        return try await server.start(inheriting: inherited)
    }

    /// Calls models through the router at this address, which was not known at the start.
    package func use(router address: EndpointAddress) {
        routerLink.use(address)
    }

    /// Serves until the process is asked to end; then open calls end and every transcript is on disk.
    package func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [refiner] in await refiner.sweep() }
            group.addTask { [upkeep] in await upkeep.run() }
            await server.serve()
            group.cancelAll()
        }
        routerLink.close()
        await refiner.store.close()
    }

    /// Tells those who operate it how it does.
    func report(to monitor: MonitoringServer?) {
        let (server, refiner, upkeep) = (server, refiner, upkeep)
        monitor?.report(
            MonitoringServer.Report(readiness: { server.readiness }) { writer in
                server.writeMetrics(to: &writer)
                refiner.writeMetrics(to: &writer)
                upkeep.writeMetrics(to: &writer)
                ProcessMetrics.write(to: &writer)
                TakeOverMetrics.write(to: &writer)
            })
    }

    /// Takes a new configuration; see `Reloadable`.
    func prepare(_ new: HerdConfiguration) throws(ConfigurationError) -> @Sendable () -> Void {
        let common = try credentials.prepare(new, server, access)
        let (prompts, judge) = try ConfigurationFiles.refinementPrompts(new.refiner.promptsDir)
        let refiner = refiner
        return {
            common()
            refiner.use(prompts, judge, TranscriptTable.Limits(new.refiner))
        }
    }

    private var upkeep: AccessUpkeep { AccessUpkeep(access: access, tls: credentials.tls, logger: server.logger) }

    private func register() {
        access.watch { [weak server] in server?.recheckAccess() }
        let (refiner, transcripts, upkeep) = (refiner, refiner.transcripts, upkeep)
        server.reportStatus {
            ServiceStatus(
                degradedReasons: StoreFigures.degradedReasons(refiner.store),
                figures: refiner.figures.merging(upkeep.figures) { own, _ in own },
                facts: refiner.facts)
        }
        server.stream(Refiner.refine) { request, context, writer in
            try await refiner.refine(request, context) { event throws(CallError) in try await writer.send(event) }
        }
        server.stream(Refiner.getTranscript) { request, context, writer in
            try await answering {
                try await transcripts.get(
                    request.transcriptId, tenant: context.tenant, nowMs: WallClock.milliseconds()
                ) { step in try await writer.send(step) }
            }
        }
        server.unary(Refiner.listTranscripts, on: .pool) { request, context in
            try await answering {
                try await transcripts.list(
                    request.page, tenant: context.tenant, nowMs: WallClock.milliseconds())
            }
        }
        server.unary(Refiner.deleteTranscript) { request, context in
            try await answering {
                try await transcripts.delete(request.transcriptId, tenant: context.tenant)
                return DeleteTranscriptResponse()
            }
        }
        BackupService(service: "refiner", store: refiner.store).register(with: server)
    }
}
