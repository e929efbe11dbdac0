import HerdFrames
import HerdPolicy

/// Checks of single fields; each failure is INVALID_ARGUMENT and names the field and what is allowed.
enum Check {
    static let longestName = 400

    /// Names are keys of the store and of evaluation data.
    static func name(_ value: String, field: @autoclosure () -> String) throws(CallError) {
        guard !value.isEmpty, value.utf8.count <= longestName else {
            throw CallError(
                .invalidArgument, "\(field()) must have 1 to \(longestName) bytes, not \(value.utf8.count)")
        }
        guard !value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw CallError(.invalidArgument, "\(field()) must not hold control characters")
        }
    }

    /// Facts and limits: finite, not negative, within what a Double adds without losing units.
    static func amount(_ value: Double, field: @autoclosure () -> String) throws(CallError) {
        guard value.isFinite, value >= 0, value <= 1e12 else {
            throw CallError(.invalidArgument, "\(field()) must be 0 (not known, no limit) to 1e12, not \(value)")
        }
    }

    static func share(_ value: Double, field: @autoclosure () -> String) throws(CallError) {
        guard value >= 0, value <= 1 else {
            throw CallError(.invalidArgument, "\(field()) must be 0 to 1, not \(value)")
        }
    }

    static func day(_ value: String, field: String) throws(CallError) {
        guard value.isEmpty || CalendarDay(value) != nil else {
            throw CallError(.invalidArgument, "\(field) must be a day written YYYY-MM-DD, not '\(value.prefix(40))'")
        }
    }

    static func length(_ value: String, field: String, atMost limit: Int) throws(CallError) {
        guard value.utf8.count <= limit else {
            throw CallError(.invalidArgument, "\(field) must have at most \(limit) bytes, not \(value.utf8.count)")
        }
    }
}
