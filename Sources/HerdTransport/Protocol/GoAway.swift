package import HerdFrames

/// Why a connection ends, as its GOAWAY tells the peer.
package struct GoAway: Hashable, Sendable {
    /// `ok` says that no new calls are taken and open ones go on; every other code ends the connection.
    package var code: StatusCode
    package var message: String
    /// The highest version of the protocol supported, where that is what the peer got wrong; else 0.
    package var version: UInt32

    package init(_ code: StatusCode, _ message: String, version: UInt32 = 0) {
        self.code = code
        self.message = message
        self.version = version
    }

    package init(_ error: FrameError) {
        self.init(error.code, error.description)
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
            version: Frame.protocolVersion)
    }

    static let secondHello = GoAway(.invalidArgument, "a second HELLO came; send it once, before all else")
    static let helloTimeout = GoAway(.deadlineExceeded, "no HELLO came in time; send it right after connecting")
    static let draining = GoAway(.ok, "the server is stopping; open calls go on, make new ones elsewhere")

    static func beforeHello(_ kind: Frame.Kind) -> GoAway {
        GoAway(.invalidArgument, "a \(kind) came before HELLO; send HELLO first")
    }

    static func unexpected(_ kind: Frame.Kind, from peer: String) -> GoAway {
        GoAway(.invalidArgument, "a \(kind) came from a \(peer), which never sends one")
    }

    static let callZero = GoAway(.invalidArgument, "a REQUEST with call 0 came; number calls from 1")

    static func openCall(_ id: UInt64) -> GoAway {
        GoAway(.invalidArgument, "a REQUEST with call \(id) came, which is open; give each open call its own id")
    }
}
