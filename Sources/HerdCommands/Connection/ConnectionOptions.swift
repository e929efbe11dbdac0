package import ArgumentParser
import HerdClient
import HerdFrames

/// Where the router is, and how long a call may take.
package struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The router's address.", discussion: "Or the environment variable HERD_ADDRESS.",
            valueName: "host:port"))
    package var address: String?

    @Option(
        help: ArgumentHelp(
            "Seconds a call may take; 30 if not given, and what the server allows for a stream.",
            valueName: "seconds"))
    package var timeout: Double?

    package init() {}

    package func validate() throws {
        if let timeout {
            guard timeout > 0, timeout <= 86_400 else {
                throw ValidationError("--timeout must be over 0 and at most 86400 seconds")
            }
        }
        _ = try Address.resolve(address)
    }

    /// Of a stream; nil leaves it to the server.
    var streamTimeout: Duration? { timeout.map { .milliseconds(Int64($0 * 1_000)) } }

    /// Runs `body` with a client of the router, and closes it.
    func withClient<Result>(_ body: (HerdClient) async throws -> Result) async throws -> Result {
        let (host, port) = try Address.resolve(address)
        var configuration = ClientConfiguration()
        configuration.defaultTimeout = .milliseconds(Int64((timeout ?? 30) * 1_000))
        configuration.name = "herdctl"
        let client = HerdClient(host: host, port: port, configuration: configuration)
        do {
            let result = try await body(client)
            client.close()
            return result
        } catch {
            client.close()
            if let error = error as? CallError, error.code == .unavailable, error.message.hasPrefix("cannot connect") {
                throw CallError(
                    .unavailable,
                    "\(error.message) (is the router running at \(host):\(port)? herdd all starts one)",
                    metadata: error.metadata)
            }
            throw error
        }
    }
}

enum Address {
    static let standard = "127.0.0.1:7601"

    static func resolve(_ option: String?) throws -> (host: String, port: Int) {
        let text = option ?? ProcessEnvironment.value("HERD_ADDRESS") ?? standard
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65_535).contains(port), colon != text.startIndex
        else {
            throw ValidationError("'\(text)' is not an address; write host:port, e.g. \(standard) or [::1]:7601")
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return (String(host), port)
    }
}
