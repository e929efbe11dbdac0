import NIOCore

/// Calls not sent yet, oldest first; those that have an outcome meanwhile are skipped.
struct WaitingCalls {
    private var calls: [ClientCall] = []
    private var first = 0
    /// How many were taken back since the queue was last tidied; at least as many as are still in it.
    private var takenBack = 0
    /// No waiting call's deadline is earlier.
    private(set) var earliestDeadline = NIODeadline.distantFuture

    var isEmpty: Bool { first == calls.count }

    mutating func append(_ call: ClientCall) {
        calls.append(call)
        earliestDeadline = min(earliestDeadline, call.deadline)
    }

    mutating func popFirst() -> ClientCall? {
        while first < calls.count {
            let call = calls[first]
            first += 1
            if first == calls.count {
                calls.removeAll(keepingCapacity: first <= 1024)
                first = 0
                takenBack = 0
                earliestDeadline = .distantFuture
            } else if first >= 1024, first > calls.count / 2 {
                calls.removeFirst(first)
                first = 0
            }
            if !call.isFinished { return call }
        }
        return nil
    }

    /// A call that may be here got its outcome; many of them are let go of together.
    mutating func wasTakenBack() {
        takenBack += 1
        guard takenBack > 64, takenBack > (calls.count - first) / 2 else { return }
        keep { !$0.isFinished }
        takenBack = 0
    }

    mutating func removeExpired(at now: NIODeadline) -> [ClientCall] {
        guard earliestDeadline <= now else { return [] }
        let expired = calls[first...].filter { $0.deadline <= now }
        keep { $0.deadline > now }
        earliestDeadline = calls.map(\.deadline).min() ?? .distantFuture
        return expired
    }

    private mutating func keep(where isKept: (ClientCall) -> Bool) {
        calls = calls[first...].filter(isKept)
        first = 0
    }
}
