/// Times, sizes and counts that calls to models keep to.
package struct BackendLimits: Sendable, Equatable {
    // MARK: - Times

    /// For name, connection and TLS handshake (5 s).
    package var connectTimeout: Duration = .seconds(5)
    /// From the start of an attempt to the first token (60 s).
    package var firstTokenTimeout: Duration = .seconds(60)
    /// Between two tokens; time in which the caller does not ask for more is left out (30 s).
    package var betweenTokensTimeout: Duration = .seconds(30)
    /// How long the end of a connection is waited for, once the answer is complete (1 s).
    package var drainTimeout: Duration = .seconds(1)
    /// Between two hand-overs of one answer's tokens; the first one and the end do not wait for it (1 ms).
    package var bundlingTime: Duration = .milliseconds(1)

    // MARK: - Sizes

    /// Of a line of the stream, and of the data of one event (1 MiB).
    package var maximumLineBytes = 1 << 20
    /// Of a whole answer, as it is on the wire (16 MiB).
    package var maximumAnswerBytes = 16 << 20
    /// Of all lines of an answer's header (64 KiB).
    package var maximumHeaderBytes = 64 << 10
    /// Events that wait for the caller, before the server is made to wait (64 KiB).
    package var maximumBacklogBytes = 64 << 10
    /// Of a request's body (16 MiB).
    package var maximumRequestBytes = 16 << 20

    // MARK: - Retries

    /// Of one call at the endpoints of one model (3).
    package var maximumAttempts = 3
    /// The pause before the first retry; doubles, and half of it is random (50 ms).
    package var firstPause: Duration = .milliseconds(50)
    /// The longest such pause (2 s).
    package var longestPause: Duration = .seconds(2)
    /// The longest pause that a server may ask for by Retry-After; a call that would have to wait longer, or past the time
    /// for its first token, fails at once (30 s).
    package var longestRetryAfter: Duration = .seconds(30)
    /// For how long an endpoint is left alone at most that asked for a longer pause (1 h).
    package var longestRest: Duration = .seconds(3600)
    /// Retries per call that the budget allows (0.2).
    package var retryRatio = 0.2
    /// Retries per second besides (10).
    package var retriesPerSecond = 10

    // MARK: - Breaker

    /// Failures one after another that open it (5).
    package var breakerFailures = 5
    /// The last calls that are looked at (20); all of them have to have been made.
    package var breakerWindow = 20
    /// The share of failures among them that opens it (0.5).
    package var breakerFailureShare = 0.5
    /// A call that is given up before its first token, because its caller's time is over, is a failure if it has waited at
    /// least so long (1 s), and as long as the endpoint's answers before make one expect at the very most. What waits for
    /// less says nothing of the endpoint.
    package var breakerPatience: Duration = .seconds(1)
    /// For how long it opens first; doubles each time a probe fails, and a quarter of it is random (1 s).
    package var breakerFirstPause: Duration = .seconds(1)
    /// The longest (30 s).
    package var breakerLongestPause: Duration = .seconds(30)

    // MARK: - Health, connections

    /// Between two checks of an endpoint that failed lately (5 s), and before the first of one that is idle; each that finds
    /// it well doubles the time before the next one.
    package var healthInterval: Duration = .seconds(5)
    /// The longest such time (60 s).
    package var longestHealthInterval: Duration = .seconds(60)
    /// For a check's answer (2 s).
    package var healthTimeout: Duration = .seconds(2)
    /// Idle connections that are kept for later calls (512).
    package var keptConnections = 512
    /// Transfers that are open at a time, over all models; a quarter of them may be checks of health (4,096).
    package var maximumTransfers = 4096

    package init() {}
}
