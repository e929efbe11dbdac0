import NIOConcurrencyHelpers
import HerdFrames
import Testing

/// Something that happens once, awaited by tests instead of sleeping.
final class Signal: Sendable {
    private let state = NIOLockedValueBox<(hasFired: Bool, waiters: [CheckedContinuation<Void, Never>])>((false, []))

    func fire() {
        let waiters = state.withLockedValue { state in
            let waiters = state.waiters
            state = (true, [])
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    var hasFired: Bool { state.withLockedValue { $0.hasFired } }

    /// Takes no notice of cancellation: for handlers that must not react to it.
    func waitRegardless() async {
        await withCheckedContinuation { continuation in
            let hasFired = state.withLockedValue { state in
                if !state.hasFired { state.waiters.append(continuation) }
                return state.hasFired
            }
            if hasFired { continuation.resume() }
        }
    }

    /// Waits at most 20 s.
    func wait(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await within(sourceLocation: sourceLocation) { await self.waitRegardless() }
    }
}

struct TooLate: Error {}

/// Runs `body`, but throws `TooLate` where it takes longer than `limit`.
func within<Value: Sendable>(
    _ limit: Duration = .seconds(60), sourceLocation: SourceLocation = #_sourceLocation,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let (results, continuation) = AsyncThrowingStream<Value, any Error>.makeStream()
    let work = Task {
        do {
            continuation.yield(try await body())
            continuation.finish()
        } catch {
            continuation.finish(throwing: error)
        }
    }
    let alarm = Task {
        try await Task.sleep(for: limit)
        continuation.finish(throwing: TooLate())
    }
    defer {
        alarm.cancel()
        work.cancel()
    }
    for try await value in results { return value }
    throw TooLate()
}

/// Counts from any task, and lets others wait for a count.
final class Counter: Sendable {
    private let state = NIOLockedValueBox<(count: Int, waiters: [(Int, CheckedContinuation<Void, Never>)])>((0, []))

    var count: Int { state.withLockedValue { $0.count } }

    func increment() {
        let due = state.withLockedValue { state in
            state.count += 1
            let due = state.waiters.filter { $0.0 <= state.count }
            state.waiters.removeAll { $0.0 <= state.count }
            return due
        }
        for (_, waiter) in due { waiter.resume() }
    }

    func wait(for count: Int) async throws {
        try await within {
            await withCheckedContinuation { continuation in
                let isReached = self.state.withLockedValue { state in
                    if state.count < count { state.waiters.append((count, continuation)) }
                    return state.count >= count
                }
                if isReached { continuation.resume() }
            }
        }
    }
}

/// The codes that came, in their order.
final class Codes: Sendable {
    let counter = Counter()
    private let codes = NIOLockedValueBox<[StatusCode]>([])

    var all: [StatusCode] { codes.withLockedValue { $0 } }

    func append(_ code: StatusCode) {
        codes.withLockedValue { $0.append(code) }
        counter.increment()
    }
}
