package import HerdFrames
package import NIOCore

/// What a server does with the calls of one connection; one instance for each, used on its event loop only.
package protocol CallDispatcher: AnyObject {
    /// Checks the HELLO's metadata; the error ends the connection: UNAUTHENTICATED most often, RESOURCE_EXHAUSTED where
    /// there is no room for it any more.
    func greet(_ metadata: [String: String], on connection: ServerConnection) throws(CallError)

    /// Looks again at whether the client may stay, long after `greet`. The error ends the connection; with UNAVAILABLE
    /// only once its calls have ended: such a client may be let in again.
    func recheck() throws(CallError)

    /// Who the client is, once `greet` let it in: calls of one caller share what an overloaded server can do. Nil for
    /// somebody without a name.
    var caller: String? { get }

    /// Whether an overloaded server answers the request all the same.
    func isAlwaysAnswered(_ request: FrameView) -> Bool

    /// Whether the request is answered at once, whatever else goes on.
    func isStanding(_ request: FrameView) -> Bool

    /// Answers `request` at once with `connection.reply` or `connection.fail`, or starts it with `connection.open`;
    /// exactly one of them, before it returns, unless `connection.recheckAccess(before:)` said that it may not. The
    /// request's bytes are valid until then.
    ///
    /// - Parameter arrival: When the last byte of the request was read.
    func dispatch(_ request: FrameView, arrival: NIODeadline, on connection: ServerConnection)

    /// Every frame of the connection's burst was handled.
    func burstEnded()

    /// A request that the connection is about to turn down because more comes than the server can answer.
    ///
    /// - Returns: false where `connection.recheckAccess(before:)` said that it may not: whoever may no longer call is
    ///   not told to try again.
    func shed(_ request: FrameView, arrival: NIODeadline, on connection: ServerConnection) -> Bool

    /// A request that the connection turned down by itself: over its limit, or while draining.
    ///
    /// - Parameter code: What the caller is told.
    func refused(_ request: FrameView, _ code: StatusCode)

    /// The connection moved many bytes, and is quiet or gone: the memory for them is free now.
    func freedMemory()
}
