import NIOConcurrencyHelpers
import Synchronization

/// Does the same work once for all who ask for it at the same time.
///
/// Whoever asks first does it, in the task and on the thread it is called on; the others wait and are given what came of
/// it. Where the first is cancelled, one of the others does the work anew.
package final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// Who waits for the work under way, by key, oldest first.
    private let flights = NIOLockedValueBox<[Key: [Waiter]]>([:])
    private let joined = Atomic<Int>(0)

    package init() {}

    private enum Turn {
        /// Nobody does the work: it is for whoever is told so to do.
        case work
        case landed(Result<Value, any Error>)
        case cancelled
    }

    /// One who waits.
    private final class Waiter: Sendable {
        let continuation: UnsafeContinuation<Turn, Never>

        init(_ continuation: UnsafeContinuation<Turn, Never>) {
            self.continuation = continuation
        }
    }

    /// Does the work for `key`, or waits for the one who does it already.
    ///
    /// - Throws: what `work` throws; `CancellationError` where the task is cancelled while it waits.
    package func value(for key: Key, _ work: () async throws -> Value) async throws -> Value {
        if !begin(key) {
            switch await turn(of: key) {
            case .work: break
            case .landed(let result):
                joined.add(1, ordering: .relaxed)
                return try result.get()
            case .cancelled: throw CancellationError()
            }
        }
        do {
            let value = try await work()
            land(key, .success(value))
            return value
        } catch {
            if Task.isCancelled { handOver(key) } else { land(key, .failure(error)) }
            throw error
        }
    }

    /// Does work for `key` that waits for nothing; nil where somebody does it already.
    ///
    /// - Throws: what `work` throws.
    package func valueNow(for key: Key, _ work: () throws -> Value) throws -> Value? {
        guard begin(key) else { return nil }
        let result = Result(catching: work)
        land(key, result)
        return try result.get()
    }

    /// Whether somebody does the work for `key`.
    package func isUnderWay(_ key: Key) -> Bool {
        flights.withLockedValue { $0[key] != nil }
    }

    /// How many were given what came of others' work so far.
    package var joinedCount: Int { joined.load(ordering: .relaxed) }

    /// How many wait for the one who does the work.
    package func waiterCount(for key: Key) -> Int {
        flights.withLockedValue { $0[key]?.count ?? 0 }
    }

    /// Whether the caller is the first.
    private func begin(_ key: Key) -> Bool {
        flights.withLockedValue { flights in
            if flights[key] != nil { return false }
            flights[key] = []
            return true
        }
    }

    private func turn(of key: Key) async -> Turn {
        let place = NIOLockedValueBox<Waiter?>(nil)
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let waiter = Waiter(continuation)
                // Before it can be found by whoever lands, and looked at after the task's cancellation is: whichever
                // of the two comes later sees the other.
                place.withLockedValue { $0 = waiter }
                let turn: Turn? = flights.withLockedValue { flights in
                    if Task.isCancelled { return .cancelled }
                    guard flights[key] != nil else {
                        flights[key] = []
                        return .work
                    }
                    flights[key]?.append(waiter)
                    return nil
                }
                if let turn { continuation.resume(returning: turn) }
            }
        } onCancel: {
            guard let waiter = place.withLockedValue({ $0 }) else { return }
            let waited = flights.withLockedValue { flights in
                guard let index = flights[key]?.firstIndex(where: { $0 === waiter }) else { return false }
                flights[key]?.remove(at: index)
                return true
            }
            if waited { waiter.continuation.resume(returning: .cancelled) }
        }
    }

    private func land(_ key: Key, _ result: Result<Value, any Error>) {
        let waiters = flights.withLockedValue { $0.removeValue(forKey: key) } ?? []
        for waiter in waiters { waiter.continuation.resume(returning: .landed(result)) }
    }

    /// The next of those who wait does the work.
    private func handOver(_ key: Key) {
        let next: Waiter? = flights.withLockedValue { flights in
            guard let next = flights[key]?.first else {
                flights[key] = nil
                return nil
            }
            flights[key]?.removeFirst()
            return next
        }
        next?.continuation.resume(returning: .work)
    }
}
