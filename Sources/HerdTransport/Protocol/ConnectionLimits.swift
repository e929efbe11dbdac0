import HerdFrames
package import NIOCore

/// What one connection may take of its peer.
package struct ConnectionLimits: Sendable {
    /// The longest packed frame taken and sent, in bytes; 4 MiB. See `maximumFirstFrameLength` for the first one.
    package var maximumFrameLength: Int
    /// The most calls that are open or whose handlers still run; 1,024.
    package var maximumOpenCalls: Int
    /// How long a peer may take until its HELLO is there; 5 s.
    package var helloTimeout: TimeAmount
    /// How long a frame may take from its first byte to its last, however the bytes trickle in; 30 s. Time in which the
    /// connection is not read, because the peer does not read, does not count.
    package var frameTimeout: TimeAmount
    /// After how much silence a server pings; 60 s.
    package var keepaliveInterval: TimeAmount
    /// How long the answer to that ping, or any other byte, may take; 20 s.
    package var keepaliveTimeout: TimeAmount
    /// How long a server keeps a connection on which there is no call; 1 h, zero keeps it forever.
    package var idleTimeout: TimeAmount
    /// How long the open calls of a client go on that is to connect again; 10 s.
    package var departureTimeout: TimeAmount

    package init(
        maximumFrameLength: Int = Frame.defaultMaximumLength, maximumOpenCalls: Int = 1024,
        helloTimeout: TimeAmount = .seconds(5), frameTimeout: TimeAmount = .seconds(30),
        keepaliveInterval: TimeAmount = .seconds(60), keepaliveTimeout: TimeAmount = .seconds(20),
        idleTimeout: TimeAmount = .hours(1), departureTimeout: TimeAmount = .seconds(10)
    ) {
        self.maximumFrameLength = maximumFrameLength
        self.maximumOpenCalls = maximumOpenCalls
        self.helloTimeout = helloTimeout
        self.frameTimeout = frameTimeout
        self.keepaliveInterval = keepaliveInterval
        self.keepaliveTimeout = keepaliveTimeout
        self.idleTimeout = idleTimeout
        self.departureTimeout = departureTimeout
    }

    /// The longest packed frame a server takes until it has accepted the peer's HELLO, in bytes: 64 KiB, enough for any
    /// credential. Whoever has shown none must not have megabytes kept for it.
    package static let maximumFirstFrameLength = 64 << 10

    /// How many bytes of requests one connection's calls may hold at a server until their handlers return: 128 MiB. A
    /// request that is alone is always taken.
    package static let maximumRequestBytes = 128 << 20

    /// Above this many unsent bytes a server's connection is not read and its streams are not resumed.
    static let maximumUnsentBytes = 1 << 20

    /// How long input is read and thrown away after a GOAWAY that ends the connection, so that the peer gets to see it.
    static let discardTime = TimeAmount.seconds(1)

    /// How long a drained connection without open calls is kept for its client to close it, or to answer the PING that
    /// says that it has seen the GOAWAY: 5 s.
    static let lingerTime = TimeAmount.seconds(5)

    /// How long a connection that has not said HELLO is kept when its server stops, for a HELLO that is on the way: 2 s.
    static let silentLingerTime = TimeAmount.seconds(2)

    /// How long a connection's input is handled before other connections are looked at: a peer that pipelines thousands
    /// of calls must not keep its neighbours waiting for all of them.
    static let turnTime = TimeAmount.microseconds(500)

    /// The same while calls are shed, which goes fast: what is not looked at waits.
    static let sheddingTurnTime = TimeAmount.milliseconds(2)

    /// How many connections that always have more to say may have such turns; more of them have shorter ones.
    static let longTurns = 8

    /// The least of that for one of many: reading costs as much by then.
    static let shortestTurnTime = TimeAmount.microseconds(100)

    /// How long others have before the connection goes on.
    static let turnPause = TimeAmount.microseconds(100)

    /// How much of a PING's payload its PONG gives back, in bytes: enough to tell pings apart, too little to flood.
    static let maximumPongPayload = 64

    /// After how much silence a connection gives back the memory it keeps for the next burst: 5 s.
    static let trimTime = TimeAmount.seconds(5)

    /// How many bytes a connection has moved before it is worth looking for free memory afterwards: 32 KiB, which may
    /// have been a thousand calls.
    static let minimumFreedBytes = 32 << 10
}

/// The metadata keys of HELLO.
package enum HelloKey {
    package static let maximumFrameLength = "max-frame-bytes"
    package static let maximumOpenCalls = "max-calls"
    package static let authorization = "authorization"
    package static let client = "client"
    package static let server = "server"
}
