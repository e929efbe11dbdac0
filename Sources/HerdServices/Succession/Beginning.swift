import HerdTransport
import Logging

/// What a process begins with: sockets of the one before it or of a supervisor.
struct Beginning {
    let sockets: InheritedSockets
    private let logger: Logger

    /// Gathers the sockets; with `server.take_over`, returns once the process before this one has left.
    ///
    /// - Throws: `ConfigurationError` or `TakeOverFailure`; whoever serves goes on.
    static func make(
        _ role: HerdRole, _ configuration: HerdConfiguration, readyFile: String?
    ) async throws -> Beginning {
        let logger = Logger(label: "herdd")
        let sockets = InheritedSockets()
        try SupervisedSockets.add(to: sockets)
        if configuration.server.takesOver {
            try ConfigurationFiles.check(role, configuration)
            let successor = Successor(
                role: role, configuration: configuration, readyFile: readyFile, logger: logger)
            if let figures = try await successor.takeOver(sockets) { TakeOverMetrics.tookOver(figures) }
        }
        return Beginning(sockets: sockets, logger: logger)
    }

    /// Closes the sockets that no service has taken, once all listen.
    ///
    /// - Throws: `ConfigurationError` where a supervisor's is among them, on which callers would wait for ever.
    func closeRest() throws(ConfigurationError) {
        let (supervised, others) = sockets.closeRest()
        for address in others {
            logger.notice(
                "closed, because the configuration does not name it any more", metadata: ["address": "\(address)"])
        }
        if let address = supervised.first { throw Self.unnamed(address) }
    }

    static func unnamed(_ address: EndpointAddress) -> ConfigurationError {
        ConfigurationError(
            "the supervisor listens on \(address) for this process, which no 'listen' or 'http_listen' key names; add "
                + "it there, or take it out of the socket unit")
    }
}
