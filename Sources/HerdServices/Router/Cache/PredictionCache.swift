import HerdStore
import Synchronization

/// Predictions by fingerprint, kept in the router's store over restarts; lost at most for the last 100 ms.
final class PredictionCache: Sendable {
    private let store: StoreEnvironment
    private let table: TwoGenerationTable<UInt128>
    private let key: (UInt64, UInt64)
    private let recent = RecentPredictions()
    private let hitCount = Atomic<Int>(0)
    private let missCount = Atomic<Int>(0)

    static func table(maxBytes: Int) -> TwoGenerationTable<UInt128> {
        TwoGenerationTable("predictions", maxEntries: 1 << 40, maxBytes: maxBytes)
    }

    init(store: StoreEnvironment, maxBytes: Int) {
        self.store = store
        table = Self.table(maxBytes: maxBytes)
        key = (UInt64(truncatingIfNeeded: store.id), UInt64(truncatingIfNeeded: store.id >> 64))
    }

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
        if let prediction = recent.get(fingerprint) {
            hitCount.add(1, ordering: .relaxed)
            return prediction
        }
        let found = try? store.read { transaction throws(StoreError) in
            try table.withValue(for: fingerprint, in: transaction) { record, generation in
                record.withUnsafeBytes { bytes in
                    CachedPrediction(record: bytes, modelCount: predictor.models.count, rounds: predictor.rounds)
                        .map { ($0, generation) }
                }
            }
        }
        guard let (prediction, generation) = (found ?? nil) ?? nil else {
            if countsMiss { missCount.add(1, ordering: .relaxed) }
            return nil
        }
        hitCount.add(1, ordering: .relaxed)
        if generation == .older {
            // What is still asked for must outlive the older generation.
            put(prediction, under: fingerprint)
        } else {
            recent.put(prediction, under: fingerprint)
        }
        return prediction
    }

    /// One of the newest predictions, which counts neither as a hit nor as a miss.
    func recent(_ fingerprint: UInt128) -> CachedPrediction? {
        recent.get(fingerprint)
    }

    /// The stored record of a prediction, checked to be read as the predictor's; nil where there is none, which is not
    /// counted, as finding it is not.
    func record(of fingerprint: UInt128, predictor: FollowedPredictor) -> [UInt8]? {
        let found = try? store.read { transaction throws(StoreError) in
            try table.withValue(for: fingerprint, in: transaction) { record, generation in
                record.withUnsafeBytes { bytes in
                    CachedPrediction.Layout(bytes, modelCount: predictor.models.count, rounds: predictor.rounds) == nil
                        ? nil : (Array(bytes), generation)
                }
            }
        }
        guard let (record, generation) = (found ?? nil) ?? nil else { return nil }
        if generation == .older {
            // What is still asked for must outlive the older generation.
            let table = table
            store.enqueue { transaction in try table.put(record, for: fingerprint, in: &transaction) }
        }
        return record
    }

    /// A prediction was found in memory or by `record(of:predictor:)`.
    func countHit() { hitCount.add(1, ordering: .relaxed) }

    func put(_ prediction: CachedPrediction, under fingerprint: UInt128) {
        recent.put(prediction, under: fingerprint)
        let table = table
        store.enqueue { transaction in try table.put(prediction.record, for: fingerprint, in: &transaction) }
    }
}
