#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The standard error stream, unbuffered.
enum StandardError {
    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    static func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            var offset = 0
            while offset < bytes.count, let base = bytes.baseAddress {
                #if canImport(Glibc)
                let written = Glibc.write(STDERR_FILENO, base + offset, bytes.count - offset)
                #elseif canImport(Musl)
                let written = Musl.write(STDERR_FILENO, base + offset, bytes.count - offset)
                #else
                let written = Darwin.write(STDERR_FILENO, base + offset, bytes.count - offset)
                #endif
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { return }
                offset += written
            }
        }
    }
}

/// A line on the standard error that shows how far a long work has come; nothing where that is not a terminal.
struct ProgressBar {
    private static let width = 30

    private let isShown = StandardError.isTerminal
    private var line = ""

    /// - Parameter share: 0..1 of the whole work.
    mutating func show(_ phase: String, share: Double) {
        guard isShown else { return }
        let share = min(1, max(0, share))
        let filled = Int(share * Double(Self.width))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
        let next = "[\(bar)] \(Int(share * 100)) % \(phase)"
        guard next != line else { return }
        StandardError.write("\r\u{1B}[K" + next)
        line = next
    }

    /// Takes the line off the terminal again.
    mutating func clear() {
        guard isShown, !line.isEmpty else { return }
        StandardError.write("\r\u{1B}[K")
        line = ""
    }
}
