import Configuration

/// How the router calls models, where their endpoints do not say otherwise.
package struct BackendsConfiguration: Sendable, Equatable {
    /// `router.backends.connect_timeout`: seconds to connect to an endpoint.
    package var connectTimeoutSeconds = 5.0
    /// `router.backends.first_token_timeout`: seconds from the request to the first token.
    package var firstTokenTimeoutSeconds = 60.0
    /// `router.backends.token_timeout`: seconds between two tokens.
    package var tokenTimeoutSeconds = 30.0
    /// `router.backends.total_timeout`: seconds that one answer may take, where the caller's deadline is later.
    package var totalTimeoutSeconds = 3_600.0
    /// `router.backends.max_concurrency`: requests that one endpoint gets at a time.
    package var maxConcurrency = 64
    /// `router.backends.max_queue`: requests that may wait for each endpoint of a model; one more is refused
    /// (RESOURCE_EXHAUSTED).
    package var maxQueue = 1_024
    /// `router.backends.max_attempts`: how often one request to a model is made, at other endpoints or after pauses, while
    /// nothing of its answer has come.
    package var maxAttempts = 3
    /// `router.backends.breaker_failures`: failures in a row after which an endpoint rests.
    package var breakerFailures = 5
    /// `router.backends.breaker_pause`: seconds that it rests at first; doubled with each failure after a rest.
    package var breakerPauseSeconds = 1.0
    /// `router.backends.health_interval`: seconds between two looks after endpoints that rest.
    package var healthIntervalSeconds = 5.0
    /// `router.backends.max_answer_bytes`: how long one answer of a model may be.
    package var maxAnswerBytes = 16 << 20

    package init() {}

    mutating func read(from reader: ConfigReader) throws(ConfigurationError) {
        connectTimeoutSeconds = try Self.seconds(reader, "connect_timeout", connectTimeoutSeconds)
        firstTokenTimeoutSeconds = try Self.seconds(reader, "first_token_timeout", firstTokenTimeoutSeconds)
        tokenTimeoutSeconds = try Self.seconds(reader, "token_timeout", tokenTimeoutSeconds)
        totalTimeoutSeconds = try Self.seconds(reader, "total_timeout", totalTimeoutSeconds)
        maxConcurrency = try Self.count(reader, "max_concurrency", maxConcurrency, in: 1...4_096)
        maxQueue = try Self.count(reader, "max_queue", maxQueue, in: 0...65_536)
        maxAttempts = try Self.count(reader, "max_attempts", maxAttempts, in: 1...100)
        breakerFailures = try Self.count(reader, "breaker_failures", breakerFailures, in: 1...1_000)
        breakerPauseSeconds = try Self.seconds(reader, "breaker_pause", breakerPauseSeconds)
        healthIntervalSeconds = try Self.seconds(reader, "health_interval", healthIntervalSeconds)
        maxAnswerBytes = try Self.count(reader, "max_answer_bytes", maxAnswerBytes, in: 1_024...(1 << 30))
    }

    private static func seconds(
        _ reader: ConfigReader, _ name: String, _ standard: Double
    ) throws(ConfigurationError) -> Double {
        let key = "router.backends.\(name)"
        let value = reader.double(forKey: ConfigKey(key), default: standard)
        guard value >= 0.001, value <= 86_400 else {
            throw ConfigurationError("\(key) must be 0.001 to 86400 seconds, not \(value)")
        }
        return value
    }

    private static func count(
        _ reader: ConfigReader, _ name: String, _ standard: Int, in range: ClosedRange<Int>
    ) throws(ConfigurationError) -> Int {
        let key = "router.backends.\(name)"
        let value = reader.int(forKey: ConfigKey(key), default: standard)
        guard range.contains(value) else {
            throw ConfigurationError("\(key) must be \(range.lowerBound) to \(range.upperBound), not \(value)")
        }
        return value
    }
}
