import HerdFrames
import HerdMessages
package import HerdStore
import NIOConcurrencyHelpers

/// Which model each conversation is with: the newest in memory, all of them in the router's store over restarts, where
/// at most the last 100 ms are lost.
///
/// Bounded in number by two generations, as the prediction cache is: what is asked for stays, what is not goes with its
/// generation. What was not asked for as long as `expiry` is as good as gone.
package final class SessionModels: Sendable {
    static let longestID = 200

    private struct Entry {
        var model: String
        var timeMs: UInt64
        /// When the store was last told; a session in use does not have to be written with each request.
        var storedMs: UInt64
    }

    private struct Generations {
        var newer: [UInt128: Entry] = [:]
        var older: [UInt128: Entry] = [:]
    }

    private let store: StoreEnvironment
    private let table: TwoGenerationTable<UInt128>
    private let key: (UInt64, UInt64)
    private let generationSize: Int
    private let expiryMs: UInt64
    private let recent = NIOLockedValueBox(Generations())

    package static func table(maxEntries: Int) -> TwoGenerationTable<UInt128> {
        TwoGenerationTable("sessions", maxEntries: max(2, maxEntries), maxBytes: maxEntries * 1_024)
    }

    /// - Parameters:
    ///   - maxEntries: sessions kept in the store; at most so many, and at most 16,384, in memory.
    ///   - expiryMs: since their last use.
    package init(store: StoreEnvironment, maxEntries: Int, expiryMs: UInt64) {
        self.store = store
        table = Self.table(maxEntries: maxEntries)
        key = (UInt64(truncatingIfNeeded: store.id), UInt64(truncatingIfNeeded: store.id >> 64))
        generationSize = max(1, min(maxEntries, 16_384) / 2)
        self.expiryMs = expiryMs
    }

    static func check(_ session: String) throws(CallError) {
        try Check.length(session, field: "session", atMost: longestID)
    }

    /// How many are in memory.
    package var count: Int { recent.withLockedValue { $0.newer.count + $0.older.count } }

    /// The model that the tenant's session is with; nil where it has none, or not lately.
    package func model(of session: String, tenant: String, nowMs: UInt64) -> String? {
        let id = fingerprint(session, tenant)
        if let entry = recent.withLockedValue({ $0.newer[id] ?? $0.older[id] }) {
            return isExpired(entry.timeMs, nowMs) ? nil : entry.model
        }
        let stored = try? store.read { transaction throws(StoreError) in try table.value(for: id, in: transaction) }
        guard let bytes = stored ?? nil, let record = try? SessionRecord(packed: bytes), !record.model.isEmpty,
            !isExpired(record.timeUnixMs, nowMs)
        else { return nil }
        remember(Entry(model: record.model, timeMs: record.timeUnixMs, storedMs: record.timeUnixMs), id)
        return record.model
    }

    /// The session is with that model from now on.
    package func set(_ model: String, of session: String, tenant: String, nowMs: UInt64) {
        let id = fingerprint(session, tenant)
        let known = recent.withLockedValue { $0.newer[id] ?? $0.older[id] }
        let isStored = known.map { $0.model == model && nowMs < $0.storedMs + expiryMs / 16 } ?? false
        remember(Entry(model: model, timeMs: nowMs, storedMs: isStored ? known?.storedMs ?? nowMs : nowMs), id)
        guard !isStored else { return }
        let table = table
        store.enqueue { transaction in
            try table.put(SessionRecord(model: model, timeUnixMs: nowMs).pack(), for: id, in: &transaction)
        }
    }

    /// The session is with nobody, if it was with that model: it failed.
    package func forget(_ model: String, of session: String, tenant: String, nowMs: UInt64) {
        guard self.model(of: session, tenant: tenant, nowMs: nowMs) == model else { return }
        let id = fingerprint(session, tenant)
        recent.withLockedValue { generations in
            generations.newer[id] = nil
            generations.older[id] = nil
            // So that no read of the store, which hears of it later, brings it back.
            generations.newer[id] = Entry(model: model, timeMs: 0, storedMs: 0)
        }
        let table = table
        store.enqueue { transaction in try table.remove(id, in: &transaction) }
    }

    private func remember(_ entry: Entry, _ id: UInt128) {
        recent.withLockedValue { generations in
            if generations.newer[id] == nil, generations.newer.count >= generationSize {
                generations.older = generations.newer
                generations.newer = [:]
            }
            generations.newer[id] = entry
        }
    }

    private func isExpired(_ timeMs: UInt64, _ nowMs: UInt64) -> Bool {
        nowMs >= timeMs && nowMs - timeMs >= expiryMs
    }

    private func fingerprint(_ session: String, _ tenant: String) -> UInt128 {
        Fingerprint.of(tenant: tenant, predictorVersion: "session", text: session, key: key)
    }
}
