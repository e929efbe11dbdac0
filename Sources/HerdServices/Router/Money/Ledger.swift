import HerdFrames
import HerdMessages
package import HerdStore
package import Logging
import NIOConcurrencyHelpers

/// What the herd's callers spend: what is left of each token's day is known in memory, and everything that matters is on
/// disk before it has an effect.
///
/// Money is set aside on disk before a model is asked, and what it cost takes its place afterwards. What is freed so is
/// given to nobody in an earlier transaction than the one that frees it: however the process ends, what is charged and
/// what is set aside never come to more than the limit. What an earlier process has set aside stays charged.
package final class Ledger: Sendable {
    static let accounts = Table<[UInt8]>("accounts")
    static let reservations = Table<UInt64>("reservations")
    package static let tables: [TableID] = [accounts.id, reservations.id]

    struct State {
        var spending: Spending
        var nextKey: UInt64
        /// When the clock last was days off the day that money is spent of, or the process began.
        var steadySince: ContinuousClock.Instant
        /// Holds that are not settled, by their keys.
        var open: [UInt64: Hold] = [:]
        /// Who waits for answers of the same token to end, by token, in the order they came.
        var waiting: [String: [MoneyWait]] = [:]
        var batch = LedgerBatch()
        /// Changes of the batch that is being written.
        var underWay: [LedgerBatch.Row: LedgerBatch.Change] = [:]
        /// Answers that were not paid for.
        var refused: UInt64 = 0
        /// What earlier processes had set aside for answers of a day, and never settled.
        var unsettled: (day: UInt64, amount: UInt64)
        /// Whether somebody writes now.
        var isWriting = false
        /// Whether somebody writes in a moment.
        var isWaiting = false
    }

    let store: StoreEnvironment
    let limit: @Sendable (_ token: String) -> Double
    let now: @Sendable () -> UInt64
    private let uptime: @Sendable () -> ContinuousClock.Instant
    private let logger: Logger
    /// Of this process: it settles no other's reservations.
    let run: UInt64
    let state: NIOLockedValueBox<State>
    private let removalAge: Duration

    /// How far a clock is set back at most, in days, as against one that was ahead before.
    private static let mostDaysAhead: UInt64 = 7
    /// How long what nobody waits for may wait for more.
    private static let patience = Duration.milliseconds(100)
    /// How long to wait before a disk that failed is tried again.
    private static let pauses = (first: Duration.milliseconds(50), longest: Duration.seconds(2))
    static let dayMilliseconds: UInt64 = 86_400_000

    /// Reads what is charged of the day.
    ///
    /// - Parameters:
    ///   - limit: US dollars a day of a token; 0 = none.
    ///   - now: milliseconds since 1970.
    ///   - uptime: a clock that nobody sets.
    ///   - removalAge: how long the process has to run, and the clock to go without a jump, until it removes what is old:
    ///     not in the time of a clock that is wrong.
    package init(
        store: StoreEnvironment, logger: Logger, now: (@Sendable () -> UInt64)? = nil,
        uptime: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now },
        removalAge: Duration = .seconds(3_600),
        limit: @escaping @Sendable (_ token: String) -> Double
    ) throws {
        self.store = store
        self.logger = logger
        self.removalAge = removalAge
        self.limit = limit
        let now = now ?? { WallClock.milliseconds() }
        self.now = now
        self.uptime = uptime
        let run = UInt64.random(in: 1 ... .max)
        self.run = run
        let today = now() / Self.dayMilliseconds
        var latest = today
        var nextKey = now() << 16
        try store.read { transaction in
            try transaction.scan(Self.reservations) { record in
                nextKey = max(nextKey, try record.key() + 1)
                if let reservation = try? ReservationRecord(stored: try record.value()) {
                    if reservation.day <= today + Self.mostDaysAhead { latest = max(latest, reservation.day) }
                } else {
                    logger.error("a reservation is damaged: what it set aside is not known")
                }
                return .next
            }
            // Days further ahead are of a clock that was wrong.
            let end = OrderedBytes().adding(today + Self.mostDaysAhead + 1).bytes
            if let last = try transaction.firstKey(of: Self.accounts, .all.reversed().starting(at: end)) {
                latest = max(latest, Self.day(ofKey: last) ?? 0)
            }
        }
        var accounts: [String: Spending.Account] = [:]
        let unsettled = try Self.read(latest, of: store, except: run, logger, into: &accounts)
        state = NIOLockedValueBox(
            State(
                spending: Spending(day: latest, accounts: accounts), nextKey: nextKey, steadySince: uptime(),
                unsettled: (latest, unsettled)))
    }

    /// Of an account's key.
    static func day(ofKey key: [UInt8]) -> UInt64? {
        guard key.count >= 8 else { return nil }
        return key.prefix(8).reduce(0) { day, byte in day << 8 | UInt64(byte) }
    }

    /// Of a reservation's key, which begins with when its process began, in milliseconds since 1970.
    static func day(ofReservation key: UInt64) -> UInt64 { (key >> 16) / dayMilliseconds }

    /// The day that money is spent of.
    var today: UInt64 { state.withLockedValue { $0.spending.day } }

    /// How many answers wait for others of their tokens to end.
    package var waitingForMoney: Int { state.withLockedValue { $0.waiting.values.reduce(0) { $0 + $1.count } } }

    /// How many reservations are settled and wait for their removal from the disk.
    package var unwrittenSettlements: Int { state.withLockedValue { $0.batch.settled.count } }

    // MARK: - Days

    /// Goes on to the clock's day. Waits for the disk where that is another one than before.
    func advance(_ state: inout State, to day: UInt64) {
        let current = state.spending.day
        guard day != current else { return }
        if max(day, current) - min(day, current) > 1 { state.steadySince = uptime() }
        let known = state
        var loaded: (day: UInt64, amount: UInt64)?
        state.spending.advance(to: day) { day in
            let (accounts, unsettled) = charged(of: day, known)
            loaded = (day, unsettled)
            return accounts
        }
        if let loaded {
            state.unsettled = loaded
        } else if state.unsettled.day != state.spending.day {
            // Back from a day that the clock was at by mistake.
            state.unsettled = (state.spending.day, charged(of: state.spending.day, known).unsettled)
        }
    }

    /// What is spent of a day that is not in memory: nothing, unless a clock that was wrong has been there.
    private func charged(
        of day: UInt64, _ known: State
    ) -> (accounts: [String: Spending.Account], unsettled: UInt64) {
        var accounts: [String: Spending.Account] = [:]
        var unsettled: UInt64 = 0
        do {
            unsettled = try Self.read(day, of: store, except: run, logger, into: &accounts)
        } catch {
            logger.error(
                "what was charged for a day can't be read; what is known of it counts",
                metadata: ["day": "\(day)", "error": "\(error)"])
        }
        // Whether the disk has what is being written is not known: money counts rather twice than not at all.
        for changes in [known.batch.changes, known.underWay] {
            for (row, change) in changes where row.day == day {
                accounts[row.payer.token, default: Spending.Account()].charge(change.charged)
            }
        }
        for hold in known.open.values where hold.day == day {
            accounts[hold.payer.token, default: Spending.Account()].reserve(hold.amount)
        }
        return (accounts, unsettled)
    }

    /// Adds what is on disk of a day: what is charged, and what other processes have set aside.
    ///
    /// - Returns: the latter alone.
    private static func read(
        _ day: UInt64, of store: StoreEnvironment, except run: UInt64, _ logger: Logger,
        into sums: inout [String: Spending.Account]
    ) throws -> UInt64 {
        var unsettled: UInt64 = 0
        try store.read { transaction in
            try transaction.scan(accounts, .prefix(OrderedBytes().adding(day).bytes)) { record in
                if let account = try? AccountRecord(stored: try record.value()) {
                    sums[account.token, default: Spending.Account()].charge(account.chargedNanoUsd)
                } else {
                    logger.error(
                        "an account is damaged: what it was charged for a day is not known",
                        metadata: ["day": "\(day)"])
                }
                return .next
            }
            try transaction.scan(reservations) { record in
                if let reservation = try? ReservationRecord(stored: try record.value()), reservation.day == day,
                    reservation.run != run
                {
                    sums[reservation.token, default: Spending.Account()].charge(reservation.nanoUsd)
                    unsettled = NanoUSD.sum(unsettled, reservation.nanoUsd)
                }
                return .next
            }
        }
        return unsettled
    }

    // MARK: - Spending

    /// Whether a credential's money is limited.
    func isLimited(_ payer: Payer) -> Bool { limit(payer.token) > 0 }

    /// Charges what an answer cost, in the place of what was set aside for it. Does not wait for anything.
    ///
    /// - Parameter answers: 0 where there was none.
    package func settle(
        _ hold: Hold?, of payer: Payer, cost: UInt64, answers: UInt64, promptTokens: UInt64, completionTokens: UInt64
    ) {
        let limit = NanoUSD.of(usd: limit(payer.token))
        let time = now()
        let (isUrgent, served) = state.withLockedValue { state in
            advance(&state, to: time / Self.dayMilliseconds)
            let day = hold?.day ?? state.spending.day
            state.spending.settle(reserved: hold?.amount ?? 0, cost: cost, of: payer.token, day: day)
            if let hold {
                state.open[hold.key] = nil
                if !hold.hasFailed { state.batch.settled.append(hold.key) }
            }
            if answers > 0 || cost > 0 {
                state.batch.add(
                    LedgerBatch.Change(
                        answers: answers, promptTokens: promptTokens, completionTokens: completionTokens, charged: cost,
                        limit: limit), to: LedgerBatch.Row(day: day, payer: payer))
            }
            let served = state.waiting.isEmpty ? [] : serve(payer.token, in: &state, limit: limit, time: time)
            return (state.batch.isUrgent, served)
        }
        for (wait, outcome) in served { wait.finish(outcome) }
        // Behind the reply's last frame, which is next.
        EventLoopHosts.afterwards {
            if isUrgent { self.write() } else { self.writeSoon() }
        }
    }

    /// What all credentials together have spent of the clock's day, and how many answers were not paid for.
    package var sums: Sums {
        let today = now() / Self.dayMilliseconds
        return state.withLockedValue { state in
            var sums = Sums(refused: state.refused)
            // Of a day that nobody has spent of yet, nothing is known here, and nothing is spent.
            guard today <= state.spending.day else { return sums }
            let total = state.spending.total
            sums.charged = NanoUSD.sum(total.charged, total.reserved)
            sums.reserved = total.reserved
            if state.unsettled.day == state.spending.day { sums.unsettled = state.unsettled.amount }
            return sums
        }
    }

    // MARK: - Writing

    /// Waits until all that came before is on disk; gives why it is not.
    @discardableResult
    package func flush() async -> (any Error)? {
        let barrier = Hold(key: 0, day: 0, payer: Payer(), amount: 0)
        state.withLockedValue { $0.batch.barriers.append(barrier) }
        write()
        return await barrier.stored()
    }

    /// Writes what there is, unless somebody does so already, who then writes that, too.
    func write() {
        let begins = state.withLockedValue { state in
            guard !state.isWriting else { return false }
            state.isWriting = true
            return true
        }
        if begins { Task.detached { await self.writeAll() } }
    }

    private func writeSoon() {
        let begins = state.withLockedValue { state in
            guard !state.isWriting, !state.isWaiting else { return false }
            state.isWaiting = true
            return true
        }
        guard begins else { return }
        Task.detached {
            try? await Task.sleep(for: Self.patience)
            self.state.withLockedValue { $0.isWaiting = false }
            self.write()
        }
    }

    private func writeAll() async {
        var pause = Self.pauses.first
        var isFirst = true
        while let (batch, day, removesOld) = take(evenIfNobodyWaits: isFirst) {
            isFirst = false
            do {
                try await store.write { [run] transaction in
                    try batch.apply(day: day, run: run, removesOld: removesOld, to: &transaction)
                }
                state.withLockedValue { $0.underWay = [:] }
                for (hold, _, _, _) in batch.holds { hold.finish(nil) }
                for barrier in batch.barriers { barrier.finish(nil) }
                pause = Self.pauses.first
            } catch {
                // Before their keys are dropped: what is settled from now on adds none.
                for (hold, _, _, _) in batch.holds { hold.finish(error) }
                let isLeft = state.withLockedValue { state in
                    state.batch = batch.leftovers(with: state.batch)
                    state.underWay = [:]
                    return !state.batch.isEmpty
                }
                for barrier in batch.barriers { barrier.finish(error) }
                if let error = error as? StoreError, error.code == .closed {
                    // Whoever came meanwhile, and comes later, is told the same.
                    let late = state.withLockedValue { state in
                        state.isWriting = false
                        defer { (state.batch.holds, state.batch.barriers) = ([], []) }
                        return state.batch.holds.map(\.hold) + state.batch.barriers
                    }
                    for hold in late { hold.finish(error) }
                    return
                }
                guard isLeft else { continue }
                logger.error(
                    "what answers cost can't be stored for now; it is kept in memory and tried again",
                    metadata: ["error": "\(error)"])
                try? await Task.sleep(for: pause)
                isFirst = true
                pause = min(pause * 2, Self.pauses.longest)
            }
        }
    }

    /// Nil where nothing is left to write at once.
    private func take(evenIfNobodyWaits: Bool) -> (LedgerBatch, day: UInt64, removesOld: Bool)? {
        let time = uptime()
        let (batch, day, removesOld, isLeft): (LedgerBatch?, UInt64, Bool, Bool) = state.withLockedValue { state in
            guard state.batch.isUrgent || evenIfNobodyWaits && !state.batch.isEmpty else {
                state.isWriting = false
                return (nil, 0, false, !state.batch.isEmpty)
            }
            defer { state.batch = LedgerBatch() }
            state.underWay = state.batch.changes
            return (state.batch, state.spending.day, time - state.steadySince >= removalAge, false)
        }
        if isLeft { writeSoon() }
        return batch.map { ($0, day, removesOld) }
    }
}
