package import HerdFrames
import NIOConcurrencyHelpers
package import NIOCore

/// How many calls a credential may make, counted over all its connections.
///
/// The rate is a bucket that fills with what a second brings, and holds one second's worth, at least one call.
package final class CallLimiter: Sendable {
    /// What is allowed; 0 = as much as one likes.
    package struct Limits: Sendable, Equatable {
        package var callsPerSecond: Double
        package var callsAtOnce: Int

        package init(callsPerSecond: Double = 0, callsAtOnce: Int = 0) {
            self.callsPerSecond = callsPerSecond
            self.callsAtOnce = callsAtOnce
        }

        package var areNone: Bool { callsPerSecond <= 0 && callsAtOnce <= 0 }

        fileprivate var burst: Double { max(1, callsPerSecond) }
    }

    private struct State {
        var limits: Limits
        /// Calls that may begin now.
        var tokens: Double
        var filled: NIODeadline
        var open = 0
    }

    /// How long whoever has too many calls open is told to wait: nobody knows when one of them ends.
    private static let crowdPause = 100

    private let state: NIOLockedValueBox<State>

    package init(_ limits: Limits, now: NIODeadline = .now()) {
        state = NIOLockedValueBox(State(limits: limits, tokens: limits.burst, filled: now))
    }

    /// Sets other limits; the calls that are open stay counted.
    package func set(_ limits: Limits) {
        state.withLockedValue { state in
            guard limits != state.limits else { return }
            state.limits = limits
            state.tokens = min(state.tokens, limits.burst)
        }
    }

    /// Calls that are open.
    package var open: Int { state.withLockedValue { $0.open } }

    /// Counts a call that begins now, and is told of its end by `ended`; gives why it may not begin.
    package func begin(at now: NIODeadline) -> CallError? {
        state.withLockedValue { state in
            let limits = state.limits
            if limits.callsAtOnce > 0, state.open >= limits.callsAtOnce {
                return Self.refusal(
                    "\(limits.callsAtOnce) calls of this credential are open, the most it may have at once; wait for one "
                        + "to end", milliseconds: Self.crowdPause)
            }
            if limits.callsPerSecond > 0 {
                let seconds = Double(max(0, (now - state.filled).nanoseconds)) / 1e9
                state.tokens = min(limits.burst, state.tokens + seconds * limits.callsPerSecond)
                state.filled = max(state.filled, now)
                guard state.tokens >= 1 else {
                    let wait = (1 - state.tokens) / limits.callsPerSecond * 1_000
                    return Self.refusal(
                        "this credential may begin \(limits.callsPerSecond) calls per second, and made more; call less "
                            + "often", milliseconds: Int(min(86_400_000, wait.rounded(.up))))
                }
                state.tokens -= 1
            }
            state.open += 1
            return nil
        }
    }

    /// A call that had begun has ended.
    package func ended() {
        state.withLockedValue { $0.open -= 1 }
    }

    private static func refusal(_ message: String, milliseconds: Int) -> CallError {
        CallError(.resourceExhausted, message, metadata: ["retry-after-ms": "\(max(1, milliseconds))"])
    }
}

/// The place of one open call among those that its credential may have; given back once, at the latest when nobody
/// holds it any more.
final class CallPlace: Sendable {
    private let limiter: NIOLockedValueBox<CallLimiter?>

    init(_ limiter: CallLimiter) {
        self.limiter = NIOLockedValueBox(limiter)
    }

    deinit {
        giveBack()
    }

    func giveBack() {
        let held = limiter.withLockedValue { limiter in
            defer { limiter = nil }
            return limiter
        }
        held?.ended()
    }
}
