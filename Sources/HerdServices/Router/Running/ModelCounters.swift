import HerdMessages
import HerdServer
import NIOConcurrencyHelpers
import NIOCore

/// What the runs of each model have come to since the start.
///
/// Bounded by the models of the registry: those that are removed from it are forgotten.
final class ModelCounters: Sendable {
    struct Counts: Sendable {
        /// Whole answers.
        var answers = 0
        /// Runs without one, those included that the caller took back.
        var failures = 0
        var promptTokens: UInt64 = 0
        var completionTokens: UInt64 = 0
        var costUSD = 0.0
        /// Of runs that had a first token.
        var firstTokens: UInt64 = 0
        var firstTokenSeconds = 0.0
    }

    private let counts = NIOLockedValueBox<[String: Counts]>([:])
    /// From the request to the first token, whatever the model.
    let firstTokens = DurationHistogram()

    func count(
        _ model: String, _ usage: Usage, isAnswer: Bool, from start: NIODeadline, firstToken: NIODeadline?
    ) {
        let waited = firstToken.map { UInt64(clamping: ($0 - start).nanoseconds) }
        if let waited { firstTokens.record(nanoseconds: waited) }
        counts.withLockedValue { counts in
            var own = counts[model] ?? Counts()
            if isAnswer { own.answers += 1 } else { own.failures += 1 }
            own.promptTokens += UInt64(usage.promptTokens)
            own.completionTokens += UInt64(usage.completionTokens)
            own.costUSD += usage.costUsd
            if let waited {
                own.firstTokens += 1
                own.firstTokenSeconds += Double(waited) / 1e9
            }
            counts[model] = own
        }
    }

    /// Of those models; forgets the others.
    func current(of models: Set<String>) -> [String: Counts] {
        counts.withLockedValue { counts in
            if counts.keys.contains(where: { !models.contains($0) }) {
                counts = counts.filter { models.contains($0.key) }
            }
            return counts
        }
    }
}
