import NIOConcurrencyHelpers
import NIOCore

/// What other threads want an event loop to do for a connection, collected so that many wake it once.
final class Outbox<Item: Sendable>: Sendable {
    private let state = NIOLockedValueBox(State())

    private struct State {
        var items: [Item] = []
        var byteCount = 0
        /// The event loop was asked to look and has not yet.
        var isScheduled = false
        /// The event loop will look then, if not before.
        var lookDue: NIODeadline?
        /// The socket does not take what the connection has to send.
        var isStalled = false
        /// Somebody found the connection congested and waits to be told otherwise.
        var isAwaited = false
    }

    /// Adds an item; calls `wake` if the event loop does not know yet.
    func push(_ item: Item, byteCount: Int = 0, wake: () -> Void) {
        let isFirst = state.withLockedValue { state in
            state.items.append(item)
            state.byteCount += byteCount
            if state.isScheduled { return false }
            state.isScheduled = true
            return true
        }
        if isFirst { wake() }
    }

    /// Adds an item that may wait until `due`; calls `wake` if the event loop will not look until then.
    func push(_ item: Item, byteCount: Int, due: NIODeadline, wake: () -> Void) {
        let isFirst = state.withLockedValue { state in
            state.items.append(item)
            state.byteCount += byteCount
            if state.isScheduled { return false }
            if let lookDue = state.lookDue, lookDue <= due { return false }
            state.lookDue = due
            return true
        }
        if isFirst { wake() }
    }

    /// The event loop looks now as it was to do later.
    func lookIsDue() {
        state.withLockedValue { $0.lookDue = nil }
    }

    /// Exchanges `items`, which must be empty, for everything that was pushed since the last time, oldest first; the
    /// two arrays take turns, so that they need not be allocated anew.
    func takeAll(_ items: inout [Item]) {
        state.withLockedValue { state in
            swap(&state.items, &items)
            state.byteCount = 0
            state.isScheduled = false
        }
    }

    /// Frees what is kept for the next items.
    func giveMemoryBack() {
        state.withLockedValue { if $0.items.isEmpty { $0.items = [] } }
    }

    /// Whether streams have to wait before they send more; if `asking`, `resolveCongestion` will tell when not.
    func isCongested(asking: Bool) -> Bool {
        state.withLockedValue { state in
            let congested = state.isStalled || state.byteCount > Self.maximumByteCount
            if congested && asking { state.isAwaited = true }
            return congested
        }
    }

    /// Notes whether the socket keeps up; true if somebody waits and may go on now.
    func resolveCongestion(isStalled: Bool) -> Bool {
        state.withLockedValue { state in
            state.isStalled = isStalled
            guard !isStalled, state.isAwaited else { return false }
            state.isAwaited = false
            return true
        }
    }

    /// How many bytes streams may queue up before the event loop has seen them.
    private static var maximumByteCount: Int { 256 << 10 }
}
