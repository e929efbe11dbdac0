import HerdFrames
package import NIOCore

/// What one connection may take of its peer.
package struct ConnectionLimits: Sendable {
    /// The longest packed frame taken and sent, in bytes; 4 MiB.
    package var maximumFrameLength: Int
    /// The most calls that are open or whose handlers still run; 1,024.
    package var maximumOpenCalls: Int
    /// How long a peer may take until its HELLO is there; 5 s.
    package var helloTimeout: TimeAmount

    package init(
        maximumFrameLength: Int = Frame.defaultMaximumLength, maximumOpenCalls: Int = 1024,
        helloTimeout: TimeAmount = .seconds(5)
    ) {
        self.maximumFrameLength = maximumFrameLength
        self.maximumOpenCalls = maximumOpenCalls
        self.helloTimeout = helloTimeout
    }

    /// Above this many unsent bytes a server's connection is not read and its streams are not resumed.
    static let maximumUnsentBytes = 1 << 20

    /// How long input is read and thrown away after a GOAWAY that ends the connection, so that the peer gets to see it.
    static let discardTime = TimeAmount.seconds(1)

    /// How long a drained connection without open calls is kept for its client to close it: 250 ms.
    static let lingerTime = TimeAmount.milliseconds(250)
}

/// The metadata keys of HELLO.
package enum HelloKey {
    package static let maximumFrameLength = "max-frame-bytes"
    package static let maximumOpenCalls = "max-calls"
    package static let authorization = "authorization"
    package static let client = "client"
    package static let server = "server"
}
