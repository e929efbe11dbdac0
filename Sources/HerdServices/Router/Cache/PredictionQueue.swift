import HerdStore
import NIOConcurrencyHelpers

/// Predictions on their way to the store: one write takes all that came in 100 ms.
final class PredictionQueue: Sendable {
    /// Records waiting at once, in bytes; half of it has the writer thread come earlier.
    private static let mostBytes = 16 << 20

    private struct State {
        var records: [(key: UInt128, value: [UInt8])] = []
        var bytes = 0
        var dropped = 0
        var request = DrainRequest()
    }

    private let state = NIOLockedValueBox(State())

    /// Adds a record, or drops it where too many wait: it would be predicted anew.
    func add(_ record: [UInt8], under fingerprint: UInt128) -> DrainRequest.Asks {
        state.withLockedValue { state in
            guard state.bytes + record.count <= Self.mostBytes else {
                state.dropped += 1
                return .nothing
            }
            state.records.append((fingerprint, record))
            state.bytes += record.count
            return state.request.added(isHalfFull: state.bytes > Self.mostBytes / 2)
        }
    }

    /// All records, in the order they came; for the writer thread.
    func takeAll() -> [(key: UInt128, value: [UInt8])] {
        state.withLockedValue { state in
            defer { state = State(dropped: state.dropped) }
            return state.records
        }
    }

    /// Records that wait, their bytes, and how many were dropped so far.
    var figures: (records: Int, bytes: Int, dropped: Int) {
        state.withLockedValue { ($0.records.count, $0.bytes, $0.dropped) }
    }

    /// The store took no write: the next record asks again.
    func drainFailed() {
        state.withLockedValue { $0.request.ended() }
    }
}
