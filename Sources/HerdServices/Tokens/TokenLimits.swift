import HerdFrames
import HerdMessages
import HerdServer

/// How much the holder of a token may do; 0 = as much as they like.
package struct TokenLimits: Sendable, Equatable {
    package var callsPerSecond: Double
    package var callsAtOnce: UInt32
    package var usdPerDay: Double

    package init(callsPerSecond: Double = 0, callsAtOnce: UInt32 = 0, usdPerDay: Double = 0) {
        self.callsPerSecond = callsPerSecond
        self.callsAtOnce = callsAtOnce
        self.usdPerDay = usdPerDay
    }

    var areNone: Bool { self == TokenLimits() }

    var ofCalls: CallLimiter.Limits {
        CallLimiter.Limits(callsPerSecond: callsPerSecond, callsAtOnce: Int(clamping: callsAtOnce))
    }

    /// Less often than once a day is hardly meant.
    private static let rates = 0.00001...1_000_000
    private static let mostAtOnce: UInt32 = 1_000_000
    private static let amounts = 0.000001...1_000_000_000

    /// - Throws: INVALID_ARGUMENT naming the field.
    func check(for roles: Roles) throws(CallError) {
        guard callsPerSecond == 0 || Self.rates.contains(callsPerSecond) else {
            throw CallError(
                .invalidArgument,
                "calls_per_second must be 0 (no limit) or 0.00001 to 1000000, not \(callsPerSecond)")
        }
        guard callsAtOnce <= Self.mostAtOnce else {
            throw CallError(
                .invalidArgument, "calls_at_once must be 0 (no limit) to \(Self.mostAtOnce), not \(callsAtOnce)")
        }
        guard usdPerDay == 0 || Self.amounts.contains(usdPerDay) else {
            throw CallError(
                .invalidArgument, "usd_per_day must be 0 (no limit) or 0.000001 to 1000000000, not \(usdPerDay)")
        }
        guard areNone || !roles.contains(.service) else {
            throw CallError(
                .invalidArgument,
                "a token of the role service has no limits, because it calls on behalf of others, whose limits hold; "
                    + "give those tokens limits")
        }
    }
}

extension AccessTokenRecord {
    var limits: TokenLimits {
        get { TokenLimits(callsPerSecond: callsPerSecond, callsAtOnce: callsAtOnce, usdPerDay: usdPerDay) }
        set {
            callsPerSecond = newValue.callsPerSecond
            callsAtOnce = newValue.callsAtOnce
            usdPerDay = newValue.usdPerDay
        }
    }
}
