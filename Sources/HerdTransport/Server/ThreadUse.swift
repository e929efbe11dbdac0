import Glibc

/// What a thread has used of the processors since it began.
package struct ThreadUse: Sendable, Equatable {
    /// Nanoseconds on a processor; waiting, and what other threads and processes do, does not count.
    package var busy: Int64
    /// How often it waited of its own accord, as an event loop does that has nothing to do.
    package var sleeps: Int

    package init(busy: Int64, sleeps: Int) {
        self.busy = busy
        self.sleeps = sleeps
    }

    /// That of the calling thread; see clock_gettime(2) and getrusage(2).
    static var current: ThreadUse {
        // Not the time of getrusage, which stands still from one tick of the scheduler to the next.
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        var usage = rusage()
        // RUSAGE_THREAD, which the module of the C library leaves out.
        getrusage(__rusage_who_t(1), &usage)
        return ThreadUse(busy: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec), sleeps: usage.ru_nvcsw)
    }
}
