import Glibc

/// A thread for one piece of work that blocks for long, so that it holds up no event loop and no task.
enum BackgroundThread {
    /// What a new thread is given.
    private final class Work {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }

    /// Runs `body` on a thread of its own, which blocks every signal, and returns at once.
    ///
    /// - Throws: `resourceExhausted` where there can be no more threads.
    static func start(_ body: @escaping @Sendable () -> Void) throws(StoreError) -> pthread_t {
        let work = unsafe Unmanaged.passRetained(Work(body))
        var thread = pthread_t()
        let run: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
            guard let argument = unsafe argument else { return nil }
            var signals = sigset_t()
            unsafe sigfillset(&signals)
            unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
            unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
            return nil
        }
        let status = unsafe pthread_create(&thread, nil, run, work.toOpaque())
        guard status == 0 else {
            unsafe work.release()
            throw StoreError.status(status, "starting a thread for", "a copy")
        }
        return thread
    }

    /// Runs `body` on a thread of its own and waits for its result without blocking a thread.
    static func run<R: Sendable>(
        _ body: @escaping @Sendable () throws(StoreError) -> R
    ) async throws(StoreError) -> R {
        let result: Result<R, StoreError> = await withCheckedContinuation { continuation in
            do throws(StoreError) {
                let thread = try start {
                    do throws(StoreError) {
                        continuation.resume(returning: .success(try body()))
                    } catch {
                        continuation.resume(returning: .failure(error))
                    }
                }
                pthread_detach(thread)
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }
}
