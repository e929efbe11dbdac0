/// What to do to which servers; every default is stated here.
package struct LoadPlan: Sendable {
    /// `host:port`, `[IPv6 address]:port` or `unix:PATH`; connections take them in turns. Default `127.0.0.1:7601`.
    package var servers = ["127.0.0.1:7601"]
    /// How many connections to open. Default 1.
    package var connections = 1
    /// How many requests each connection has open all the time. Default 1.
    package var inFlight = 1
    /// How long requests are counted. Default 10 s.
    package var duration = Duration.seconds(10)
    /// How long requests are made before that. Default 1 s.
    package var warmUp = Duration.seconds(1)
    /// The deadline of each request. Default 10 s.
    package var timeout = Duration.seconds(10)
    /// The process whose processor time is the servers'; nil takes what a local server says of itself.
    package var serverProcess: Int32?

    package init() {}
}
