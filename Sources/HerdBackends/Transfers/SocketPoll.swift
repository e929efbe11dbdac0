import CCurl

/// What wakes a thread from others, or from the kernel: an eventfd.
struct Bell: ~Copyable, Sendable {
    let descriptor: Int32

    /// Nil where no descriptor is to be had.
    init?() {
        let descriptor = herd_bell_open()
        guard descriptor >= 0 else { return nil }
        self.descriptor = descriptor
    }

    deinit {
        herd_poll_close(descriptor)
    }

    /// One system call, so only for a thread that waits.
    borrowing func ring() { herd_bell_ring(descriptor) }
}

/// An epoll of the sockets that libcurl waits for. Used on one thread only.
final class SocketPoll {
    let descriptor: Int32
    private let found: UnsafeMutablePointer<herd_ready_socket>
    private var count = 0

    /// Nil where no descriptor is to be had.
    ///
    /// - Parameter bell: Ends a wait when it is rung, or the next one.
    convenience init?(bell: borrowing Bell) {
        self.init(bellDescriptor: bell.descriptor)
    }

    /// One without a bell.
    convenience init?() {
        self.init(bellDescriptor: -1)
    }

    private init?(bellDescriptor: Int32) {
        let descriptor = herd_poll_open(bellDescriptor)
        guard descriptor >= 0 else { return nil }
        self.descriptor = descriptor
        found = .allocate(capacity: Int(HERD_POLL_BATCH))
    }

    deinit {
        herd_poll_close(descriptor)
        found.deallocate()
    }

    /// Watches a socket, or does not any more.
    ///
    /// - Parameters:
    ///   - what: libcurl's `CURL_POLL_` constants.
    ///   - isKnown: Whether it is watched already; only a guess.
    /// - Returns: false where the kernel has no room for it.
    func watch(_ socket: curl_socket_t, _ what: Int32, isKnown: Bool) -> Bool {
        herd_poll_watch(descriptor, socket, what, isKnown ? 1 : 0) == 0
    }

    /// Waits until sockets are ready, the bell rings or the time is over.
    func wait(_ time: Duration) {
        count = Int(max(0, herd_poll_wait(descriptor, found, Int64(clamping: time.clampedNanoseconds))))
    }

    /// What the last wait has found; sockets may have been closed meanwhile.
    var ready: UnsafeBufferPointer<herd_ready_socket> { UnsafeBufferPointer(start: found, count: count) }
}
