import HerdMessages
import NIOConcurrencyHelpers
import NIOCore

/// Gives memory that bursts of calls left free back to the system, now and then.
///
/// The C library gives back long blocks by itself, but not the short ones of a thousand calls as long as one block above
/// them is in use.
final class FreeMemory: Sendable {
    private let isPending = NIOLockedValueBox(false)

    /// The earliest time after a burst, and the least between two times.
    private static let delay = TimeAmount.seconds(1)

    /// Gives back within a second; does nothing if that is to happen anyway.
    func giveBackSoon(_ eventLoop: any EventLoop) {
        let isFirst = isPending.withLockedValue { isPending in
            defer { isPending = true }
            return !isPending
        }
        guard isFirst else { return }
        eventLoop.scheduleTask(in: Self.delay) {
            self.isPending.withLockedValue { $0 = false }
            // It takes milliseconds, which the event loop does not have.
            Task.detached { MessageMemory.giveBack() }
        }
    }
}
