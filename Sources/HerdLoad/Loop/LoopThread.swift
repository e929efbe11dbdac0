import Glibc

/// A thread of its own: what waits for sockets and timers must not hold one of the concurrency pool's.
enum LoopThread {
    private final class Body {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Runs `body` on a new thread and returns what it does.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async throws(LoadFailure) -> Value {
        let result: Value? = await withCheckedContinuation { continuation in
            let retained = Unmanaged.passRetained(Body { continuation.resume(returning: body()) })
            var thread = pthread_t()
            let code = pthread_create(
                &thread, nil,
                { argument in
                    if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                    return nil
                }, retained.toOpaque())
            if code == 0 {
                pthread_detach(thread)
            } else {
                retained.release()
                continuation.resume(returning: nil)
            }
        }
        guard let result else { throw LoadFailure("no thread can be made; lower --threads", exitCode: 71) }
        return result
    }
}
