/// What calls have shown of an endpoint.
package struct EndpointFigures: Sendable, Equatable {
    /// Calls that were sent there.
    package var attempts = 0
    package var successes = 0
    /// By `BackendError.Kind.label`.
    package var failures: [String: Int] = [:]
    /// Checks of its health.
    package var checks = 0
    package var latency = LatencyMeasurement()

    package init() {}
}

/// Exponentially weighted means of a server's speed, of calls that succeeded or were given up as hung.
package struct LatencyMeasurement: Sendable, Equatable {
    /// The weight of a new value (0.2): five calls make two thirds of the mean.
    package static let weight = 0.2

    /// From the start of an attempt, connection included and waiting in Herd's queue not, to its first token, or to when it
    /// was given up; nil before there was one.
    package private(set) var firstTokenSeconds: Double?
    /// The same of those alone that got their first token, for what to expect of one that does well.
    package private(set) var answeredSeconds: Double?
    /// The mean distance of these from their mean; half of the first value at first.
    package private(set) var firstTokenDeviation = 0.0
    /// From the first token to the last, of answers of 4 tokens or more.
    package private(set) var tokensPerSecond: Double?
    /// Calls that went into it.
    package private(set) var samples = 0

    package init() {}

    package mutating func note(firstTokenSeconds: Double, tokensPerSecond: Double?) {
        samples += 1
        firstTokenDeviation =
            answeredSeconds.map { Self.mean(firstTokenDeviation, abs(firstTokenSeconds - $0)) }
            ?? firstTokenSeconds / 2
        answeredSeconds = Self.mean(answeredSeconds, firstTokenSeconds)
        self.firstTokenSeconds = Self.mean(self.firstTokenSeconds, firstTokenSeconds)
        if let tokensPerSecond { self.tokensPerSecond = Self.mean(self.tokensPerSecond, tokensPerSecond) }
    }

    /// A call that had no token after so many seconds, and was given up.
    package mutating func note(givenUpAfter seconds: Double) {
        samples += 1
        firstTokenSeconds = Self.mean(firstTokenSeconds, seconds)
    }

    /// How long a first token may take, going by those before: the mean and four mean deviations, as TCP's retransmission
    /// timer has it (RFC 6298), and never less than twice the mean; nil before there was one.
    package var longestFirstTokenSeconds: Double? {
        answeredSeconds.map { max(2 * $0, $0 + 4 * firstTokenDeviation) }
    }

    private static func mean(_ before: Double?, _ value: Double) -> Double {
        before.map { $0 + weight * (value - $0) } ?? value
    }
}

/// The measured speed of a model: the plain mean over those of its endpoints that have been measured.
package struct ModelMeasurement: Sendable, Equatable {
    package var firstTokenSeconds: Double
    /// Nil where no answer was long enough to tell.
    package var tokensPerSecond: Double?
    /// Calls that went into it.
    package var samples: Int

    package init(firstTokenSeconds: Double, tokensPerSecond: Double?, samples: Int) {
        self.firstTokenSeconds = firstTokenSeconds
        self.tokensPerSecond = tokensPerSecond
        self.samples = samples
    }

    init?(_ measurements: [LatencyMeasurement]) {
        let first = measurements.compactMap(\.firstTokenSeconds)
        guard !first.isEmpty else { return nil }
        let rates = measurements.compactMap(\.tokensPerSecond)
        self.init(
            firstTokenSeconds: first.reduce(0, +) / Double(first.count),
            tokensPerSecond: rates.isEmpty ? nil : rates.reduce(0, +) / Double(rates.count),
            samples: measurements.reduce(0) { $0 + $1.samples })
    }
}
