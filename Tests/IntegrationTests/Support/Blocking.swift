import Foundation

/// What blocks must not run on the threads of the concurrency pool: there are only as many as cores.
enum Blocking {
    /// Runs `body` on a thread of its own.
    static func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: body()) }
        }
    }

    /// Starts a process with every signal deliverable. A child inherits the mask of the thread that starts it, and threads
    /// of the concurrency pool block SIGTERM: their children would never see it.
    static func start(_ process: Process) throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try process.run()
    }
}
