#ifndef C_PRECISE_POLL_H
#define C_PRECISE_POLL_H

#include <poll.h>
#include <stdint.h>

/// poll(2) with a time-out in nanoseconds, which Swift's Glibc module leaves out.
int precise_poll(struct pollfd *sockets, nfds_t count, int64_t nanoseconds);

/// Lets the kernel wake the calling thread when its timers are due: by default it waits up to 50 us to gather several.
void precise_poll_prepare_thread(void);

#endif
