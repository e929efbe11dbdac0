import HerdFrames
import HerdMessages
import HerdServer
import HerdStore
package import HerdTransport
package import Logging
import ServiceLifecycle

/// The refiner as a process: its server, its store and its way to the router.
package final class RefinerProcess: Service, RouterCaller {
    private let store: StoreEnvironment
    private let server: HerdServer
    let routerLink: RouterLink

    /// Reads the prompts, opens the store and registers every method.
    ///
    /// - Throws: `ConfigurationError`, `StoreError`.
    package init(_ configuration: HerdConfiguration, logger: Logger) async throws {
        server = HerdServer(
            name: "refiner",
            configuration: try ServerConfiguration(listen: configuration.refiner.listen, limits: configuration.server),
            logger: logger)
        routerLink = try RouterLink(caller: "refiner", address: configuration.refiner.routerAddress)
        _ = try RefinementPrompts(folder: try PromptFolder.locate(configuration.refiner.promptsDir))
        store = try ServiceStore.open(
            "refiner", path: configuration.refiner.data, tables: [],
            maxBytes: configuration.refiner.storeMaxBytes, logger: logger)
        register()
    }

    /// Listens, and gives the addresses.
    package func start() async throws -> [EndpointAddress] {
        try await server.start()
    }

    /// Serves until the process is asked to end; then open calls end and everything stored is on disk.
    package func run() async throws {
        await server.serve()
        routerLink.close()
        await store.close()
    }

    private func register() {
        BackupService(service: "refiner", store: store).register(with: server)
    }
}
