package import HerdFrames
package import NIOCore

/// The rules of one connection as its server keeps them, without sockets, clocks or threads.
///
/// Every input is one method that returns what is to be done about it. `Call` is whatever the connection keeps for an
/// open call. A call leaves the table when its END is sent; while a cancelled or expired call's handler has not
/// returned it still counts against the limit, so that a peer cannot pile up handlers by cancelling.
package struct ServerStateMachine<Call>: ~Copyable {
    private enum State {
        case awaitingHello
        case open
        /// No new calls are started, open ones go on.
        case draining
        /// The GOAWAY of an error was sent, or the connection is gone.
        case ended
    }

    private var state = State.awaitingHello
    /// A drain began before the client's HELLO came.
    private var drainsAfterHello = false
    /// Why no new calls are started while draining.
    private var drainRefusal = Refusal.draining
    /// PINGs whose PONG has not come.
    private var unansweredPings = 0
    /// The last call has ended; what the peer sent before it saw the GOAWAY is awaited.
    private var isParting = false
    private var calls = CallTable<Call>()
    /// Handlers still running whose call has ended.
    private var lingering = 0
    private let maximumOpenCalls: Int

    package init(maximumOpenCalls: Int) {
        self.maximumOpenCalls = maximumOpenCalls
    }

    package var openCalls: Int { calls.count }
    package var isAwaitingHello: Bool { state == .awaitingHello }
    package var hasEnded: Bool { state == .ended }
    /// Whether it takes no more calls because of its client, and the server may well go on.
    package var asksToReconnect: Bool { state == .draining && drainRefusal != .draining }
    /// No open call's deadline is earlier.
    package var earliestDeadline: NIODeadline { calls.earliestDeadline }

    // MARK: - Frames

    package enum FrameAction {
        /// Check the credentials, then `accept()` or end with UNAUTHENTICATED.
        case authorize
        /// Answer the REQUEST at once or `open` it.
        case dispatch
        /// Answer the REQUEST with an END of that reason.
        case refuse(Refusal)
        /// Stop the call's handler and send END CANCELLED.
        case cancel(Call)
        /// The peer takes so many more messages of the call.
        case credit(Call, UInt32)
        /// Send PONG with the same payload.
        case pong
        /// The peer has seen the GOAWAY and will send no more calls: close.
        case part
        case ignore
        /// The peer broke the rules: `end()`, send this GOAWAY, close.
        case fail(GoAway)
    }

    /// Why a REQUEST is not even started.
    package enum Refusal: Hashable, Sendable {
        case tooManyCalls(limit: Int)
        case draining
        /// The connection is being closed because there were no calls on it.
        case idle
        /// The connection is being closed because what its client was let in by has changed.
        case outdated
    }

    package mutating func receive(_ frame: borrowing FrameView) -> FrameAction {
        switch state {
        case .awaitingHello: receiveFirst(frame)
        case .open, .draining: receiveNext(frame)
        case .ended: .ignore
        }
    }

    private func receiveFirst(_ frame: borrowing FrameView) -> FrameAction {
        switch frame.kind {
        case .hello where frame.version != Frame.protocolVersion: .fail(.unknownVersion(frame.version))
        case .hello: .authorize
        case .goAway: .ignore
        default: .fail(.beforeHello(frame.kind))
        }
    }

    private mutating func receiveNext(_ frame: borrowing FrameView) -> FrameAction {
        switch frame.kind {
        case .request: return request(frame.call)
        case .cancel:
            guard let call = calls.remove(id: frame.call) else { return .ignore }
            lingering += 1
            return .cancel(call)
        case .credit:
            guard let entry = calls[frame.call] else { return .ignore }
            return .credit(entry.call, frame.credit)
        case .ping: return .pong
        case .pong: return pong()
        case .goAway: return .ignore
        case .hello: return .fail(.secondHello)
        case .message, .end, .unspecified: return .fail(.unexpected(frame.kind, from: "client"))
        default: return .ignore
        }
    }

    private func request(_ id: UInt64) -> FrameAction {
        if id == 0 { return .fail(.callZero) }
        if calls.contains(id) { return .fail(.openCall(id)) }
        if state == .draining { return .refuse(drainRefusal) }
        if calls.count + lingering >= maximumOpenCalls { return .refuse(.tooManyCalls(limit: maximumOpenCalls)) }
        return .dispatch
    }

    private mutating func pong() -> FrameAction {
        // One that answers no PING says nothing.
        guard unansweredPings > 0 else { return .ignore }
        unansweredPings -= 1
        return isParting && unansweredPings == 0 && calls.isEmpty ? .part : .ignore
    }

    // MARK: - Keep-alive

    /// A PING is sent.
    package mutating func pinged() {
        unansweredPings += 1
    }

    // MARK: - Greeting

    /// The credentials are good; the server's HELLO goes out, and behind it the GOAWAY if there is one.
    package mutating func accept() -> GoAway? {
        guard state == .awaitingHello else { return nil }
        state = .open
        return drainsAfterHello ? drain() : nil
    }

    /// Whether the time for HELLO passed without one; the GOAWAY to end with.
    package func helloTimedOut() -> GoAway? {
        state == .awaitingHello ? .helloTimeout : nil
    }

    // MARK: - Calls

    /// Enters a dispatched REQUEST that is not answered at once.
    package mutating func open(_ id: UInt64, deadline: NIODeadline, _ call: (CallToken) -> Call) -> CallToken {
        calls.insert(id: id, deadline: deadline, credit: 0, call)
    }

    package func isOpen(_ token: CallToken) -> Bool {
        calls.contains(token)
    }

    /// The handler of a call returned; true if its END is to be sent, false if the call has had one.
    package mutating func finish(_ token: CallToken) -> Bool {
        if calls.remove(token) != nil { return true }
        // After the end of the connection nobody counts.
        if lingering > 0 { lingering -= 1 }
        return false
    }

    /// Takes out the calls whose deadline has passed; each is to be stopped and gets END DEADLINE_EXCEEDED.
    package mutating func expire(at now: NIODeadline) -> [(id: UInt64, call: Call)] {
        let expired = calls.removeExpired(at: now)
        lingering += expired.count
        return expired
    }

    /// The open calls, for whoever wants to wake their streams.
    package func forEachCall(_ body: (Call) -> Void) {
        calls.forEach(body)
    }

    // MARK: - The end

    /// Starts no more calls, because the server stops; the GOAWAY to tell the peer, nil where it knows or has yet to say
    /// HELLO.
    package mutating func drain() -> GoAway? {
        switch state {
        case .open:
            state = .draining
            drainRefusal = .draining
            return .draining
        case .awaitingHello:
            // HELLO is still answered, so that the calls pipelined behind it get to know that they were not started.
            drainsAfterHello = true
            return nil
        case .draining, .ended: return nil
        }
    }

    /// Starts no more calls on this connection, because there were none for so long; the GOAWAY to tell the peer, nil
    /// where there is nothing to do: a call came meanwhile, or the connection ends anyway.
    package mutating func sendAway(after time: String) -> GoAway? {
        guard state == .open, calls.isEmpty else { return nil }
        state = .draining
        drainRefusal = .idle
        return .idle(after: time)
    }

    /// Starts no more calls on this connection, because its client is to be let in anew; the GOAWAY to tell it, nil
    /// where there is nothing to do: no calls are started anyway, or the client has yet to say HELLO.
    ///
    /// - Parameter reason: What has changed.
    package mutating func sendAway(because reason: String) -> GoAway? {
        guard state == .open else { return nil }
        state = .draining
        drainRefusal = .outdated
        return .outdated(reason)
    }

    /// The last call of a draining connection has ended: true if a PING is to be sent, whose PONG tells that the peer
    /// has seen the GOAWAY, so that nothing of it is on the way any more.
    package mutating func beginParting() -> Bool {
        guard state == .draining, !isParting else { return false }
        isParting = true
        return true
    }

    /// Takes out open calls because the server stops; each is to be stopped and gets END UNAVAILABLE.
    package mutating func abandon(_ isMeant: (Call) -> Bool) -> [(id: UInt64, call: Call)] {
        let abandoned = calls.removeAll(where: isMeant)
        lingering += abandoned.count
        return abandoned
    }

    /// The connection ends; the calls to be stopped, which get no END any more.
    package mutating func end() -> [(id: UInt64, call: Call)] {
        state = .ended
        return calls.removeAll()
    }
}
