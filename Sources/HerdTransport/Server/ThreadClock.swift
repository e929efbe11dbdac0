import Glibc

/// The processor time that the calling thread has used.
enum ThreadClock {
    /// In nanoseconds since the thread began; waiting, and what other threads and processes do, does not count.
    static var busyNanoseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
