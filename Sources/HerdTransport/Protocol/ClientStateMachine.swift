package import HerdFrames
package import NIOCore

/// The rules of one connection as its client keeps them, without sockets, clocks or threads.
///
/// No call starts before the server's HELLO is there: its limits are not known earlier, and calls that were never sent
/// can be made elsewhere without a doubt. Those, and calls over the server's limit, wait outside.
package struct ClientStateMachine<Call>: ~Copyable {
    private enum State {
        case awaitingHello
        case open
        /// The server takes no new calls, open ones go on.
        case draining
        case ended
    }

    private var state = State.awaitingHello
    private var calls = CallTable<Call>()
    private var nextID: UInt64 = 1
    /// What the server's HELLO allows; where it does not say, what servers allow by default.
    package private(set) var maximumFrameLength = Frame.defaultMaximumLength
    package private(set) var maximumOpenCalls = 1024

    package init() {}

    package var openCalls: Int { calls.count }
    package var isAwaitingHello: Bool { state == .awaitingHello }
    package var hasEnded: Bool { state == .ended }
    /// Whether new calls may be started, now or after HELLO.
    package var takesCalls: Bool { state == .awaitingHello || state == .open }
    /// Whether one more call may be started now and keeps to the server's limit.
    package var hasRoom: Bool { state == .open && calls.count < maximumOpenCalls }
    package var isDrained: Bool { state == .draining && calls.isEmpty }
    /// No open call's deadline is earlier.
    package var earliestDeadline: NIODeadline { calls.earliestDeadline }

    // MARK: - Frames

    package enum FrameAction {
        /// The server's HELLO; its limits are in force.
        case greeted
        /// The payload is one message of the call's stream.
        case message(Call)
        /// The call has its END.
        case end(Call)
        /// More messages than the call has credit for: send CANCEL, fail the call.
        case overrun(Call)
        /// The server takes no new calls, on this connection where it is idle, or because it stops.
        case drain(isIdle: Bool)
        /// The server ended the connection: every open call fails with that reason.
        case refused(GoAway)
        case pong
        case ignore
        /// The server broke the rules: `end()`, send this GOAWAY, close.
        case fail(GoAway)
    }

    package mutating func receive(_ frame: borrowing FrameView) -> FrameAction {
        switch state {
        case .awaitingHello: receiveFirst(frame)
        case .open, .draining: receiveNext(frame)
        case .ended: .ignore
        }
    }

    private mutating func receiveFirst(_ frame: borrowing FrameView) -> FrameAction {
        switch frame.kind {
        case .hello:
            guard frame.version == Frame.protocolVersion else { return .fail(.unknownVersion(frame.version)) }
            let metadata = frame.metadata
            if let text = metadata[HelloKey.maximumFrameLength], let limit = Int(text), limit > 0 {
                maximumFrameLength = limit
            }
            if let text = metadata[HelloKey.maximumOpenCalls], let limit = Int(text), limit > 0 {
                maximumOpenCalls = limit
            }
            state = .open
            return .greeted
        case .goAway: return goAway(frame)
        default: return .fail(.beforeHello(frame.kind))
        }
    }

    private mutating func receiveNext(_ frame: borrowing FrameView) -> FrameAction {
        switch frame.kind {
        case .message:
            guard let entry = calls[frame.call] else { return .ignore }
            if calls.spendCredit(of: frame.call) { return .message(entry.call) }
            _ = calls.remove(id: frame.call)
            return .overrun(entry.call)
        case .end:
            guard let call = calls.remove(id: frame.call) else { return .ignore }
            return .end(call)
        case .goAway: return goAway(frame)
        case .ping: return .pong
        case .pong: return .ignore
        case .hello: return .fail(.secondHello)
        case .request, .cancel, .credit, .unspecified: return .fail(.unexpected(frame.kind, from: "server"))
        default: return .ignore
        }
    }

    private mutating func goAway(_ frame: borrowing FrameView) -> FrameAction {
        switch (frame.code, state) {
        case (.ok, .awaitingHello):
            return .refused(GoAway(.unavailable, "the server is stopping"))
        case (.ok, _):
            state = .draining
            return .drain(isIdle: GoAway.asksToReconnect(frame.message))
        default:
            return .refused(GoAway(frame.code, frame.message, version: frame.version))
        }
    }

    // MARK: - Calls

    /// Starts a call of `credit` messages (0 for a unary one); its REQUEST is to be sent with the id returned.
    package mutating func start(deadline: NIODeadline, credit: UInt32, _ call: (CallToken) -> Call) -> CallToken {
        let id = nextID
        nextID += 1
        return calls.insert(id: id, deadline: deadline, credit: UInt64(credit), call)
    }

    /// The caller took the call back; true if CANCEL is to be sent, false if the call has ended.
    package mutating func cancel(_ token: CallToken) -> Bool {
        calls.remove(token) != nil
    }

    /// The caller takes so many more messages; true if CREDIT is to be sent.
    package mutating func addCredit(_ credit: UInt32, to token: CallToken) -> Bool {
        guard calls.contains(token) else { return false }
        calls.addCredit(UInt64(credit), to: token.id)
        return true
    }

    /// Takes out the calls whose deadline has passed; each fails and gets a CANCEL.
    package mutating func expire(at now: NIODeadline) -> [(id: UInt64, call: Call)] {
        calls.removeExpired(at: now)
    }

    // MARK: - The end

    /// Whether the time for HELLO passed without one; the GOAWAY to end with.
    package func helloTimedOut() -> GoAway? {
        state == .awaitingHello ? .helloTimeout : nil
    }

    /// The connection ends; the calls that fail with it.
    package mutating func end() -> [(id: UInt64, call: Call)] {
        state = .ended
        return calls.removeAll()
    }
}
