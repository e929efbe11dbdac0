package import HerdFrames
import HerdTransport
import NIOConcurrencyHelpers
import Synchronization

/// How many bytes of requests are held by handlers that run: those of one caller, or of the whole server.
///
/// That only so many calls are open does not bound it: each may hold a frame of 4 MiB.
package final class RequestMemory: Sendable {
    private let held = Atomic<Int>(0)
    private let limit: Int
    private let server: RequestMemory?

    /// - Parameters:
    ///   - limit: How many bytes may be held; one request alone may be longer.
    ///   - server: What a caller's count in, too; nil for the server's own.
    package init(limit: Int, within server: RequestMemory? = nil) {
        self.limit = limit
        self.server = server
    }

    /// The bytes that are held.
    package var byteCount: Int { held.load(ordering: .relaxed) }

    /// Counts a request that is worked on from now on, until `giveBack`; gives why there is no room for it.
    package func take(_ bytes: Int) -> CallError? {
        guard bytes > 0 else { return nil }
        let sum = held.wrappingAdd(bytes, ordering: .relaxed).newValue
        guard sum <= limit || sum == bytes else {
            held.wrappingSubtract(bytes, ordering: .relaxed)
            return refusal
        }
        guard let serverRefusal = server?.take(bytes) else { return nil }
        held.wrappingSubtract(bytes, ordering: .relaxed)
        return serverRefusal
    }

    /// The handler of a request that was taken has returned.
    package func giveBack(_ bytes: Int) {
        guard bytes > 0 else { return }
        held.wrappingSubtract(bytes, ordering: .relaxed)
        server?.giveBack(bytes)
    }

    private var refusal: CallError {
        let holder = server == nil ? "on this server" : "for this caller"
        return CallError(
            .resourceExhausted,
            "the calls that run \(holder) hold requests of \(limit) bytes, their most; wait for one to end",
            metadata: [
                "retry-after-ms": String(LoopPressure.retryAfterMilliseconds), CallError.notStartedKey: "1",
            ])
    }
}

/// What the requests of each caller hold, over all of their connections.
final class CallerMemories: Sendable {
    private struct Entry {
        weak var memory: RequestMemory?
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// How many entries there may be before those of callers that are gone are removed.
        var most = 64
    }

    private let server: RequestMemory
    private let state = NIOLockedValueBox(State())

    init(within server: RequestMemory) {
        self.server = server
    }

    /// That of a caller, kept for as long as one of their connections does.
    func memory(of caller: String) -> RequestMemory {
        state.withLockedValue { state in
            if let memory = state.entries[caller]?.memory { return memory }
            if state.entries.count >= state.most {
                state.entries = state.entries.filter { $0.value.memory != nil }
                state.most = max(64, 2 * state.entries.count)
            }
            let memory = RequestMemory(limit: ConnectionLimits.maximumRequestBytes, within: server)
            state.entries[caller] = Entry(memory: memory)
            return memory
        }
    }
}
