import HerdClient
import HerdFrames
import HerdMessages

/// Asks the servers at the given addresses how they are: `thin-client 127.0.0.1:7601`.
@main
enum ThinClient {
    static func main() async throws {
        let client = try HerdClient(addresses: Array(CommandLine.arguments.dropFirst()))
        defer { client.close() }
        let health = try await client.call(Admin.health, HealthRequest(), timeout: .seconds(10))
        print("\(health.service) is \(health.state)")
    }
}
