import NIOCore

/// Calls not sent yet, oldest first.
struct WaitingCalls {
    private var calls: [ClientCall] = []
    private var first = 0
    /// No waiting call's deadline is earlier.
    private(set) var earliestDeadline = NIODeadline.distantFuture

    var isEmpty: Bool { first == calls.count }

    mutating func append(_ call: ClientCall) {
        calls.append(call)
        earliestDeadline = min(earliestDeadline, call.deadline)
    }

    mutating func popFirst() -> ClientCall? {
        guard first < calls.count else { return nil }
        let call = calls[first]
        first += 1
        if first == calls.count {
            calls.removeAll(keepingCapacity: first <= 1024)
            first = 0
            earliestDeadline = .distantFuture
        }
        return call
    }

    /// Takes the call out; false if it is not here.
    mutating func remove(_ call: ClientCall) -> Bool {
        guard let index = calls[first...].firstIndex(where: { $0 === call }) else { return false }
        calls.remove(at: index)
        return true
    }

    mutating func removeExpired(at now: NIODeadline) -> [ClientCall] {
        guard earliestDeadline <= now else { return [] }
        let expired = calls[first...].filter { $0.deadline <= now }
        calls = calls[first...].filter { $0.deadline > now }
        first = 0
        earliestDeadline = calls.map(\.deadline).min() ?? .distantFuture
        return expired
    }
}
