import HerdFrames
import NIOConcurrencyHelpers

/// Holds streams that have not begun, while those that have may end: so that a successor has to wait for as few as can be.
///
/// Whoever waits here goes on when the gate is opened again, and is turned away as not started when it is closed: any client
/// makes such a call again, at the successor.
final class StreamGate: Sendable {
    private enum Phase {
        case open
        case holding
        case closed
    }

    private struct State {
        var phase = Phase.open
        var running = 0
        var waiters: [UInt64: UnsafeContinuation<Bool, Never>] = [:]
        var nextWaiter: UInt64 = 0
    }

    private let state = NIOLockedValueBox(State())

    /// How many have entered and not left.
    var running: Int { state.withLockedValue { $0.running } }

    /// How many wait.
    var waiting: Int { state.withLockedValue { $0.waiters.count } }

    /// Returns at once while the gate is open, else once it is opened.
    ///
    /// - Throws: UNAVAILABLE with `not-started` where it is closed; CANCELLED with the task.
    func enter() async throws(CallError) {
        while true {
            if Task.isCancelled { throw CallError(.cancelled, "the call was stopped") }
            let phase = state.withLockedValue { state in
                if case .open = state.phase { state.running += 1 }
                return state.phase
            }
            switch phase {
            case .open: return
            case .closed: throw Self.closedError
            case .holding: await wait()
            }
        }
    }

    func leave() {
        state.withLockedValue { $0.running -= 1 }
    }

    func hold() {
        state.withLockedValue { if case .open = $0.phase { $0.phase = .holding } }
    }

    func open() { change(to: .open) }

    func close() { change(to: .closed) }

    private func change(to phase: Phase) {
        let waiters = state.withLockedValue { state in
            state.phase = phase
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume(returning: true) }
    }

    /// Until the gate's next change, or the task's cancellation.
    private func wait() async {
        let id = state.withLockedValue { state in
            defer { state.nextWaiter += 1 }
            return state.nextWaiter
        }
        _ = await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Bool, Never>) in
                let isKept = state.withLockedValue { state in
                    guard case .holding = state.phase, !Task.isCancelled else { return false }
                    state.waiters[id] = continuation
                    return true
                }
                if !isKept { continuation.resume(returning: false) }
            }
        } onCancel: {
            state.withLockedValue { $0.waiters.removeValue(forKey: id) }?.resume(returning: false)
        }
    }

    private static let closedError = CallError(
        .unavailable, "the server is stopping; the call was not started", metadata: [CallError.notStartedKey: "1"])
}
