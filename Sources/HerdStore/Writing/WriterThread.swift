import Glibc

/// The one thread that writes, from the outside: it takes what is queued, until it is closed.
final class WriterThread: Sendable {
    private enum Life {
        case running(pthread_t, waiting: [CheckedContinuation<Void, Never>])
        case ended(pthread_t)
        case joined
    }

    private let queue: Monitor<WriteQueue>
    private let path: String
    private let life = Monitor(Life.joined)

    init(_ queue: Monitor<WriteQueue>, path: String) {
        self.queue = queue
        self.path = path
    }

    // MARK: - From any thread

    /// Hands a write to the thread or refuses it at once, never waiting for the disk.
    ///
    /// - Returns: why the write was not taken, or nil.
    func submit(_ write: PendingWrite) -> StoreError? {
        switch queue.withLock({ queue in queue.submit(write) }) {
        case .accepted(let wakes):
            if wakes { queue.signal() }
            return nil
        case .full:
            return StoreError(
                .resourceExhausted, "too many writes wait for the store \(path); try again later")
        case .closed:
            return StoreError.closed(path)
        }
    }

    // MARK: - Life

    /// Starts the thread, which takes over the environment and the folder.
    func start(_ committer: consuming Committer) throws(StoreError) {
        let start = ThreadStart(self, committer)
        let argument = unsafe Unmanaged.passRetained(start)
        var thread = pthread_t()
        let status = life.withLock { life in
            let status = unsafe pthread_create(&thread, nil, runWriterThread, argument.toOpaque())
            if status == 0 { life = .running(thread, waiting: []) }
            return status
        }
        guard status == 0 else {
            unsafe argument.release()
            throw StoreError.status(status, "starting the writer of", path)
        }
    }

    /// Commits what is queued, refuses what comes later and returns when the environment is closed.
    func close() async {
        requestClose()
        await withCheckedContinuation { continuation in
            let ended = life.withLock { life in
                guard case .running(let thread, var waiting) = life else { return true }
                waiting.append(continuation)
                life = .running(thread, waiting: waiting)
                return false
            }
            if ended { continuation.resume() }
        }
        join()
    }

    /// The same, blocking; on the writer thread itself it only asks, since the thread cannot wait for its own end.
    func closeAndWait() {
        requestClose()
        let isWriter = life.withLock { life in
            guard case .running(let thread, _) = life else { return false }
            return pthread_equal(thread, pthread_self()) != 0
        }
        if isWriter {
            life.withLock { life in
                if case .running(let thread, _) = life { pthread_detach(thread) }
                life = .joined
            }
        } else {
            join()
        }
    }

    private func requestClose() {
        if queue.withLock({ queue in queue.close() }) { queue.signal() }
    }

    private func join() {
        let thread: pthread_t? = life.withLock { life in
            switch life {
            case .running(let thread, _), .ended(let thread):
                life = .joined
                return thread
            case .joined:
                return nil
            }
        }
        if let thread { pthread_join(thread, nil) }
    }

    fileprivate func ended() {
        let waiting = life.withLock { life -> [CheckedContinuation<Void, Never>] in
            guard case .running(let thread, let waiting) = life else { return [] }
            life = .ended(thread)
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}

/// What a new thread is given.
private final class ThreadStart {
    let writer: WriterThread
    var committer: Committer?

    init(_ writer: WriterThread, _ committer: consuming Committer) {
        self.writer = writer
        self.committer = consume committer
    }
}

private func runWriterThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    let start = unsafe Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
    // Signals are for the threads that expect them.
    var signals = sigset_t()
    unsafe sigfillset(&signals)
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    if let committer = start.committer.take() { committer.runAndClose() }
    start.writer.ended()
    return nil
}
