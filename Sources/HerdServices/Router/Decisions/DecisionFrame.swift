import HerdMessages
import Synchronization

/// What many decisions have in common, packed once; a block holds it once, before the first decision that needs it.
final class DecisionFrame: Sendable {
    private static let made = Atomic<UInt64>(0)

    /// Unique in the process.
    let number: UInt64
    let packed: [UInt8]

    init(_ common: DecisionRecord) {
        number = Self.made.wrappingAdd(1, ordering: .relaxed).oldValue
        packed = common.pack()
    }
}
