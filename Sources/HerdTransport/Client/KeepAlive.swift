package import NIOCore

/// Finds out that the peer is gone although the connection looks open: PING after silence while calls are open.
///
/// Silence is told from a flag that every read sets, looked at when the interval is over: no clock is read per frame.
/// A dead peer is noticed at most two intervals and one time-out after its last byte.
package struct KeepAlive {
    /// What to do now that the time has come.
    package enum Action: Hashable, Sendable {
        case nothing
        /// Send PING.
        case ping
        /// The PING was not answered: the connection is as good as lost.
        case lost
    }

    private enum State {
        /// No call was open when it was last looked at.
        ///
        /// - Parameter wasSilent: Whether nothing came for an interval, so that the next call had better ask first.
        case resting(wasSilent: Bool)
        case listening
        case awaitingPong
    }

    private var state = State.resting(wasSilent: false)
    private var wasHeard = false
    private let interval: TimeAmount
    private let timeout: TimeAmount
    /// When `rang` is to be called.
    package private(set) var deadline = NIODeadline.distantFuture

    package init(interval: TimeAmount, timeout: TimeAmount) {
        self.interval = interval
        self.timeout = timeout
    }

    /// Whether a call that opens has to be told to it.
    package var isResting: Bool {
        if case .resting = state { true } else { false }
    }

    /// Bytes came. The clock is read only where they may be the answer to a PING.
    package mutating func heard(at now: @autoclosure () -> NIODeadline) {
        wasHeard = true
        if case .awaitingPong = state { _ = listen(at: now()) }
    }

    /// A call is open, after there was none; either `nothing` or `ping`.
    package mutating func callOpened(at now: NIODeadline) -> Action {
        guard case .resting(let wasSilent) = state else { return .nothing }
        wasHeard = false
        return wasSilent ? ping(at: now) : listen(at: now)
    }

    /// The deadline has passed.
    package mutating func rang(at now: NIODeadline, hasOpenCalls: Bool) -> Action {
        guard deadline <= now else { return .nothing }
        let wasHeard = wasHeard
        self.wasHeard = false
        switch state {
        case .resting:
            deadline = .distantFuture
            return .nothing
        case .listening, .awaitingPong:
            guard hasOpenCalls else {
                state = .resting(wasSilent: !wasHeard)
                deadline = .distantFuture
                return .nothing
            }
            if case .awaitingPong = state {
                deadline = .distantFuture
                return .lost
            }
            if wasHeard { return listen(at: now) }
            return ping(at: now)
        }
    }

    private mutating func listen(at now: NIODeadline) -> Action {
        state = .listening
        deadline = now + interval
        return .nothing
    }

    private mutating func ping(at now: NIODeadline) -> Action {
        state = .awaitingPong
        deadline = now + timeout
        return .ping
    }
}
