/// What each credential has spent of one day, and what of it is set aside for answers under way. Pure.
package struct Spending: Sendable {
    package struct Account: Sendable, Equatable {
        /// For answers that are over, and for those of which nobody knows what they cost.
        package var charged: UInt64 = 0
        /// For answers under way.
        package var reserved: UInt64 = 0
    }

    package enum Verdict: Sendable, Equatable {
        case granted(UInt64)
        /// Over what a whole day allows.
        case neverFits
        /// Answers under way may cost less than is set aside for them.
        case later(left: UInt64)
        case spent(left: UInt64)
    }

    /// Days since 1970-01-01 UTC.
    package private(set) var day: UInt64
    private var accounts: [String: Account] = [:]
    /// The day before the clock went ahead by more than one, should that be mended.
    private var left: (day: UInt64, accounts: [String: Account])?

    package init(day: UInt64) {
        self.day = day
    }

    /// Begins another day. An earlier one, as of a clock that was set back, changes nothing, unless it was ahead by days
    /// before: then the day that it left goes on.
    package mutating func advance(to day: UInt64) {
        if day > self.day {
            if day > self.day + 1, left == nil { left = (self.day, accounts) }
            if let left, day <= left.day + 1 { self.left = nil }
            self.day = day
            accounts = [:]
        } else if day + 1 < self.day, let left, day >= left.day {
            self.day = day
            accounts = day == left.day ? left.accounts : [:]
            self.left = nil
        }
    }

    /// Of all credentials.
    package var total: Account {
        accounts.values.reduce(into: Account()) { sum, account in
            sum.charged = NanoUSD.sum(sum.charged, account.charged)
            sum.reserved = NanoUSD.sum(sum.reserved, account.reserved)
        }
    }

    package func account(of token: String) -> Account { accounts[token] ?? Account() }

    /// Adds what is charged already, by an earlier process.
    package mutating func load(_ amount: UInt64, of token: String, day: UInt64) {
        guard day == self.day else { return }
        let charged = accounts[token, default: Account()].charged
        accounts[token, default: Account()].charged = NanoUSD.sum(charged, amount)
    }

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
        accounts[token] = account
        return .granted(amount)
    }

    /// Puts what an answer cost in the place of what was set aside for it, 0 if nothing was.
    package mutating func settle(reserved: UInt64, cost: UInt64, of token: String, day: UInt64) {
        // The day before is over: nobody spends of it any more.
        guard day == self.day else { return }
        var account = account(of: token)
        account.reserved -= min(account.reserved, reserved)
        account.charged = NanoUSD.sum(account.charged, cost)
        accounts[token] = account
    }
}
