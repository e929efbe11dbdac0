import HerdFrames
import HerdServer
import NIOConcurrencyHelpers

/// The tokens in memory, where connections look them up.
final class TokenDirectory: Sendable {
    private struct State {
        var records: [String: AccessTokenRecord] = [:]
        /// Of those that have ever had limits since the start: they hold for all connections of a token together.
        var limiters: [String: CallLimiter] = [:]
        var areThereAny = false

        mutating func put(_ record: AccessTokenRecord) {
            records[record.id] = record
            let limits = record.limits.ofCalls
            if let limiter = limiters[record.id] {
                limiter.set(limits)
            } else if !limits.areNone {
                limiters[record.id] = CallLimiter(limits)
            }
        }
    }

    private let state = NIOLockedValueBox(State())

    /// Whether there is a token, in force or not: once there was one nobody gets in without.
    var areThereAny: Bool { state.withLockedValue { $0.areThereAny } }

    var count: Int { state.withLockedValue { $0.records.count } }

    func load(_ records: [AccessTokenRecord], areThereAny: Bool) {
        state.withLockedValue { state in
            for record in records { state.put(record) }
            state.areThereAny = state.areThereAny || areThereAny
        }
    }

    /// Takes in what was stored; one that was revoked stays so, in whatever order the news come.
    func update(_ record: AccessTokenRecord) {
        state.withLockedValue { state in
            var record = record
            record.revokedUnixMs = max(record.revokedUnixMs, state.records[record.id]?.revokedUnixMs ?? 0)
            state.put(record)
            state.areThereAny = true
        }
    }

    /// How many calls a token may make; nil where it has no limits.
    func limiter(of id: String) -> CallLimiter? {
        state.withLockedValue { state in
            guard let record = state.records[id], !record.limits.ofCalls.areNone else { return nil }
            return state.limiters[id]
        }
    }

    /// US dollars that a token may spend in a day; 0 = as many as it likes.
    func dailyLimit(of id: String) -> Double {
        state.withLockedValue { $0.records[id]?.usdPerDay ?? 0 }
    }

    /// Takes a token out of force in memory alone, for when the disk does not take it; nil where there is none.
    func revoke(_ id: String, nowMs: UInt64) -> AccessTokenRecord? {
        state.withLockedValue { state in
            guard var record = state.records[id] else { return nil }
            if record.revokedUnixMs == 0 { record.revokedUnixMs = max(1, nowMs) }
            state.records[id] = record
            return record
        }
    }

    /// Whose token it is.
    ///
    /// - Throws: UNAUTHENTICATED, in the same words for an id that is not there and a secret that is wrong.
    func admit(_ text: TokenText, nowMs: UInt64) throws(CallError) -> AccessTokenRecord {
        let record = state.withLockedValue { $0.records[text.id] }
        let matches = (record?.secretDigest ?? .nobodys).matches(text.secret)
        guard let record, matches else {
            throw .unauthenticated("this token is none of the herd's; ask for one, or herdctl token create makes one")
        }
        try Self.check(record, nowMs)
        return record
    }

    /// Whether a token is still in force, and when it expires; 0 = never.
    func recheck(_ id: String, nowMs: UInt64) throws(CallError) -> UInt64 {
        guard let record = state.withLockedValue({ $0.records[id] }) else {
            throw .unauthenticated("the token \(id) is gone; make another")
        }
        try Self.check(record, nowMs)
        return record.expiresUnixMs
    }

    /// Whether a token in force expires in that time.
    func hasExpiry(after start: UInt64, upTo end: UInt64) -> Bool {
        state.withLockedValue { state in
            state.records.values.contains {
                $0.revokedUnixMs == 0 && $0.expiresUnixMs > start && $0.expiresUnixMs <= end
            }
        }
    }

    private static func check(_ record: AccessTokenRecord, _ nowMs: UInt64) throws(CallError) {
        if record.revokedUnixMs != 0 { throw .unauthenticated("the token \(record.id) was revoked; ask for another") }
        guard record.isInForce(nowMs) else {
            throw .unauthenticated(
                "the token \(record.id) expired \(WallClock.text(milliseconds: record.expiresUnixMs)); ask for another")
        }
    }
}
