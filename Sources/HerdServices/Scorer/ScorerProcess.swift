import HerdFrames
import HerdMessages
import HerdPrediction
import HerdServer
import HerdStore
package import HerdTransport
package import Logging
import ServiceLifecycle

/// The scorer as a process: its server and its store.
package final class ScorerProcess: Service, Reloadable, RouterCaller {
    private let scorer: ScorerService
    let server: HerdServer
    private let access: HerdAccess
    private let credentials: ProcessCredentials
    let routerLink: RouterLink

    /// Maps the embedding table, opens the store and registers every method.
    ///
    /// - Throws: `ConfigurationError`, `EmbeddingTableError`, `StoreError`.
    package init(
        _ configuration: HerdConfiguration, credentials: ProcessCredentials? = nil, logger: Logger
    ) throws {
        let credentials = try credentials ?? ProcessCredentials(configuration)
        self.credentials = credentials
        server = HerdServer(
            name: "scorer",
            configuration: try ServerConfiguration(
                listen: configuration.scorer.listen, limits: configuration.server, credentials: credentials),
            logger: logger)
        routerLink = try RouterLink(
            caller: "scorer", address: configuration.scorer.routerAddress, credentials: credentials)
        access = try credentials.accessBehindTheRouter(configuration)
        server.authorize(access)
        server.keepCalls(by: OperationLog(logger: logger))
        scorer = try ScorerService(
            configuration.scorer, table: try EmbeddingTable(mapping: try Self.table(configuration)), link: routerLink,
            logger: logger)
        register()
    }

    /// The path of the embedding table.
    static func table(_ configuration: HerdConfiguration) throws(ConfigurationError) -> String {
        let path = configuration.embeddingTable.isEmpty ? ResourceLocator.locate() : configuration.embeddingTable
        guard let path else {
            throw ConfigurationError(
                "the embedding table was not found beside or above the program; set embedding.table, or the folder "
                    + "that holds embedding/ in HERD_RESOURCES")
        }
        return path
    }

    /// For a router in this process.
    package var local: LocalScorer { LocalScorer { [scorer] request in try answering { try scorer.predict(request) } } }

    /// Listens, and gives the addresses.
    ///
    /// - Parameter inherited: sockets to listen on, of those of its addresses that they are for.
    /// - Throws: `ConfigurationError` where others could call it without a credential.
    package func start(inheriting inherited: InheritedSockets? = nil) async throws -> [EndpointAddress] {
        try credentials.checkListening(server, access)
        return try await server.start(inheriting: inherited)
    }

    /// Serves until the process is asked to end; then open calls end and everything acknowledged is on disk.
    package func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [upkeep] in await upkeep.run() }
            await server.serve()
            group.cancelAll()
        }
        routerLink.close()
        await scorer.store.close()
    }

    /// Tells those who operate it how it does.
    func report(to monitor: MonitoringServer?) {
        let (server, scorer, upkeep) = (server, scorer, upkeep)
        monitor?.report(
            MonitoringServer.Report(readiness: { server.readiness }) { writer in
                server.writeMetrics(to: &writer)
                scorer.writeMetrics(to: &writer)
                upkeep.writeMetrics(to: &writer)
                ProcessMetrics.write(to: &writer)
                TakeOverMetrics.write(to: &writer)
            })
    }

    /// Takes a new configuration; see `Reloadable`.
    func prepare(_ new: HerdConfiguration) throws(ConfigurationError) -> @Sendable () -> Void {
        let common = try credentials.prepare(new, server, access)
        let prompt = try ConfigurationFiles.judgePrompt(new.scorer.promptsDir)
        let scorer = scorer
        return {
            common()
            scorer.evaluator.use(prompt)
        }
    }

    private var upkeep: AccessUpkeep { AccessUpkeep(access: access, tls: credentials.tls, logger: server.logger) }

    private func register() {
        access.watch { [weak server] in server?.recheckAccess() }
        let (scorer, upkeep) = (scorer, upkeep)
        server.reportStatus {
            ServiceStatus(
                degradedReasons: StoreFigures.degradedReasons(scorer.store)
                    + (scorer.versions.current == nil ? ["no predictor yet"] : []),
                figures: scorer.figures.merging(upkeep.figures) { own, _ in own },
                facts: scorer.facts)
        }
        server.immediate(Scorer.predict) { request, _ in try answering { try scorer.predict(request) } }
        server.unary(Scorer.embed, on: .pool) { request, _ in try answering { try scorer.embed(request) } }
        server.unary(Scorer.import, on: .pool) { request, _ in
            try await answering { try await scorer.evaluations.importRows(request) }
        }
        server.unary(Scorer.putSuite, on: .pool) { request, _ in
            try await answering { try await scorer.evaluator.suites.put(request) }
        }
        server.unary(Scorer.listSuites, on: .pool) { request, _ in
            try answering { try scorer.evaluator.suites.list(request) }
        }
        server.unary(Scorer.removeSuite, on: .pool) { request, _ in
            try await answering { try await scorer.evaluator.remove(request) }
        }
        server.stream(Scorer.evaluate) { request, context, writer in
            try await answering {
                try await scorer.evaluator.evaluate(request, metadata: context.forwardedMetadata) {
                    try await writer.send($0)
                }
            }
        }
        server.unary(Scorer.perfics, on: .pool) { request, _ in
            try await answering {
                try await PerficsReport.answer(request, store: scorer.store, source: scorer.evaluator.source)
            }
        }
        server.unary(Scorer.listPredictors, on: .pool) { request, _ in
            try answering { try scorer.versions.list(request) }
        }
        server.unary(Scorer.promotePredictor, on: .pool) { request, _ in
            try await answering { try await scorer.versions.promote(request) }
        }
        server.unary(Scorer.rollback, on: .pool) { request, _ in
            try await answering { try await scorer.versions.rollback(request) }
        }
        BackupService(service: "scorer", store: scorer.store).register(with: server)
        server.stream(Scorer.watchPredictor, endsWithDrain: true) { _, _, writer in
            for await event in scorer.versions.watch() { try await writer.send(event) }
        }
        server.stream(Scorer.train) { request, _, writer in
            try await answering { try await Self.train(request, scorer: scorer, writer: writer) }
        }
    }

    /// Sends the newest progress as fast as the caller takes it, then the result.
    private static func train(
        _ request: TrainRequest, scorer: ScorerService, writer: StreamWriter<TrainEvent>
    ) async throws {
        let (steps, continuation) = AsyncStream.makeStream(
            of: TrainProgress.self, bufferingPolicy: .bufferingNewest(1))
        let summary = try await withThrowingTaskGroup(of: PredictorSummary?.self) { group in
            group.addTask {
                defer { continuation.finish() }
                return try await scorer.train(request) { continuation.yield($0) }
            }
            group.addTask {
                var last: TrainProgress?
                for await step in steps where step != last {
                    try await writer.send(TrainEvent(event: .progress(step)))
                    last = step
                }
                return nil
            }
            var summary: PredictorSummary?
            while let finished = try await group.next() { summary = finished ?? summary }
            return summary
        }
        guard let summary else { throw CallError(.internal, "training ended without a result") }
        try await writer.send(TrainEvent(event: .trained(summary)))
    }
}
