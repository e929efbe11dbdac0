package import ArgumentParser
import HerdClient
import HerdFrames

/// Where the router is, and how long a call may take.
package struct ConnectionOptions: ParsableArguments {
    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "The router's address: host:port, [IPv6 address]:port or unix:PATH.",
            discussion: """
                Of several routers, given with a comma between them or one --address each, any that is there answers. \
                Or the environment variable HERD_ADDRESS.
                """,
            valueName: "address"))
    package var address: [String] = []

    @Option(
        help: ArgumentHelp(
            "Seconds a call may take; 30 if not given, and what the server allows for a stream.",
            valueName: "seconds"))
    package var timeout: Double?

    @Option(
        help: ArgumentHelp(
            "The trace that the calls belong to (W3C Trace Context), as in the herd's logs.",
            discussion: "Or the environment variable HERD_TRACEPARENT or TRACEPARENT.", valueName: "traceparent"))
    package var traceparent: String?

    @OptionGroup package var credentials: CredentialOptions

    package init() {}

    package func validate() throws {
        if let timeout {
            guard timeout > 0, timeout <= 86_400 else {
                throw ValidationError("--timeout must be over 0 and at most 86400 seconds")
            }
        }
        if let traceparent, TraceContext(traceparent: traceparent) == nil {
            throw ValidationError(
                "--traceparent is no W3C traceparent; it has the form 00-TRACE-SPAN-01 with 32 and 16 lower-case hex digits"
            )
        }
        do {
            _ = try HerdClient(addresses: Addresses.resolve(address))
        } catch {
            throw ValidationError(error.message)
        }
    }

    /// Of a stream; nil leaves it to the server.
    var streamTimeout: Duration? { timeout.map { .milliseconds(Int64($0 * 1_000)) } }

    /// What is given, else what the environment says; nil where that is none, as the standard has it.
    private var trace: TraceContext? {
        let text =
            traceparent ?? ProcessEnvironment.value("HERD_TRACEPARENT") ?? ProcessEnvironment.value("TRACEPARENT")
        return text.flatMap { TraceContext(traceparent: $0) }
    }

    /// Says where a token is readable on its way; `HERD_TLS=0` says that the network is safe.
    private func warnOfToken(in configuration: ClientConfiguration, to addresses: [String]) {
        let hasToken = !configuration.authorization.isEmpty || !configuration.tokenFile.isEmpty
        guard hasToken, configuration.transportSecurity == nil, ProcessEnvironment.value("HERD_TLS") != "0",
            let open = addresses.first(where: { !Addresses.isLocal($0) })
        else { return }
        StandardError.print(
            "herdctl: the token goes to \(open) in clear; use --tls or --ca-file, or set HERD_TLS=0 where that is meant"
        )
    }

    /// Runs `body` with a client of the router, and closes it.
    func withClient<Result>(_ body: (HerdClient) async throws -> Result) async throws -> Result {
        let addresses = Addresses.resolve(address)
        var configuration = ClientConfiguration()
        configuration.defaultTimeout = .milliseconds(Int64((timeout ?? 30) * 1_000))
        configuration.name = "herdctl"
        credentials.apply(to: &configuration)
        warnOfToken(in: configuration, to: addresses)
        let client = try HerdClient(addresses: addresses, configuration: configuration)
        defer { client.close() }
        do {
            return try await TraceContext.$current.withValue(trace) { try await body(client) }
        } catch let error as CallError where error.code == .unavailable && error.isUnreachable {
            throw CallError(
                .unavailable,
                "\(error.message) (is the router running at \(addresses.joined(separator: ", "))? "
                    + "herdd all starts one)",
                metadata: error.metadata)
        }
    }
}

extension CallError {
    /// Whether no server was reached, as the client tells it.
    fileprivate var isUnreachable: Bool {
        message.hasPrefix("cannot connect") || message.hasPrefix("no server can be reached")
    }
}

/// The addresses to call, as text.
enum Addresses {
    /// Whether what is sent there stays on this machine; not, for a name but `localhost`.
    static func isLocal(_ address: String) -> Bool {
        ["unix:", "127.", "localhost:", "[::1]:"].contains { address.hasPrefix($0) }
    }

    static let standard = "127.0.0.1:7601"

    /// What was given, else the environment's, else the standard one; never empty.
    static func resolve(_ options: [String]) -> [String] {
        let texts = options.isEmpty ? [ProcessEnvironment.value("HERD_ADDRESS") ?? standard] : options
        return texts.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    }
}
