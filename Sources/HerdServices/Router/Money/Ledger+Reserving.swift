package import HerdFrames
import NIOConcurrencyHelpers
package import NIOCore

/// Money for answers that are to begin.
extension Ledger {
    /// When to try again where answers under way may free money.
    private static let shortPause = 1_000
    /// For how long an answer waits for others to end.
    private static let longestWait = TimeAmount.seconds(30)
    /// How many that still have to wait are looked at each time that money is freed.
    private static let servedAtOnce = 64

    /// Sets money aside for an answer: all of `most`, or what is left of the day if that is at least `least`. It may be
    /// spent once it is `stored`; however the answer ends, it has to be settled.
    ///
    /// - Returns: nil for a credential without a limit, and for what costs nothing.
    /// - Throws: RESOURCE_EXHAUSTED, with when to try again.
    package func reserve(
        _ payer: Payer, model: String, least: UInt64, most: UInt64
    ) throws(CallError) -> Hold? {
        let wish = MoneyWish(payer: payer, model: model, least: least, most: most)
        let (limit, time) = (NanoUSD.of(usd: limit(payer.token)), now())
        return try told(state.withLockedValue { state in grant(wish, in: &state, limit: limit, time: time) }, wish)
    }

    /// The same, but where answers under way stand against it, and may cost less than is set aside for them, it waits for
    /// them: in the order of arrival, at most until `end`, and 30 s.
    package func reserve(
        _ payer: Payer, model: String, least: UInt64, most: UInt64, until end: NIODeadline
    ) async throws(CallError) -> Hold? {
        let wish = MoneyWish(payer: payer, model: model, least: least, most: most)
        let wait = MoneyWait(wish)
        let end = min(end, .now() + Self.longestWait)
        let (limit, time) = (NanoUSD.of(usd: limit(payer.token)), now())
        let (first, served): (MoneyWait.Outcome?, [Served]) = state.withLockedValue { state in
            // A new day or a new limit is for those first who wait for it.
            let served = state.waiting.isEmpty ? [] : serve(payer.token, in: &state, limit: limit, time: time)
            let outcome = grant(wish, in: &state, limit: limit, time: time)
            guard outcome.mayChange, end > .now() else { return (outcome, served) }
            state.waiting[payer.token, default: []].append(wait)
            return (nil, served)
        }
        for (wait, outcome) in served { wait.finish(outcome) }
        if let first { return try told(first, wish) }
        let timer = Task {
            try await Task.sleep(for: .nanoseconds(max(0, (end - .now()).nanoseconds)))
            self.giveUp(wait, isTakenBack: false)
        }
        defer { timer.cancel() }
        let outcome = await withTaskCancellationHandler {
            await wait.outcome()
        } onCancel: {
            self.giveUp(wait, isTakenBack: true)
        }
        return try told(outcome, wish)
    }

    private func told(_ outcome: MoneyWait.Outcome, _ wish: MoneyWish) throws(CallError) -> Hold? {
        if outcome.isTakenBack {
            throw CallError(.cancelled, "the call was taken back while it waited for money")
        }
        guard case .granted = outcome.verdict else {
            state.withLockedValue { $0.refused += 1 }
            throw Self.refusal(
                outcome.verdict, needs: wish.least, limit: outcome.limit, day: outcome.day, time: outcome.time)
        }
        if outcome.hold != nil { write() }
        return outcome.hold
    }

    private func grant(
        _ wish: MoneyWish, in state: inout State, limit: UInt64, time: UInt64
    ) -> MoneyWait.Outcome {
        guard limit > 0, wish.most > 0 else {
            return MoneyWait.Outcome(verdict: .granted(0), hold: nil, limit: limit, day: 0, time: time)
        }
        advance(&state, to: time / Self.dayMilliseconds)
        let day = state.spending.day
        let verdict = state.spending.reserve(
            least: wish.least, most: wish.most, of: wish.payer.token, limit: limit)
        guard case .granted(let amount) = verdict else {
            return MoneyWait.Outcome(verdict: verdict, hold: nil, limit: limit, day: day, time: time)
        }
        let hold = Hold(key: state.nextKey, day: day, payer: wish.payer, amount: amount)
        state.nextKey += 1
        state.open[hold.key] = hold
        state.batch.holds.append((hold, wish.model, time, limit))
        return MoneyWait.Outcome(verdict: verdict, hold: hold, limit: limit, day: day, time: time)
    }

    // MARK: - Waiting

    typealias Served = (wait: MoneyWait, outcome: MoneyWait.Outcome)

    /// Grants what can be granted of what a token's calls wait for, and refuses what never can; the rest goes on waiting.
    func serve(
        _ token: String, in state: inout State, limit: UInt64, time: UInt64
    ) -> [Served] {
        guard let waiting = state.waiting.removeValue(forKey: token) else { return [] }
        var served: [Served] = []
        var rest: [MoneyWait] = []
        var next = waiting.startIndex
        while next < waiting.endIndex, rest.count < Self.servedAtOnce {
            let outcome = grant(waiting[next].wish, in: &state, limit: limit, time: time)
            if outcome.mayChange { rest.append(waiting[next]) } else { served.append((waiting[next], outcome)) }
            next += 1
        }
        rest += waiting[next...]
        if !rest.isEmpty { state.waiting[token] = rest }
        return served
    }

    /// Ends the wait of one whose time is over, with a last look, or whose caller is gone; nothing where it was served
    /// meanwhile.
    private func giveUp(_ wait: MoneyWait, isTakenBack: Bool) {
        let token = wait.wish.payer.token
        let (limit, time) = (NanoUSD.of(usd: limit(token)), now())
        let outcome: MoneyWait.Outcome? = state.withLockedValue { state in
            guard let place = state.waiting[token]?.firstIndex(where: { $0 === wait }) else { return nil }
            state.waiting[token]?.remove(at: place)
            if state.waiting[token]?.isEmpty ?? false { state.waiting[token] = nil }
            guard isTakenBack else { return grant(wait.wish, in: &state, limit: limit, time: time) }
            return MoneyWait.Outcome(
                verdict: .later(left: 0), hold: nil, limit: limit, day: state.spending.day, time: time,
                isTakenBack: true)
        }
        if let outcome { wait.finish(outcome) }
    }

    private static func refusal(
        _ verdict: Spending.Verdict, needs: UInt64, limit: UInt64, day: UInt64, time: UInt64
    ) -> CallError {
        let total = NanoUSD.text(limit)
        let midnight = (day + 1) * dayMilliseconds
        switch verdict {
        case .neverFits:
            return CallError(
                .resourceExhausted,
                "this answer may cost \(NanoUSD.text(needs)) US dollars, more than the \(total) a day of this token; ask "
                    + "for a shorter one (options.max_tokens), or have the token's limit raised")
        case .later(let left):
            return CallError(
                .resourceExhausted,
                "this answer may cost \(NanoUSD.text(needs)) US dollars, and of the \(total) of this token's day "
                    + "\(NanoUSD.text(left)) are left while other answers are under way; try again when they have ended",
                metadata: ["retry-after-ms": "\(shortPause)"])
        case .spent(let left), .granted(let left):
            return CallError(
                .resourceExhausted,
                "this answer may cost \(NanoUSD.text(needs)) US dollars, and of the \(total) of this token's day "
                    + "\(NanoUSD.text(left)) are left; wait for the next day (UTC), ask for a shorter answer "
                    + "(options.max_tokens), or have the token's limit raised",
                metadata: ["retry-after-ms": "\(midnight > time ? midnight - time : 1)"])
        }
    }
}
