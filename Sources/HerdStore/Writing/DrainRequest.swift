/// When a queue in memory has to ask for the one write that will take all it holds; kept under the queue's lock.
///
/// Whoever adds does what it is asked with `StoreEnvironment.drain`.
package struct DrainRequest: Sendable {
    /// What has to be done about an addition.
    package enum Asks: Sendable, Equatable {
        case nothing
        /// A write has to be enqueued.
        case drain
        /// The one that is enqueued has to come earlier.
        case hurry
    }

    private var isQueued = false
    private var isHurried = false

    package init() {}

    /// Something was added.
    ///
    /// - Parameter isHalfFull: whether the queue holds more than half of what it may.
    package mutating func added(isHalfFull: Bool) -> Asks {
        if !isQueued {
            isQueued = true
            return .drain
        }
        if isHalfFull, !isHurried {
            isHurried = true
            return .hurry
        }
        return .nothing
    }

    /// The write has come, or never will: the next addition asks for another.
    package mutating func ended() {
        self = DrainRequest()
    }
}
