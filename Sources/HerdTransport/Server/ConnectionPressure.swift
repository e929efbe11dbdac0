import NIOCore

/// What one connection has to do with the pressure of its event loop: its caller's share, and what of its input waits.
///
/// A turn is what the connection reads and handles before others have theirs.
struct ConnectionPressure {
    let loop: LoopPressure
    /// The caller's part of the loop's time; nil before HELLO.
    private var share: LoopPressure.Share?
    /// The round in which the client called last.
    private var lastRound: UInt64 = 0
    /// Bytes that came in this turn, or waited before it, and those of them that were handled.
    private var turn = (came: 0, handled: 0)
    /// Of those that came before it was the connection's turn, what the loop knows of.
    private var bytesAhead = 0
    /// The last turn was too short for what waited.
    private var isBacklogged = false

    /// What comes in one go at most: of more, some may still wait.
    private static let longInput = 32 << 10

    init(_ loop: LoopPressure) {
        self.loop = loop
    }

    /// Whether calls are weighed before they are dispatched.
    var isShedding: Bool { loop.isShedding && share != nil }

    mutating func join(_ caller: String) {
        share = loop.join(caller)
    }

    /// The connection is over.
    mutating func leave() {
        if let share { loop.leave(share) }
        share = nil
        setBacklogged(false)
        setAhead(0)
    }

    // MARK: - Calls

    /// Whether a call begins a round of the loop; see `LoopPressure.called`.
    mutating func beginsRound(at now: NIODeadline) -> Bool {
        share.map { loop.called($0, lastIn: &lastRound, now: now) } ?? false
    }

    /// Whether the caller has some of its share left.
    func admits() -> Bool { share.map(loop.admits) ?? true }

    func handledCall(in time: TimeAmount) {
        if let share { loop.handled(share, in: time) { .current } }
    }

    // MARK: - Input

    /// How long a turn may take: while calls are shed, long enough that reading them is worth it, but not for each of many
    /// connections, of one caller or of all, for all of whose turns the others wait.
    var turnTime: TimeAmount {
        guard isShedding, let share else { return ConnectionLimits.turnTime }
        let sharing = max(share.connections, loop.backlogged / ConnectionLimits.longTurns, 1)
        let part = ConnectionLimits.sheddingTurnTime.nanoseconds / Int64(sharing)
        return max(.nanoseconds(part), ConnectionLimits.shortestTurnTime)
    }

    mutating func turnBegan() { turn = (0, 0) }

    mutating func handled(came: Int, left: Int) {
        turn.came += came
        turn.handled += max(0, came - left)
    }

    /// Whether more may be waiting than this turn has shown.
    ///
    /// - Parameters:
    ///   - isOver: Whether the turn ended before all was handled.
    ///   - hasEndedFrame: Else the rest of a long frame waits for its client.
    func mayHaveMore(isOver: Bool, hasEndedFrame: Bool) -> Bool {
        share != nil && (isOver || turn.came >= Self.longInput && hasEndedFrame)
    }

    /// At the end of a turn that began at `start` so many bytes wait.
    mutating func noteWaiting(_ bytes: Int, since start: NIODeadline?) {
        setBacklogged(bytes > 0)
        guard bytes > 0 else { return }
        let now = NIODeadline.now()
        loop.turnEnded(waiting: bytes, handled: turn.handled, in: now - (start ?? now), now: now)
    }

    /// So many bytes were read before it is the connection's turn.
    mutating func setAhead(_ bytes: Int) {
        guard bytes != bytesAhead else { return }
        loop.readAhead(bytes - bytesAhead)
        bytesAhead = bytes
    }

    private mutating func setBacklogged(_ isBacklogged: Bool) {
        guard isBacklogged != self.isBacklogged else { return }
        self.isBacklogged = isBacklogged
        loop.backlog(isBacklogged)
    }
}
