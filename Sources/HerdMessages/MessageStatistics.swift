internal import Synchronization

/// What the conversions of messages have counted since the process started.
public enum MessageStatistics {
    private static let replaced = Atomic<UInt64>(0)

    /// How many texts had a U+0000 on output, which became U+FFFD.
    public static var textsWithNUL: UInt64 { replaced.load(ordering: .relaxed) }

    static func countTextWithNUL() {
        replaced.wrappingAdd(1, ordering: .relaxed)
    }
}
