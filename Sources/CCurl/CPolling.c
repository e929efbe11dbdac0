#define _GNU_SOURCE
#include "CCurl.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// The bell's, among the sockets' own numbers.
#define BELL UINT64_MAX

int herd_bell_open(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

void herd_bell_ring(int bell) {
    uint64_t one = 1;
    // Full only after 2^64 rings that nobody has heard, and then it rings already.
    while (write(bell, &one, sizeof one) < 0 && errno == EINTR) continue;
}

int herd_poll_open(int bell) {
    int poll = epoll_create1(EPOLL_CLOEXEC);
    if (poll < 0 || bell < 0) return poll;
    // By edges, so that nobody has to read it: each ring is one.
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = BELL};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, bell, &event) == 0) return poll;
    close(poll);
    return -1;
}

int herd_poll_watch(int poll, curl_socket_t socket, int what, int known) {
    if (what == CURL_POLL_REMOVE) {
        // Closed before it is given up, it is no longer there: ENOENT, EBADF.
        (void)epoll_ctl(poll, EPOLL_CTL_DEL, socket, NULL);
        return 0;
    }
    struct epoll_event event = {.data.u64 = (uint32_t)socket};
    if (what & CURL_POLL_IN) event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
    int first = known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(poll, first, socket, &event) == 0) return 0;
    // Its number may have been another's a moment ago, and libcurl and the kernel forget that one at different times.
    if (errno != ENOENT && errno != EEXIST) return errno;
    int other = errno == ENOENT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    return epoll_ctl(poll, other, socket, &event) == 0 ? 0 : errno;
}

#if defined(SYS_epoll_pwait2) && __SIZEOF_LONG__ == 8
// Whether the kernel has it (Linux 5.11) and lets it be called: found out once.
static atomic_bool without_nanoseconds;

static int wait_nanoseconds(int poll, struct epoll_event *events, int capacity, int64_t nanoseconds) {
    if (nanoseconds <= 0) return epoll_wait(poll, events, capacity, 0);
    if (!atomic_load_explicit(&without_nanoseconds, memory_order_relaxed)) {
        struct timespec time = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
        int count = (int)syscall(SYS_epoll_pwait2, poll, events, capacity, &time, NULL, (size_t)0);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
        atomic_store_explicit(&without_nanoseconds, 1, memory_order_relaxed);
    }
    return epoll_wait(poll, events, capacity, (int)((nanoseconds + 999999) / 1000000));
}
#else
static int wait_nanoseconds(int poll, struct epoll_event *events, int capacity, int64_t nanoseconds) {
    return epoll_wait(poll, events, capacity, nanoseconds <= 0 ? 0 : (int)((nanoseconds + 999999) / 1000000));
}
#endif

int herd_poll_wait(int poll, herd_ready_socket *ready, int64_t nanoseconds) {
    struct epoll_event events[HERD_POLL_BATCH];
    int count = wait_nanoseconds(poll, events, HERD_POLL_BATCH, nanoseconds);
    int sockets = 0;
    for (int index = 0; index < count; index++) {
        if (events[index].data.u64 == BELL) continue;
        // Nothing but errors is 0, with which libcurl looks for itself; told of errors alone, it would not read why.
        int actions = (events[index].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                      (events[index].events & EPOLLOUT ? CURL_CSELECT_OUT : 0);
        ready[sockets++] = (herd_ready_socket){.socket = (curl_socket_t)events[index].data.u64, .actions = actions};
    }
    return sockets;
}

void herd_poll_close(int descriptor) { close(descriptor); }

// Linux's own asynchronous I/O, of which only the poll is used (Linux 4.19): its system calls have no wrappers in libc.

// Ends that the kernel keeps until they are fetched; fetched in one go before they run out.
#define ENDS 64

int herd_alert_open(herd_alert *alert, int poll, int bell) {
    *alert = (herd_alert){.poll = poll, .bell = bell};
    return syscall(SYS_io_setup, ENDS, &alert->context) == 0 ? 0 : errno;
}

int herd_alert_arm(herd_alert *alert) {
    if (alert->unfetched >= ENDS / 2) {
        struct io_event ends[ENDS];
        struct timespec no_time = {0};
        long fetched = syscall(SYS_io_getevents, alert->context, 0L, (long)ENDS, ends, &no_time);
        if (fetched > 0) alert->unfetched -= (int)fetched;
    }
    struct iocb command = {
        .aio_lio_opcode = IOCB_CMD_POLL,
        .aio_fildes = (uint32_t)alert->poll,
        .aio_buf = POLLIN,
        .aio_flags = IOCB_FLAG_RESFD,
        .aio_resfd = (uint32_t)alert->bell,
    };
    struct iocb *commands[] = {&command};
    if (syscall(SYS_io_submit, alert->context, 1L, commands) != 1) return errno;
    alert->unfetched++;
    return 0;
}

void herd_alert_close(herd_alert *alert) { (void)syscall(SYS_io_destroy, alert->context); }
