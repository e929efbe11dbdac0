/// What to do to which servers; every default is stated here.
package struct LoadPlan: Sendable {
    /// When requests begin.
    package enum Pace: Sendable, Equatable {
        /// A closed loop: each connection has so many requests open all the time, and a new one begins as soon as one is
        /// answered. A server that stalls is asked less often, and its stall is one slow request.
        case inFlight(Int)
        /// An open loop: so many requests per second in all, whatever becomes of those before. Latencies count from the
        /// moment when a request was to begin, so that a stall shows in all requests that it holds up.
        case rate(Double, ArrivalSchedule.Pattern)
    }

    /// `host:port`, `[IPv6 address]:port` or `unix:PATH`; connections take them in turns. Default `127.0.0.1:7601`.
    package var servers = ["127.0.0.1:7601"]
    /// How many connections to open. Default 1.
    package var connections = 1
    /// When requests begin. Default: one in flight on each connection.
    package var pace = Pace.inFlight(1)
    /// How long requests begin that count; nil goes on until there are `requests` of them. Default 10 s.
    package var duration: Duration? = .seconds(10)
    /// How many requests count; nil for as many as `duration` gives time for. Default nil.
    package var requests: Int?
    /// How long requests are made before that. Default 1 s.
    package var warmUp = Duration.seconds(1)
    /// The deadline of each request. Default 10 s.
    package var timeout = Duration.seconds(10)
    /// Threads that make requests, each with its share of the connections. Default 1.
    package var threads = 1
    /// The token that connections show; empty shows none. Default empty.
    package var token = ""
    /// Of everything random. Default 1.
    package var seed: UInt64 = 1
    /// The processes whose processor time is the servers'; empty looks for those that listen on this machine's addresses.
    package var serverProcesses: [Int32] = []

    package init() {}
}

extension LoadPlan {
    /// Requests of one connection that a server answers at once as a rule, and that an open loop has at most.
    static let serverCalls = 1_024
    /// Requests that one connection can have open.
    private static let mostInFlight = 16_384
    /// Of all connections together: each takes memory.
    static let mostInAll = 1 << 22

    /// - Throws: what cannot be done, and what to do instead.
    func check() throws(LoadFailure) {
        guard connections > 0, !servers.isEmpty, threads > 0 else {
            throw LoadFailure("connections and threads must be over 0, and a server be named", exitCode: 64)
        }
        guard duration.map({ $0 > .zero }) ?? (requests != nil), requests.map({ $0 > 0 }) ?? true else {
            throw LoadFailure("give how long to make requests, or how many (--seconds, --requests)", exitCode: 64)
        }
        guard connections >= servers.count else {
            throw LoadFailure(
                "\(connections) connection(s) reach only as many of the \(servers.count) servers; open at least "
                    + "one to each (--connections)", exitCode: 64)
        }
        switch pace {
        case .inFlight(let count):
            guard (1...Self.mostInFlight).contains(count) else {
                throw LoadFailure(
                    "--in-flight must be 1 to \(Self.mostInFlight), not \(count); open more connections with fewer "
                        + "requests each", exitCode: 64)
            }
            let (inAll, overflow) = connections.multipliedReportingOverflow(by: count)
            guard !overflow, inAll <= Self.mostInAll else {
                throw LoadFailure(
                    "\(connections) connections x \(count) in flight are more than \(Self.mostInAll) requests at once; "
                        + "lower --connections or --in-flight", exitCode: 64)
            }
        case .rate(let rate, _):
            guard rate > 0, rate <= 1e7 else {
                throw LoadFailure("--rate must be over 0 and at most 1e7 requests/s, not \(rate)", exitCode: 64)
            }
        }
    }
}
