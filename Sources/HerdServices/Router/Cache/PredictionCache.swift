import HerdStore
import NIOConcurrencyHelpers
import Synchronization

/// Predictions by fingerprint, kept in the router's store over restarts; lost at most for the last 100 ms.
///
/// The store has them in the order they came in: what one commit writes lies together, on a tenth of the pages that
/// fingerprints, which are as good as random, would have it touch. Where each is, an index in memory knows.
final class PredictionCache: Sendable {
    private let store: StoreEnvironment
    private let table: TwoGenerationTable<NumberedFingerprint>
    /// The same with the bound that holds now.
    private let bounded: NIOLockedValueBox<TwoGenerationTable<NumberedFingerprint>>
    private let key: (UInt64, UInt64)
    private let recent = RecentPredictions()
    let queue = PredictionQueue()
    private let index = FingerprintIndex()
    private let stored: StoredFingerprints
    /// Of the next record.
    private let nextNumber: Synchronization.Atomic<UInt64>
    private let hitCount = Atomic<Int>(0)
    private let missCount = Atomic<Int>(0)

    /// Found again before the first call is answered: some 20 ms.
    private static let mostLoadedAtOnce = 1 << 16

    static func table(maxBytes: Int) -> TwoGenerationTable<NumberedFingerprint> {
        TwoGenerationTable("predictions", maxEntries: 1 << 40, maxBytes: maxBytes)
    }

    /// Finds the newest predictions again; `load` finds the others.
    init(store: StoreEnvironment, maxBytes: Int) async {
        self.store = store
        table = Self.table(maxBytes: maxBytes)
        bounded = NIOLockedValueBox(table)
        key = (UInt64(truncatingIfNeeded: store.id), UInt64(truncatingIfNeeded: store.id >> 64))
        stored = StoredFingerprints(table: table, store: store)
        nextNumber = Synchronization.Atomic(await stored.open(index))
        _ = stored.load(index, most: Self.mostLoadedAtOnce)
    }

    /// Finds the predictions of earlier runs again that are not found yet, the newest first; until then such a prompt may
    /// be predicted anew. A million take some 0.3 s of one processor.
    func load() async {
        while !Task.isCancelled, stored.load(index, most: StoredFingerprints.chunk) { await Task.yield() }
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
        guard let location = index.location(of: fingerprint) else { return nil }
        if let record = record(at: location, predictor: predictor) { return record }
        // The newer generation's copy may have met a disk that was full.
        guard !location.isOlder, let older = index.olderLocation(of: fingerprint) else { return nil }
        return record(at: older, predictor: predictor)
    }

    private func record(at location: FingerprintIndex.Location, predictor: FollowedPredictor) -> [UInt8]? {
        let found = try? store.read { transaction throws(StoreError) in
            try table.withValue(for: location.key, place: location.place, in: transaction) { record in
                record.withUnsafeBytes { bytes in
                    CachedPrediction.Layout(bytes, modelCount: predictor.models.count, rounds: predictor.rounds) == nil
                        ? nil : Array(bytes)
                }
            }
        }
        guard let record = (found ?? nil) ?? nil else { return nil }
        // What is still asked for must outlive the older generation.
        if location.isOlder { put(record, under: location.key.fingerprint) }
        return record
    }

    /// A prediction was found by `recent` or `record(of:predictor:)`.
    func countHit() { hitCount.add(1, ordering: .relaxed) }

    /// A prediction was not found there.
    func countMiss() { missCount.add(1, ordering: .relaxed) }

    /// Keeps a record: in memory at once, in the store within 100 ms.
    func put(_ record: [UInt8], under fingerprint: UInt128) {
        recent.put(record, under: fingerprint)
        _ = store.drain(queue.add(record, under: fingerprint), refused: queue.drainFailed) { [self] transaction in
            try write(queue.takeAll(), in: &transaction)
        }
    }

    /// On the writer thread. Should the commit fail, the index leads to nothing, which is a miss.
    private func write(
        _ records: [(key: UInt128, value: [UInt8])], in transaction: inout WriteTransaction
    ) throws(StoreError) {
        let first = nextNumber.wrappingAdd(UInt64(records.count), ordering: .relaxed).oldValue
        var number = first
        let numbered = records.map { record in
            defer { number += 1 }
            return (key: NumberedFingerprint(number: number, fingerprint: record.key), value: record.value)
        }
        try bounded.withLockedValue { $0 }.append(numbered, in: &transaction) { change in
            switch change {
            case .added(let key, let place): index.add(key, place: place)
            case .emptied(let place): index.begin(place: place)
            }
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
