package import NIOCore

extension Duration {
    /// In nanoseconds, between 0 and a hundred years.
    package var clampedNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        guard seconds < 3_155_760_000 else { return 3_155_760_000_000_000_000 }
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }

    /// For NIO, which counts nanoseconds.
    package var timeAmount: TimeAmount { .nanoseconds(clampedNanoseconds) }
}

extension TimeAmount {
    /// As people say it: `30 s`, `250 ms`.
    var text: String {
        let milliseconds = nanoseconds / 1_000_000
        return milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
    }
}
