/// What the curl thread, or an event loop in its place, has done since it began, in pieces whose number should follow what is received and not what is open.
package struct TransferWork: Sendable, Equatable {
    /// For sockets, commands or a moment.
    package var waits = 0
    /// Calls of libcurl because a socket was ready.
    package var sockets = 0
    /// Of these, on event loops that lend themselves.
    package var hostedSockets = 0
    /// Calls of libcurl because its time had come.
    package var timers = 0
    /// Transfers looked at, to hand over what came or for their time-outs.
    package var looks = 0
    /// Time of the processor, the curl thread's only.
    package var processorNanoseconds: UInt64 = 0

    package init() {}

    /// Of both.
    static func + (one: TransferWork, other: TransferWork) -> TransferWork {
        var sum = one
        sum.waits += other.waits
        sum.sockets += other.sockets
        sum.hostedSockets += other.hostedSockets
        sum.timers += other.timers
        sum.looks += other.looks
        sum.processorNanoseconds += other.processorNanoseconds
        return sum
    }

    /// What came in between.
    package static func - (after: TransferWork, before: TransferWork) -> TransferWork {
        var between = after
        between.waits -= before.waits
        between.sockets -= before.sockets
        between.hostedSockets -= before.hostedSockets
        between.timers -= before.timers
        between.looks -= before.looks
        between.processorNanoseconds -= before.processorNanoseconds
        return between
    }
}
