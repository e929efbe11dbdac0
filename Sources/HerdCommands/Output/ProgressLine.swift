/// A progress bar on standard error, one line redrawn in place; nothing where standard error is not a terminal.
struct ProgressLine: ~Copyable {
    private static let width = 30

    private let isShown = StandardError.isTerminal
    private let started = ContinuousClock.now
    private var line = ""

    /// Shows `done` of `total` and the time that is left.
    mutating func update(_ label: String, done: Int, total: Int) {
        let share = total > 0 ? Double(done) / Double(total) : 0
        update(label, share: share, detail: " \(done)/\(total)")
    }

    /// - Parameter share: 0..1 of the whole work.
    mutating func update(_ label: String, share: Double, detail: String = "") {
        guard isShown else { return }
        let share = min(1, max(0, share))
        let filled = Int(share * Double(Self.width))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
        let next = "[\(bar)] \(Int(share * 100)) % \(label)\(detail)\(remaining(share))"
        guard next != line else { return }
        StandardError.write("\r\u{1B}[K" + next)
        line = next
    }

    /// Takes the line off the terminal, so that what is printed next starts on a clean one.
    mutating func finish() {
        guard !line.isEmpty else { return }
        StandardError.write("\r\u{1B}[K")
        line = ""
    }

    /// Worth telling only once a little is done and more than a moment is left.
    private func remaining(_ share: Double) -> String {
        let elapsed = (ContinuousClock.now - started) / .seconds(1)
        guard share > 0.05, share < 1, elapsed > 1 else { return "" }
        return ", \(Int((elapsed / share - elapsed).rounded(.up))) s left"
    }
}
