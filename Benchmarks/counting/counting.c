// Preloaded into a server, counts what its requests cost: allocations on the heap, of all threads, and, where it runs
// under Valgrind's tool callgrind, instructions of the threads that wait for sockets by epoll_wait.
//
// HERD_COUNTS names a file of two 64-bit numbers: allocations so far, which another process may read at any time; and a
// phase, which that process writes. What was collected in a phase is dumped once another one has begun and a socket has
// something to say. Nothing is collected in phase 0.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_TOGGLE_COLLECT
#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)
#endif

struct counts {
    uint64_t allocations, phase;
};

static struct counts before_the_file;
static struct counts *counts = &before_the_file;

// MARK: Allocations

// What glibc calls its own functions; found without a search, which would itself allocate.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static void count_allocation(void) { __atomic_fetch_add(&counts->allocations, 1, __ATOMIC_RELAXED); }

void *malloc(size_t size) {
    count_allocation();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count_allocation();
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
    count_allocation();
    return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
    count_allocation();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
    void *made = memalign(alignment, size);
    if (made) *memory = made;
    return made ? 0 : ENOMEM;
}

// MARK: Instructions

static __thread int collects __attribute__((tls_model("initial-exec")));
static uint64_t dumped_phase;

static void collect(int wanted) {
    if (wanted == collects) return;
    collects = wanted;
    CALLGRIND_TOGGLE_COLLECT;
}

// Whatever is between two waits is the work that the first one brought.
int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout) {
    collect(0);
    int result = (int)syscall(SYS_epoll_wait, epoll, events, most, timeout);
    uint64_t phase = __atomic_load_n(&counts->phase, __ATOMIC_RELAXED);
    uint64_t before = __atomic_exchange_n(&dumped_phase, phase, __ATOMIC_RELAXED);
    if (phase != before && RUNNING_ON_VALGRIND) {
        if (before == 0) CALLGRIND_START_INSTRUMENTATION;
        char name[32];
        snprintf(name, sizeof name, "phase %llu", (unsigned long long)before);
        CALLGRIND_DUMP_STATS_AT(name);
    }
    collect(phase != 0);
    return result;
}

// MARK: What Valgrind 3.19 lacks

// It writes to the set, and libdispatch's lies in memory that cannot be written.
int sigsuspend(const sigset_t *signals) {
    sigset_t copy = *signals;
    return (int)syscall(SYS_rt_sigsuspend, &copy, _NSIG / 8);
}

// It has no room for a store's map of 1 TiB, little of which is ever touched.
void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
    if (RUNNING_ON_VALGRIND && length > (size_t)1 << 36) length = (size_t)1 << 32;
    return (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
}

// It does not know the system call.
int epoll_pwait2(
    int epoll, struct epoll_event *events, int most, const struct timespec *timeout, const sigset_t *signals) {
    if (!RUNNING_ON_VALGRIND) return (int)syscall(SYS_epoll_pwait2, epoll, events, most, timeout, signals, _NSIG / 8);
    int milliseconds = timeout ? (int)(timeout->tv_sec * 1000 + timeout->tv_nsec / 1000000) : -1;
    return (int)syscall(SYS_epoll_pwait, epoll, events, most, milliseconds, signals, _NSIG / 8);
}

__attribute__((constructor)) static void open_counts(void) {
    const char *path = getenv("HERD_COUNTS");
    int file = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (file < 0) return;
    if (ftruncate(file, sizeof *counts) == 0) {
        void *memory = mmap(0, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (memory != MAP_FAILED) counts = memory;
    }
    close(file);
}
