import NIOConcurrencyHelpers

/// The records of the newest predictions, in memory: there at once, while the store's copy waits up to 100 ms for its commit, and still
/// at hand for prompts that come in bursts.
final class RecentPredictions: Sendable {
    /// At most this many in each of two generations, about 3 MB in all for a herd of eleven models.
    private static let generationSize = 2_048

    private struct Generations {
        var newer: [UInt128: [UInt8]] = [:]
        var older: [UInt128: [UInt8]] = [:]
    }

    private let generations = NIOLockedValueBox(Generations())

    func get(_ fingerprint: UInt128) -> [UInt8]? {
        generations.withLockedValue { $0.newer[fingerprint] ?? $0.older[fingerprint] }
    }

    func put(_ record: [UInt8], under fingerprint: UInt128) {
        generations.withLockedValue { generations in
            if generations.newer.count >= Self.generationSize {
                generations.older = generations.newer
                generations.newer = [:]
            }
            generations.newer[fingerprint] = record
        }
    }
}
