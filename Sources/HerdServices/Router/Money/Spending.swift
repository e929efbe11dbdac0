/// What each credential has spent of one day, and what of it is set aside for answers under way. Pure.
package struct Spending: Sendable {
    package struct Account: Sendable, Equatable {
        /// For answers that are over, and for those of which nobody knows what they cost.
        package var charged: UInt64
        /// For answers under way.
        package var reserved: UInt64

        package init(charged: UInt64 = 0, reserved: UInt64 = 0) {
            self.charged = charged
            self.reserved = reserved
        }

        mutating func charge(_ amount: UInt64) { charged = NanoUSD.sum(charged, amount) }

        mutating func reserve(_ amount: UInt64) { reserved = NanoUSD.sum(reserved, amount) }
    }

    package enum Verdict: Sendable, Equatable {
        case granted(UInt64)
        /// Over what a whole day allows.
        case neverFits
        /// Answers under way may cost less than is set aside for them.
        case later(left: UInt64)
        case spent(left: UInt64)
    }

    private struct Day: Sendable {
        let number: UInt64
        var accounts: [String: Account]

        mutating func settle(reserved: UInt64, cost: UInt64, of token: String) {
            var account = accounts[token] ?? Account()
            account.reserved -= min(account.reserved, reserved)
            account.charge(cost)
            accounts[token] = account
        }
    }

    private var current: Day
    /// The day before the clock went ahead by more than one, should that be mended.
    private var left: Day?

    /// - Parameters:
    ///   - day: days since 1970-01-01 UTC.
    ///   - accounts: what is spent of it already.
    package init(day: UInt64, accounts: [String: Account] = [:]) {
        current = Day(number: day, accounts: accounts)
    }

    /// Days since 1970-01-01 UTC.
    package var day: UInt64 { current.number }

    /// Begins another day. An earlier one, as of a clock that was set back, changes nothing, unless it was ahead by days
    /// before: then the day that it left goes on.
    ///
    /// - Parameter load: what is spent of a day already; asked of every day that begins, since a clock that was wrong may
    ///   have been there before.
    package mutating func advance(to day: UInt64, load: (UInt64) -> [String: Account]) {
        if day > current.number {
            if day > current.number + 1, left == nil { left = current }
            current = Day(number: day, accounts: load(day))
        } else if day + 1 < current.number, let left, day >= left.number {
            current = day == left.number ? left : Day(number: day, accounts: load(day))
            self.left = nil
        }
    }

    /// Of all credentials.
    package var total: Account {
        current.accounts.values.reduce(into: Account()) { sum, account in
            sum.charge(account.charged)
            sum.reserve(account.reserved)
        }
    }

    package func account(of token: String) -> Account { current.accounts[token] ?? Account() }

    /// Sets money aside: all of `most`, or what is left of the limit if that is at least `least`.
    package mutating func reserve(least: UInt64, most: UInt64, of token: String, limit: UInt64) -> Verdict {
        var account = account(of: token)
        let held = NanoUSD.sum(account.charged, account.reserved)
        let left = limit > held ? limit - held : 0
        let amount = min(most, left)
        guard amount >= least else {
            if least > limit { return .neverFits }
            return NanoUSD.sum(account.charged, least) <= limit ? .later(left: left) : .spent(left: left)
        }
        account.reserved += amount
        current.accounts[token] = account
        return .granted(amount)
    }

    /// Puts what an answer cost in the place of what was set aside for it, 0 if nothing was.
    package mutating func settle(reserved: UInt64, cost: UInt64, of token: String, day: UInt64) {
        if day == current.number {
            current.settle(reserved: reserved, cost: cost, of: token)
        } else if day == left?.number {
            // It goes on when the clock is mended.
            left?.settle(reserved: reserved, cost: cost, of: token)
        }
        // Any other day is over: nobody spends of it, unless it is loaded again.
    }
}
