#define _GNU_SOURCE
#include "CPrecisePoll.h"

#include <sys/prctl.h>
#include <time.h>

int precise_poll(struct pollfd *sockets, nfds_t count, int64_t nanoseconds) {
    int64_t pause = nanoseconds > 0 ? nanoseconds : 0;
    struct timespec timeout = {.tv_sec = pause / 1000000000, .tv_nsec = pause % 1000000000};
    return ppoll(sockets, count, &timeout, 0);
}

void precise_poll_prepare_thread(void) {
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}
