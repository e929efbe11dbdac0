import HerdFrames
import HerdMessages
package import HerdStore
package import Logging
import NIOConcurrencyHelpers

/// The published measurements, kept with their revision in the router's store before anybody sees them: a revision never
/// stands for two sets of values, whatever happens to the process.
package final class MeasurementLog: Sendable {
    private static let table = Table<String>("measurements")
    package static let tables = [table.id]
    private static let key = "published"
    private static let counter = "measurement.revision"

    private let store: StoreEnvironment
    private let logger: Logger
    private let published: NIOLockedValueBox<PublishedMeasurements>
    private let changed: @Sendable (PublishedMeasurements) -> Void

    /// - Parameter changed: gets what is in force now and after each change.
    package init(
        store: StoreEnvironment, logger: Logger, changed: @escaping @Sendable (PublishedMeasurements) -> Void
    ) {
        self.store = store
        self.logger = logger
        self.changed = changed
        published = NIOLockedValueBox(Self.stored(in: store, logger: logger))
        changed(current)
    }

    package var current: PublishedMeasurements { published.withLockedValue { $0 } }

    private static func stored(in store: StoreEnvironment, logger: Logger) -> PublishedMeasurements {
        do {
            let bytes = try store.read { transaction in try transaction.value(for: key, in: table) }
            guard let bytes else { return PublishedMeasurements() }
            return PublishedMeasurements(try MeasurementsRecord(stored: bytes))
        } catch {
            logger.error("the measured latencies can't be read and are begun anew", metadata: ["error": "\(error)"])
        }
        // Past every revision that was ever given out: the counter's or, where that is damaged too, one that no counter
        // that began at 0 and rose once a second has reached.
        let counted = try? store.read { transaction in try Counters.value(counter, in: transaction) }
        return PublishedMeasurements(revision: (counted ?? WallClock.milliseconds()) + 1)
    }

    /// Publishes what is believed now, if that changes anything. For one task at a time.
    package func publish(_ estimates: [String: PublishedMeasurements.Latency]) async {
        guard let next = current.updated(to: estimates) else { return }
        do {
            try await store.write { transaction in
                try transaction.put(next.record.pack(), for: Self.key, in: Self.table)
                try Counters.set(Self.counter, to: next.revision, in: &transaction)
            }
        } catch {
            logger.warning("measured latencies could not be stored and are not used", metadata: ["error": "\(error)"])
            return
        }
        published.withLockedValue { $0 = next }
        changed(next)
    }
}
