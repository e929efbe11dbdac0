/// What the curl thread has done since it began, in pieces whose number should follow what is received and not what is open.
package struct TransferWork: Sendable, Equatable {
    /// For sockets, commands or a moment.
    package var waits = 0
    /// Calls of libcurl because a socket was ready.
    package var sockets = 0
    /// Calls of libcurl because its time had come.
    package var timers = 0
    /// Transfers looked at, to hand over what came or for their time-outs.
    package var looks = 0
    /// Time of the processor.
    package var processorNanoseconds: UInt64 = 0

    package init() {}

    /// What came in between.
    package static func - (after: TransferWork, before: TransferWork) -> TransferWork {
        var between = after
        between.waits -= before.waits
        between.sockets -= before.sockets
        between.timers -= before.timers
        between.looks -= before.looks
        between.processorNanoseconds -= before.processorNanoseconds
        return between
    }
}
