import Glibc

/// How the process deals with memory that is free again.
enum ProcessMemory {
    /// Makes the C library give long buffers back to the system as soon as they are freed.
    ///
    /// By default it raises its threshold for that with the first 4 MiB frame, up to 32 MiB, and keeps as much at the end
    /// of each thread's heap: one peer's long frames would leave the process tens of megabytes larger for good. Setting
    /// either threshold ends that (mallopt(3)).
    static func keepSmall() {
        mallopt(M_MMAP_THRESHOLD, 256 << 10)
        mallopt(M_TRIM_THRESHOLD, 256 << 10)
        // A heap for each of hundreds of threads is what servers of that size need; a router has a few.
        mallopt(M_ARENA_MAX, 4)
    }
}
