import Synchronization

/// What the packing of frames has counted since the process started.
package enum FrameStatistics {
    private static let replaced = Atomic<UInt64>(0)

    /// How many texts had a U+0000 on output, which became U+FFFD.
    package static var textsWithNUL: UInt64 { replaced.load(ordering: .relaxed) }

    static func countTextWithNUL() {
        replaced.wrappingAdd(1, ordering: .relaxed)
    }
}
