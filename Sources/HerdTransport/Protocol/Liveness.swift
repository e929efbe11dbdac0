package import NIOCore

/// When a server pings a quiet peer, gives up one that is gone and sends away one that does not call: the times of one
/// connection, without a clock.
///
/// Noting that something came costs two stores; what follows from the time that passed is looked at when the
/// connection's one timer rings.
package struct Liveness {
    /// What is to be done because time passed.
    package enum Action: Hashable, Sendable {
        case none
        /// Nothing came for the keep-alive interval: send a PING.
        case ping
        /// Nothing came for the PING either: the peer is gone.
        case giveUp
        /// No calls for the idle time-out: send GOAWAY and close.
        case sendAway
        /// A frame that began did not end in time.
        case frameOverdue
    }

    private let limits: ConnectionLimits
    /// When the last byte came, or was seen to be taken.
    private var lastSign: NIODeadline
    /// When the last call began or ended.
    private var lastCall: NIODeadline
    private var pingedAt: NIODeadline?
    private var frameBegan: NIODeadline?
    /// How many bytes the peer had taken when that was last looked at.
    private var bytesTaken: UInt64 = 0

    package init(limits: ConnectionLimits, now: NIODeadline) {
        self.limits = limits
        lastSign = now
        lastCall = now
    }

    // MARK: - What happens

    /// Bytes came, of whatever kind; true if a PING was out, so that what is due next is due earlier than it was.
    @discardableResult
    package mutating func heard(at now: NIODeadline) -> Bool {
        lastSign = now
        guard pingedAt != nil else { return false }
        pingedAt = nil
        return true
    }

    /// A call came, or the last open one ended.
    package mutating func called(at now: NIODeadline) {
        lastCall = now
    }

    /// The bytes read so far end with an unfinished frame, to which bytes were added now.
    ///
    /// - Parameter isNew: Whether another frame ended in those bytes, so that this one began in them.
    package mutating func frameGoesOn(at now: NIODeadline, isNew: Bool) {
        if isNew || frameBegan == nil { frameBegan = now }
    }

    /// There is no unfinished frame, or it can't go on because the connection is not read.
    package mutating func frameEnded() {
        frameBegan = nil
    }

    /// Whether a frame has begun and its end is awaited.
    package var isInFrame: Bool { frameBegan != nil }

    /// The peer has taken so many bytes since it connected, and `rest` more are waiting for it.
    ///
    /// While some wait, taking others is a sign of life, the only one of a peer that is not read because it reads
    /// slowly. Where all were taken it is none: a system takes bytes for a process that hangs.
    package mutating func took(bytes: UInt64, rest: UInt64, at now: NIODeadline) {
        if rest > 0 && bytes > bytesTaken { heard(at: now) }
        bytesTaken = max(bytesTaken, bytes)
    }

    // MARK: - What time brings

    /// When `check` may have something to say, at the earliest.
    package func due(hasCalls: Bool, isGreeted: Bool) -> NIODeadline {
        var due = NIODeadline.distantFuture
        if let frameBegan { due = min(due, frameBegan + limits.frameTimeout) }
        guard isGreeted else { return due }
        if let pingedAt {
            due = min(due, pingedAt + limits.keepaliveTimeout)
        } else {
            due = min(due, lastSign + limits.keepaliveInterval)
        }
        if !hasCalls && limits.idleTimeout > .zero { due = min(due, lastCall + limits.idleTimeout) }
        return due
    }

    /// What is to be done now; to be asked until it says `none`.
    package mutating func check(at now: NIODeadline, hasCalls: Bool, isGreeted: Bool) -> Action {
        if let frameBegan, frameBegan + limits.frameTimeout <= now {
            self.frameBegan = nil
            return .frameOverdue
        }
        guard isGreeted else { return .none }
        if !hasCalls && limits.idleTimeout > .zero && lastCall + limits.idleTimeout <= now {
            lastCall = now
            return .sendAway
        }
        if let pingedAt {
            return pingedAt + limits.keepaliveTimeout <= now ? .giveUp : .none
        }
        guard lastSign + limits.keepaliveInterval <= now else { return .none }
        pingedAt = now
        return .ping
    }

    /// Whether nothing was heard for so long that memory kept for the next burst is better given back.
    package func isQuiet(at now: NIODeadline) -> Bool {
        lastSign + ConnectionLimits.trimTime <= now
    }

    package var quietAt: NIODeadline { lastSign + ConnectionLimits.trimTime }
}
