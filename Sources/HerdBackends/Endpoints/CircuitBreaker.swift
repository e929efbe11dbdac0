/// Keeps calls away from an endpoint that fails: a pure state machine, told of calls and of the time.
///
/// After Nygard, "Release It!": closed until too many calls fail, then open for a while, then half open, when one call is
/// let through as a probe, which closes it or opens it for longer.
package struct CircuitBreaker: Sendable {
    package enum State: Sendable, Equatable {
        case closed
        case open(until: MonotonicInstant)
        case halfOpen(probe: ProbeID?)
    }

    /// Names a call that was let through as a probe; never used again for another.
    package typealias ProbeID = Int

    /// What a call that ended tells.
    package enum Verdict: Sendable {
        case success
        case failure
        /// It was cancelled, or its failure says nothing of the endpoint.
        case nothing
    }

    package private(set) var state = State.closed
    private var limits: BackendLimits
    /// Failures since the last success.
    private var failuresInRow = 0
    /// The last calls, the newest first bit; 1 is a failure.
    private var window: UInt64 = 0
    private var windowCount = 0
    private var lastProbe: ProbeID = 0
    /// Times it opened without closing in between.
    private var openings = 0

    package init(limits: BackendLimits) {
        self.limits = limits
    }

    /// Keeps to other limits from the next call on; what is known of the endpoint stays.
    mutating func use(_ limits: BackendLimits) { self.limits = limits }

    /// Whether a call may begin now.
    package func admits(at now: MonotonicInstant) -> Bool {
        switch state {
        case .closed: true
        case .open(let until): until <= now
        case .halfOpen(let probe): probe == nil
        }
    }

    /// A call that was admitted begins.
    ///
    /// - Returns: its name where it is the probe, to be told to `ended`.
    package mutating func began() -> ProbeID? {
        guard state != .closed else { return nil }
        lastProbe += 1
        state = .halfOpen(probe: lastProbe)
        return lastProbe
    }

    /// The server has begun to answer: a probe need not go on to its end, which may be minutes away.
    package mutating func answered(_ probe: ProbeID?) {
        if let probe, state == .halfOpen(probe: probe) { close() }
    }

    /// - Parameter chance: From 0 up to 1, at random.
    package mutating func ended(_ verdict: Verdict, _ probe: ProbeID?, at now: MonotonicInstant, chance: Double) {
        let wasProbe = probe != nil && state == .halfOpen(probe: probe)
        switch (state, verdict) {
        case (.closed, .success): note(failure: false)
        case (.closed, .failure):
            note(failure: true)
            if isTooMuch { open(at: now, chance) }
        case (.halfOpen, .success) where wasProbe: close()
        case (.halfOpen, .failure) where wasProbe: open(at: now, chance)
        case (.halfOpen, .nothing) where wasProbe: state = .halfOpen(probe: nil)
        // What began before it opened is old news.
        case (.open, _), (.halfOpen, _), (.closed, .nothing): break
        }
    }

    /// A check found the endpoint well: the probe need not wait longer.
    package mutating func hurry(at now: MonotonicInstant) {
        if case .open(let until) = state, until > now { state = .open(until: now) }
    }

    private mutating func note(failure: Bool) {
        failuresInRow = failure ? failuresInRow + 1 : 0
        window = window << 1 | (failure ? 1 : 0)
        windowCount = min(windowCount + 1, size)
    }

    private var size: Int { min(max(1, limits.breakerWindow), 64) }

    private var isTooMuch: Bool {
        if failuresInRow >= max(1, limits.breakerFailures) { return true }
        guard windowCount == size else { return false }
        let mask = size == 64 ? UInt64.max : (1 << UInt64(size)) - 1
        return Double((window & mask).nonzeroBitCount) >= limits.breakerFailureShare * Double(size)
    }

    private mutating func close() {
        let probes = lastProbe
        self = CircuitBreaker(limits: limits)
        lastProbe = probes
    }

    private mutating func open(at now: MonotonicInstant, _ chance: Double) {
        let doubled = limits.breakerFirstPause.inSeconds * Double(1 << min(openings, 30))
        let pause = min(doubled, limits.breakerLongestPause.inSeconds) * (0.75 + 0.25 * chance)
        openings += 1
        state = .open(until: now.advanced(by: Duration(clampingSeconds: pause)))
    }
}
