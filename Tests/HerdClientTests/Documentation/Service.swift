public import HerdClient
public import ServiceLifecycle

// Enough where the group ends its services by cancelling them. (Outside of Herd's own package: `@retroactive Service`.)
extension HerdClient: Service {}

// Ends with the group's graceful shutdown as well. Put it before the services that call, so that it outlives them.
struct HerdService: Service {
    let client: HerdClient

    func run() async throws {
        try await cancelWhenGracefulShutdown { try await client.run() }
    }
}
