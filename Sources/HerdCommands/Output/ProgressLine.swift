import Glibc

/// A progress bar on standard error, one line redrawn in place; silent where standard error is not a terminal.
package struct ProgressLine: ~Copyable {
    private let isTerminal: Bool
    private var lastDrawn: UInt64 = 0
    private var hasDrawn = false
    private let started = ProgressLine.now()

    package init(isEnabled: Bool = true) {
        isTerminal = isEnabled && isatty(STDERR_FILENO) == 1
    }

    /// Redraws at most ten times a second, and always at the end.
    package mutating func update(_ label: String, done: Int, total: Int) {
        guard isTerminal else { return }
        let time = Self.now()
        guard done >= total || time - lastDrawn >= 100_000_000 else { return }
        lastDrawn = time
        hasDrawn = true
        let share = total > 0 ? min(1, Double(done) / Double(total)) : 0
        let width = 30
        let filled = Int(share * Double(width))
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
        let seconds = Double(time - started) / 1e9
        let left = share > 0.02 && share < 1 ? ", \(Int((seconds / share - seconds).rounded())) s left" : ""
        write("\r\u{1B}[K\(label) [\(bar)] \(done)/\(total)\(left)")
    }

    /// Clears the line, so that what is printed next starts on a clean one.
    package mutating func finish() {
        guard hasDrawn else { return }
        hasDrawn = false
        write("\r\u{1B}[K")
    }

    deinit {
        if hasDrawn { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) {
        _ = text.withCString { Glibc.write(STDERR_FILENO, $0, strlen($0)) }
    }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
