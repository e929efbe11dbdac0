import NIOConcurrencyHelpers

/// Does the same work once for all who ask for it at the same time.
final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let flights = NIOLockedValueBox<[Key: Task<Value, any Error>]>([:])

    /// Joins the work under way for `key`, or begins it. The work does not end with the caller that began it, since
    /// others may wait for it; it must have a time limit of its own.
    func value(for key: Key, _ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let task = flights.withLockedValue { flights in
            if let flight = flights[key] { return flight }
            let flight = Task {
                defer { self.land(key) }
                return try await work()
            }
            flights[key] = flight
            return flight
        }
        return try await task.value
    }

    private func land(_ key: Key) {
        _ = flights.withLockedValue { $0.removeValue(forKey: key) }
    }
}
