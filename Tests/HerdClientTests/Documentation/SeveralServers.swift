import HerdClient
import HerdFrames
import HerdMessages

func modelNames(at addresses: [String], token: String) async throws -> [String] {
    var configuration = ClientConfiguration()
    configuration.name = "inventory"
    configuration.authorization = "Bearer \(token)"
    configuration.defaultTimeout = .seconds(2)
    let client = try HerdClient(addresses: addresses, configuration: configuration)
    defer { client.close() }
    do throws(CallError) {
        return try await client.call(Registry.listModels, ListModelsRequest()).models.map(\.name)
    } catch {
        if error.code == .unavailable { print("no router is there: \(error.message)") }
        throw error
    }
}
