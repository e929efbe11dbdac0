package import HerdTransport

/// How a server listens and what it takes; every default is stated here.
package struct ServerConfiguration: Sendable {
    /// Where to listen: `host:port`, `[IPv6 address]:port` or `unix:PATH`; port 0 lets the kernel choose. Default
    /// `127.0.0.1:0`.
    package var addresses: [EndpointAddress] = [.network(host: "127.0.0.1", port: 0)]
    /// TLS of the connections that come over these addresses, Unix sockets excepted; nil goes without. Default nil.
    package var tls: ServerTLS?
    /// Further addresses, whose connections go without TLS: for the rest of the process. Default none.
    package var plainAddresses: [EndpointAddress] = []
    /// How many event loops, one thread each, share the connections; at least 1. Default 1.
    package var eventLoops = 1
    /// The longest packed frame, in bytes; until a client's HELLO is accepted, at most 64 KiB. Default 4 MiB.
    package var maximumFrameLength = 4 << 20
    /// The most calls open or running at once on one connection. Default 1,024.
    package var maximumOpenCalls = 1024
    /// The most connections served at once, on all addresses together; what is over gets GOAWAY RESOURCE_EXHAUSTED: the
    /// oldest one that has not said HELLO, or, where all have, the new one. A process that may not open so many files
    /// serves as many as it can. Default 10,240.
    package var maximumConnections = 10_240
    /// The permissions of a Unix socket's file. Default 0600: the server's own user may connect.
    package var unixSocketMode: UInt32 = 0o600
    /// How long a client may take to say HELLO. Default 5 s.
    package var helloTimeout = Duration.seconds(5)
    /// How long a frame may take from its first byte to its last, whether or not bytes go on to come; then GOAWAY
    /// DEADLINE_EXCEEDED. Default 30 s.
    package var frameTimeout = Duration.seconds(30)
    /// After how much silence a client gets a PING. A client that takes bytes that wait for it is not silent. Default
    /// 60 s.
    package var keepaliveInterval = Duration.seconds(60)
    /// How long the answer to that PING may take, or any other byte; then the client counts as gone: GOAWAY
    /// DEADLINE_EXCEEDED, and its calls are cancelled. Default 20 s.
    package var keepaliveTimeout = Duration.seconds(20)
    /// How long a connection without calls is kept; then GOAWAY OK, and it is closed. PINGs do not keep it. Default 1 h;
    /// zero keeps it forever.
    package var idleTimeout = Duration.seconds(3600)
    /// The deadline of a unary call that names none. Default 30 s.
    package var defaultTimeout = Duration.seconds(30)
    /// The longest deadline of a unary call. Default 10 min.
    package var maximumTimeout = Duration.seconds(600)
    /// The longest deadline of a stream, and that of one that names none. Default 24 h.
    package var maximumStreamTimeout = Duration.seconds(86_400)
    /// How long calls may wait before they are begun; where they do for 50 ms, those beyond each caller's share are shed
    /// with RESOURCE_EXHAUSTED. Default nil: none are.
    package var maximumQueueDelay: Duration?
    /// How long open calls may take to end after the server was told to stop. Default 10 s.
    package var drainTimeout = Duration.seconds(10)
    /// The version that Status reports. Default "0.1.0".
    package var version = "0.1.0"

    /// How many bytes of requests all calls of a server may hold until their handlers return: 512 MiB.
    package static let maximumRequestBytes = 512 << 20

    package init() {}
}
