/// What goes on in a `BackendPool`.
package struct BackendStatus: Sendable, Equatable {
    package struct Model: Sendable, Equatable {
        package var model: String
        /// Calls that wait for an endpoint.
        package var waiting: Int
        /// Attempts that were not the first of their call.
        package var retries: Int
        package var endpoints: [Endpoint]
    }

    package struct Endpoint: Sendable, Equatable {
        /// Base URL.
        package var endpoint: String
        package var running: Int
        package var breaker: Breaker
        /// The last check of its health did not fail.
        package var isHealthy: Bool
        package var figures: EndpointFigures
    }

    package enum Breaker: String, Sendable {
        case closed
        case open
        case halfOpen = "half_open"
    }

    /// Transfers of all kinds, those included that only wait for their connection to end.
    package var openTransfers: Int
    /// Retries that the budget would allow now.
    package var retriesLeft: Int
    /// By name.
    package var models: [Model]
}

extension EndpointSet.Member {
    var status: BackendStatus.Endpoint {
        let breaker: BackendStatus.Breaker =
            switch self.breaker.state {
            case .closed: .closed
            case .open: .open
            case .halfOpen: .halfOpen
            }
        return BackendStatus.Endpoint(
            endpoint: configuration.baseURL, running: running, breaker: breaker, isHealthy: !isSuspect, figures: figures
        )
    }
}

extension TransferReport {
    /// Tokens of an answer that are too few to tell its rate.
    private static let fewTokens = 4

    /// What the answer tells of the server's speed; nothing where no token came.
    var latency: (first: Double, rate: Double?)? {
        guard let firstToken else { return nil }
        var rate: Double?
        if let lastToken, lastToken > firstToken, usage.completion >= Self.fewTokens, !wasPaused {
            rate = Double(usage.completion - 1) / firstToken.seconds(to: lastToken)
        }
        return (started.seconds(to: firstToken), rate)
    }
}
