package import HerdFrames

/// Why a connection ends, as its GOAWAY tells the peer.
package struct GoAway: Hashable, Sendable {
    /// What kind of end it is, for whoever counts them.
    package enum Cause: String, Hashable, Sendable, CaseIterable {
        /// Whoever made the GOAWAY did not say; the code does.
        case other
        /// The server stops; nobody did anything wrong.
        case draining
        /// No calls for a long time; nobody did anything wrong.
        case idle
        /// More connections than the server takes.
        case tooManyConnections = "too_many_connections"
        /// Nothing came, not even the answer to a PING.
        case halfOpen = "half_open"
        case unauthenticated
        /// What the client was let in by has changed; it may be let in again.
        case outdated
        case unknownVersion = "unknown_version"
        case secondHello = "second_hello"
        case helloTimeout = "hello_timeout"
        case beforeHello = "before_hello"
        case unexpectedKind = "unexpected_kind"
        case callZero = "call_zero"
        case openCall = "open_call"
        case frameTooLong = "frame_too_long"
        case malformedFrame = "malformed_frame"
        case frameTimeout = "frame_timeout"

        /// Whether the peer broke the protocol.
        package var isProtocolError: Bool {
            switch self {
            case .other, .draining, .idle, .tooManyConnections, .halfOpen, .unauthenticated, .outdated: false
            default: true
            }
        }
    }

    /// `ok` says that no new calls are taken and open ones go on; every other code ends the connection.
    package var code: StatusCode
    package var message: String
    /// The highest version of the protocol supported, where that is what the peer got wrong; else 0.
    package var version: UInt32
    package var cause: Cause

    package init(_ code: StatusCode, _ message: String, version: UInt32 = 0, cause: Cause = .other) {
        self.code = code
        self.message = message
        self.version = version
        self.cause = cause
    }

    package init(_ error: FrameError) {
        var cause = Cause.malformedFrame
        if case .tooLong = error { cause = .frameTooLong }
        self.init(error.code, error.description, cause: cause)
    }

    var frame: Frame {
        Frame(.goAway, code: code, message: message, version: version)
    }
}

extension GoAway {
    static func unknownVersion(_ version: UInt32) -> GoAway {
        GoAway(
            .failedPrecondition,
            "version \(version) of the protocol is not spoken here; speak version \(Frame.protocolVersion)",
            version: Frame.protocolVersion, cause: .unknownVersion)
    }

    static let secondHello = GoAway(
        .invalidArgument, "a second HELLO came; send it once, before all else", cause: .secondHello)
    static let helloTimeout = GoAway(
        .deadlineExceeded, "no HELLO came in time; send it right after connecting", cause: .helloTimeout)
    static let draining = GoAway(
        .ok, "the server is stopping; open calls go on, make new ones elsewhere", cause: .draining)
    /// A connection that has not said HELLO when its server stops: whatever it sends now is not run.
    static let stopped = GoAway(
        .unavailable, "the server is stopping; nothing of this connection was run, call elsewhere or later",
        cause: .draining)

    static func idle(after time: String) -> GoAway {
        GoAway(.ok, "no call came for \(time)\(remedy)", cause: .idle)
    }

    /// - Parameter reason: What has changed.
    static func outdated(_ reason: String) -> GoAway {
        GoAway(.ok, "\(reason)\(remedy)", cause: .outdated)
    }

    private static let remedy = "; connect again for the next one"

    /// Whether a GOAWAY of that message is about the connection, and the server does not stop: the code is that of a
    /// drain, and the cause is not sent.
    static func asksToReconnect(_ message: String) -> Bool { message.hasSuffix(remedy) }

    static func halfOpen(after time: String) -> GoAway {
        GoAway(
            .deadlineExceeded,
            "nothing came for \(time), not even a PONG for the PING; answer every PING and read what is sent",
            cause: .halfOpen)
    }

    static func frameTimeout(after time: String) -> GoAway {
        GoAway(
            .deadlineExceeded, "a frame was not whole \(time) after its first byte; send each frame at once",
            cause: .frameTimeout)
    }

    /// - Parameter limit: How many connections there may be.
    package static func tooManyConnections(_ limit: Int) -> GoAway {
        GoAway(
            .resourceExhausted, "\(limit) connections are open, as many as the server takes; close some or try later",
            cause: .tooManyConnections)
    }

    /// The same for a connection that has not said HELLO and gives way to a new one.
    package static func gaveWay(_ limit: Int) -> GoAway {
        GoAway(
            .resourceExhausted,
            "\(limit) connections are open, as many as the server takes, and this one has not said HELLO; send it "
                + "right after connecting",
            cause: .tooManyConnections)
    }

    static func beforeHello(_ kind: Frame.Kind) -> GoAway {
        GoAway(.invalidArgument, "a \(kind) came before HELLO; send HELLO first", cause: .beforeHello)
    }

    static func unexpected(_ kind: Frame.Kind, from peer: String) -> GoAway {
        GoAway(.invalidArgument, "a \(kind) came from a \(peer), which never sends one", cause: .unexpectedKind)
    }

    static let callZero = GoAway(
        .invalidArgument, "a REQUEST with call 0 came; number calls from 1", cause: .callZero)

    static func openCall(_ id: UInt64) -> GoAway {
        GoAway(
            .invalidArgument, "a REQUEST with call \(id) came, which is open; give each open call its own id",
            cause: .openCall)
    }
}
