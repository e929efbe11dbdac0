import Glibc

/// Times as the tables show them.
enum UTCTime {
    /// A day before today, as 2026-11-21.
    static func day(daysAgo: Int) -> String {
        let now = max(0, time(nil) - daysAgo * 86_400)
        return String(text(UInt64(now) * 1_000).prefix(10))
    }

    /// Milliseconds since 1970 as 2026-11-21T09:53:21Z.
    static func text(_ milliseconds: UInt64) -> String {
        var seconds = Int(clamping: milliseconds / 1_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func digits(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(parts.tm_year + 1900)-\(digits(parts.tm_mon + 1))-\(digits(parts.tm_mday))"
            + "T\(digits(parts.tm_hour)):\(digits(parts.tm_min)):\(digits(parts.tm_sec))Z"
    }
}
