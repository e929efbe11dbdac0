import HerdStore
import NIOConcurrencyHelpers
import Synchronization

/// Predictions by fingerprint, kept in the router's store over restarts; lost at most for the last 100 ms.
final class PredictionCache: Sendable {
    private let store: StoreEnvironment
    private let table: TwoGenerationTable<UInt128>
    /// The same with the bound that holds now.
    private let bounded: NIOLockedValueBox<TwoGenerationTable<UInt128>>
    private let key: (UInt64, UInt64)
    private let recent = RecentPredictions()
    let queue = PredictionQueue()
    private let hitCount = Atomic<Int>(0)
    private let missCount = Atomic<Int>(0)

    static func table(maxBytes: Int) -> TwoGenerationTable<UInt128> {
        TwoGenerationTable("predictions", maxEntries: 1 << 40, maxBytes: maxBytes)
    }

    init(store: StoreEnvironment, maxBytes: Int) {
        self.store = store
        table = Self.table(maxBytes: maxBytes)
        bounded = NIOLockedValueBox(table)
        key = (UInt64(truncatingIfNeeded: store.id), UInt64(truncatingIfNeeded: store.id >> 64))
    }

    /// Holds the cache to another bound from the next write on.
    func bound(maxBytes: Int) { bounded.withLockedValue { $0 = Self.table(maxBytes: maxBytes) } }

    var hits: Int { hitCount.load(ordering: .relaxed) }
    var misses: Int { missCount.load(ordering: .relaxed) }

    func fingerprint(tenant: String, predictor: FollowedPredictor, text: String) -> UInt128 {
        Fingerprint.of(tenant: tenant, predictorVersion: predictor.version, text: text, key: key)
    }

    /// A fingerprint without its text.
    func fingerprintBase(tenant: String, predictor: FollowedPredictor) -> SipHash128 {
        Fingerprint.base(tenant: tenant, predictorVersion: predictor.version, key: key)
    }

    /// A damaged or foreign record is a miss: it is predicted anew and overwritten.
    ///
    /// - Parameter countsMiss: false where the same call has looked before.
    func get(_ fingerprint: UInt128, predictor: FollowedPredictor, countsMiss: Bool = true) -> CachedPrediction? {
        guard let record = record(of: fingerprint, predictor: predictor),
            let prediction = CachedPrediction(record: record, of: predictor)
        else {
            if countsMiss { countMiss() }
            return nil
        }
        countHit()
        return prediction
    }

    /// The record of one of the newest predictions.
    func recent(_ fingerprint: UInt128) -> [UInt8]? {
        recent.get(fingerprint)
    }

    /// The record of a prediction, checked to be read as the predictor's; nil where there is none. Neither is counted.
    func record(of fingerprint: UInt128, predictor: FollowedPredictor) -> [UInt8]? {
        if let record = recent.get(fingerprint) { return record }
        let found = try? store.read { transaction throws(StoreError) in
            try table.withValue(for: fingerprint, in: transaction) { record, generation in
                record.withUnsafeBytes { bytes in
                    CachedPrediction.Layout(bytes, modelCount: predictor.models.count, rounds: predictor.rounds) == nil
                        ? nil : (Array(bytes), generation)
                }
            }
        }
        guard let (record, generation) = (found ?? nil) ?? nil else { return nil }
        // What is still asked for must outlive the older generation.
        if generation == .older { put(record, under: fingerprint) }
        return record
    }

    /// A prediction was found by `recent` or `record(of:predictor:)`.
    func countHit() { hitCount.add(1, ordering: .relaxed) }

    /// A prediction was not found there.
    func countMiss() { missCount.add(1, ordering: .relaxed) }

    /// Keeps a record: in memory at once, in the store within 100 ms.
    func put(_ record: [UInt8], under fingerprint: UInt128) {
        recent.put(record, under: fingerprint)
        let (queue, bounded) = (queue, bounded)
        _ = store.drain(queue.add(record, under: fingerprint), refused: queue.drainFailed) { transaction in
            try bounded.withLockedValue { $0 }.put(queue.takeAll(), in: &transaction)
        }
    }
}

extension CachedPrediction {
    /// Nil as for a record of a number of models.
    init?(record: [UInt8], of predictor: FollowedPredictor) {
        let prediction = record.withUnsafeBytes {
            CachedPrediction(record: $0, modelCount: predictor.models.count, rounds: predictor.rounds)
        }
        guard let prediction else { return nil }
        self = prediction
    }
}
