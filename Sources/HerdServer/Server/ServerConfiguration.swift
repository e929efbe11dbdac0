package import HerdTransport

/// How a server listens and what it takes; every default is stated here.
package struct ServerConfiguration: Sendable {
    /// Where to listen: `host:port`, `[IPv6 address]:port` or `unix:PATH`; port 0 lets the kernel choose. Default
    /// `127.0.0.1:0`.
    package var addresses: [EndpointAddress] = [.network(host: "127.0.0.1", port: 0)]
    /// How many event loops, one thread each, share the connections; at least 1. Default 1.
    package var eventLoops = 1
    /// The longest packed frame, in bytes. Default 4 MiB.
    package var maximumFrameLength = 4 << 20
    /// The most calls open or running at once on one connection. Default 1,024.
    package var maximumOpenCalls = 1024
    /// How long a client may take to say HELLO. Default 5 s.
    package var helloTimeout = Duration.seconds(5)
    /// The deadline of a unary call that names none. Default 30 s.
    package var defaultTimeout = Duration.seconds(30)
    /// The longest deadline of a unary call. Default 10 min.
    package var maximumTimeout = Duration.seconds(600)
    /// The longest deadline of a stream, and that of one that names none. Default 24 h.
    package var maximumStreamTimeout = Duration.seconds(86_400)
    /// How long open calls may take to end after the server was told to stop. Default 10 s.
    package var drainTimeout = Duration.seconds(10)
    /// The version that Status reports. Default "0.1.0".
    package var version = "0.1.0"

    package init() {}
}
