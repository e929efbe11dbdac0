package import NIOCore
import Synchronization

/// Whether one event loop keeps up with its connections, and who is served while it does not.
///
/// Calls that wait for longer than `limit`, for a while and not only in a burst, mean that more comes than can be done. From
/// then on the loop works in rounds: what has come is either answered in its round or shed, which costs a fraction of
/// answering, so that nothing waits for longer than a round takes. Every caller gets the same part of a round, its level;
/// who wants less leaves the rest to the others (max-min fairness), however many connections each has. The level follows
/// from what rounds take: it falls while they are longer than `roundTime`, whatever they are spent on, and rises while they
/// are shorter, but half of a round is always the callers'.
///
/// Shedding ends when nothing had to be shed for half a second, when the loop had nothing to do again and again, and for a
/// try after five seconds, ten and so on: callers who wait for their answers before they call again may keep a loop busy for
/// ever without any call waiting for long.
///
/// Used on its event loop only, but for `sheds(at:)`; every time is given by the caller.
package final class LoopPressure: @unchecked Sendable {
    /// What one caller, a token or a connection without one, has of this loop.
    package final class Share {
        fileprivate let key: String
        package fileprivate(set) var connections = 0
        /// In which it got its part last.
        fileprivate var round: UInt64 = 0
        /// In which it called last.
        fileprivate var lastCalled: UInt64 = 0
        /// Nanoseconds that it may still take; the last call that it pays for overdraws it.
        fileprivate var credit: Int64 = 0

        fileprivate init(key: String) { self.key = key }
    }

    /// Whether calls beyond a caller's share are shed.
    package private(set) var isShedding = false

    private let limit: Int64
    private let measured: (@Sendable (TimeAmount) -> Void)?
    /// When a round of those in which calls are shed last ended, or the first began; 0 while none are. For other threads.
    private let lastShedding = Atomic<UInt64>(0)
    private var shares: [String: Share] = [:]
    /// Connections that have more than one turn's worth waiting.
    private(set) var backlogged = 0

    /// Bytes that were read before it was their connection's turn.
    private var bytesAhead = 0
    /// When it was last measured how long a pass over all connections takes.
    private var lastPass = NIODeadline.uptimeNanoseconds(0)

    private var overSince: NIODeadline?
    private var lastOver = NIODeadline.uptimeNanoseconds(0)

    private var round: UInt64 = 0
    private var isInRound = false
    /// Connections that call in it, and the callers whose they are.
    private var connections = 0
    private var callers = 0
    /// What the loop's thread had used when the last round ended; nil when that is not known.
    private var use: ThreadUse?
    /// The same when it was last looked at.
    private var lastUse: ThreadUse?
    /// Nanoseconds that callers were charged since then.
    private var charged: Int64 = 0
    /// Somebody waited for its turn since the last round, which a loop may well sleep over.
    private var hadBacklog = false
    /// In how many rounds it slept, since when.
    private var sleeps = (count: 0, start: NIODeadline.uptimeNanoseconds(0))
    /// Nanoseconds that each caller gets in a round.
    private var level = Double(roundTime.nanoseconds)
    private var lastShed = NIODeadline.uptimeNanoseconds(0)
    /// When it began, and after how long it is tried whether it is needed.
    private var shedSince = NIODeadline.uptimeNanoseconds(0)
    private var trial = firstTrial
    private var lastTrial = NIODeadline.uptimeNanoseconds(0)
    private var lastRound = NIODeadline.uptimeNanoseconds(0)
    private var roundStart = NIODeadline.uptimeNanoseconds(0)

    /// How long calls must have waited too long: a burst is worked off in less.
    package static let patience = TimeAmount.milliseconds(50)
    /// The same right after a try to go without shedding, when half of `limit` is enough: it was more than a burst before.
    private static let trialPatience = TimeAmount.milliseconds(10)
    /// How long a round is to take, and how much longer for each connection that calls in it: calls wait for as long, but
    /// shorter rounds lose more to reading from each connection and writing to it.
    package static let roundTime = TimeAmount.milliseconds(1)
    package static let connectionTime = TimeAmount.microseconds(60)
    package static let longestRound = TimeAmount.milliseconds(8)
    package static let calm = TimeAmount.milliseconds(500)
    package static let firstTrial = TimeAmount.seconds(5)
    private static let longestTrial = TimeAmount.seconds(80)
    /// How often a loop sleeps in that time that keeps up.
    private static let manySleeps = 50
    /// When a caller whose call was shed should try again, in milliseconds.
    package static let retryAfterMilliseconds = 100
    /// A call that may have been interrupted.
    private static let longCall = TimeAmount.microseconds(250)
    private static let mostReadAhead = 4 << 20
    private static let mostReadAheadTogether = 32 << 20
    private static let passInterval = TimeAmount.milliseconds(10)

    /// - Parameters:
    ///   - limit: how long calls may wait.
    ///   - measured: is told how long calls wait, once a pass, a turn that was too short, or a round, on the event loop.
    package init(limit: TimeAmount, measured: (@Sendable (TimeAmount) -> Void)? = nil) {
        self.limit = max(1, limit.nanoseconds)
        self.measured = measured
    }

    /// Whether calls beyond a caller's share are shed at that time; may be asked on any thread.
    ///
    /// A loop that nobody calls notices only with the next call that it no longer has to shed any.
    package func sheds(at now: NIODeadline) -> Bool {
        let last = lastShedding.load(ordering: .relaxed)
        return last > 0 && now - NIODeadline.uptimeNanoseconds(last) <= Self.calm
    }

    // MARK: - Who calls

    /// The share of a caller, for one more connection; to be given back to `leave`.
    package func join(_ key: String) -> Share {
        let share = shares[key] ?? Share(key: key)
        share.connections += 1
        shares[key] = share
        return share
    }

    package func leave(_ share: Share) {
        share.connections -= 1
        if share.connections == 0 { shares[share.key] = nil }
    }

    // MARK: - What is measured

    /// A connection has more than one turn's worth waiting, or no longer.
    package func backlog(_ isBacklogged: Bool) {
        backlogged += isBacklogged ? 1 : -1
        if isBacklogged { hadBacklog = true }
    }

    /// A connection's turn is over, and more waits.
    ///
    /// - Parameters:
    ///   - waiting: bytes that were not handled.
    ///   - handled: bytes that were.
    ///   - time: what those took.
    package func turnEnded(waiting: Int, handled: Int, in time: TimeAmount, now: NIODeadline) {
        guard handled > 0 else { return }
        // The others have their turns in between.
        let turns = Double(waiting) / Double(handled) * Double(max(1, backlogged))
        let delay = TimeAmount.nanoseconds(Int64(min(turns * Double(time.nanoseconds), 1e15)))
        measured?(delay)
        waited(delay, now: now)
    }

    /// The loop has come round to all its connections, as `measuresPass` asked to be told.
    package func passEnded(in time: TimeAmount, now: NIODeadline) {
        measured?(time)
        waited(time, now: now)
    }

    /// Calls wait for so long before they are begun.
    package func waited(_ delay: TimeAmount, now: NIODeadline) {
        guard !isShedding else { return }
        let isTried = now - lastTrial < Self.calm
        let (limit, patience) = isTried ? (limit / 2, Self.trialPatience) : (limit, Self.patience)
        guard delay.nanoseconds > limit else { return }
        // What came before a pause was another burst; calls that have waited since before it began are of the same.
        if overSince == nil || now - delay > lastOver + .nanoseconds(limit) { overSince = now }
        lastOver = now
        guard let overSince, now - overSince > patience else { return }
        isShedding = true
        lastShedding.store(now.uptimeNanoseconds, ordering: .relaxed)
        shedSince = now
        lastShed = now
        lastRound = now
        (use, lastUse, charged) = (nil, nil, 0)
        sleeps = (0, now)
        level = Double(Self.roundTime.nanoseconds) / Double(max(1, backlogged))
    }

    /// Whether it is time to measure how long the loop takes to come round to all its connections; whoever is told so tells
    /// `passEnded` of it then.
    package func measuresPass(now: NIODeadline) -> Bool {
        guard now - lastPass > Self.passInterval, !isShedding else { return false }
        lastPass = now
        return true
    }

    /// So many bytes more, or fewer, were read while it was not their connection's turn.
    package func readAhead(_ bytes: Int) { bytesAhead += bytes }

    /// Whether a connection that has so many bytes which wait may read more while others have their turns.
    package func mayReadAhead(_ bytes: Int) -> Bool {
        bytes < Self.mostReadAhead && bytesAhead < Self.mostReadAheadTogether
    }

    // MARK: - While calls are shed

    /// A connection of a caller calls that did so last in `round`, which becomes the one that there is.
    ///
    /// - Returns: whether the round begins with this call; whoever is told so tells of the round's end when the event loop
    ///   has come round to all its connections.
    package func called(_ share: Share, lastIn round: inout UInt64, now: NIODeadline) -> Bool {
        let begins = !isInRound
        if begins {
            // Nobody called for long.
            if now - lastRound > Self.calm { end() }
            isInRound = true
            roundStart = now
            (connections, callers) = (0, 0)
            self.round &+= 1
        }
        if round != self.round {
            round = self.round
            connections += 1
        }
        if share.lastCalled != self.round {
            share.lastCalled = self.round
            callers += 1
        }
        return begins
    }

    /// Whether a caller has some of its share left.
    package func admits(_ share: Share) -> Bool {
        guard isShedding else { return true }
        if share.round != round {
            // Debts are paid in every round; what is not used is not saved, since it was given to others.
            let rounds = Double(min(round &- share.round, 1_000_000))
            share.credit = Int64(min(Double(share.credit) + level * rounds, level))
            share.round = round
        }
        return share.credit > 0
    }

    /// A caller's call took so much of the loop's time.
    ///
    /// - Parameter use: that of the loop's thread; asked for after long calls only, because it costs as much as a short one.
    package func handled(_ share: Share, in time: TimeAmount, use: () -> ThreadUse) {
        var cost = time.nanoseconds
        if cost > Self.longCall.nanoseconds {
            // The caller does not pay for what others did with the processor meanwhile.
            let use = use()
            if let lastUse { cost = min(cost, max(0, use.busy - lastUse.busy - charged)) }
            (lastUse, charged) = (use, 0)
        } else {
            charged += cost
        }
        share.credit -= cost
    }

    /// A call was shed.
    package func shed(now: NIODeadline) {
        lastShed = now
    }

    /// A round is over.
    package func roundEnded(use: ThreadUse, now: NIODeadline) {
        isInRound = false
        lastRound = now
        if isShedding {
            lastShedding.store(now.uptimeNanoseconds, ordering: .relaxed)
            // Passes are not measured meanwhile.
            measured?(now - roundStart)
        }
        (lastUse, charged) = (use, 0)
        defer { self.use = use }
        guard let last = self.use else { return }
        let busy = use.busy - last.busy
        // Down at once, since calls wait; up in steps, since what comes next may be more.
        let target = Double(
            min(Self.roundTime + Self.connectionTime * connections, Self.longestRound).nanoseconds)
        level *= min(max(target / Double(max(1, busy)), 1 / 16), 1.25)
        // Whatever else takes the loop's time, callers get half of it.
        level = min(max(level, target / 2 / Double(max(1, callers))), target)
        if use.sleeps != last.sleeps && !hadBacklog { sleeps.count += 1 }
        hadBacklog = backlogged > 0
        if now - sleeps.start > Self.calm {
            if sleeps.count >= Self.manySleeps { end() }
            sleeps = (0, now)
        }
        if now - lastShed > Self.calm { end() }
        if isShedding, now - shedSince > trial {
            let next = min(trial * 2, Self.longestTrial)
            end()
            trial = next
            lastTrial = now
        }
    }

    private func end() {
        isShedding = false
        lastShedding.store(0, ordering: .relaxed)
        trial = Self.firstTrial
        overSince = nil
        for share in shares.values { share.credit = 0 }
    }
}
