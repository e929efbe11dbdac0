package import ArgumentParser
package import HerdClient
import HerdFrames

/// A command that calls the router.
package protocol ServiceCommand: AsyncParsableCommand {
    var connection: ConnectionOptions { get }
    func run(with client: HerdClient) async throws
}

extension ServiceCommand {
    package func run() async throws {
        do {
            try await connection.withClient { client in try await run(with: client) }
        } catch let error as CallError {
            throw CommandFailure(error).report()
        } catch let error as CommandFailure {
            throw error.report()
        }
    }
}
