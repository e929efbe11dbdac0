// The least that answering Herd's frames takes: one thread, epoll, one read and one write per burst. What a server
// costs over this one is what it does besides moving bytes.
//
// usage: epoll_echo PORT [WORK_NS]
//
// Listens on 127.0.0.1:PORT (0 lets the kernel choose), prints the port, and answers every REQUEST, of whatever method,
// with the END of a Health that is well, after WORK_NS nanoseconds of computing (default 0).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HELLO = 1, REQUEST = 2, END = 4, PING = 7, PONG = 8 };
enum { MAX_FRAME = 4 << 20, CHUNK = 64 << 10, MAX_EVENTS = 256, MAX_REPLY = 64 };

struct bytes {
    uint8_t *data;
    size_t start, end, capacity;
};

struct connection {
    int fd;
    bool waits_for_room;
    struct bytes in, out;
};

static long work_ns;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

// Room for `count` more bytes at the end.
static void reserve(struct bytes *b, size_t count) {
    if (b->start == b->end) b->start = b->end = 0;
    if (b->capacity - b->end >= count) return;
    memmove(b->data, b->data + b->start, b->end - b->start);
    b->end -= b->start;
    b->start = 0;
    if (b->capacity - b->end >= count) return;
    b->capacity = 2 * (b->end + count);
    b->data = realloc(b->data, b->capacity);
    if (!b->data) fail("realloc");
}

// A base-128 varint; false where it is cut off or too long.
static bool varint(const uint8_t **p, const uint8_t *end, uint64_t *value) {
    *value = 0;
    for (int shift = 0; *p < end && shift < 64; shift += 7) {
        uint8_t byte = *(*p)++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

// Takes kind (field 1) and call (field 2) out of a packed herd.rpc.v1.Frame and steps over the rest.
static bool parse(const uint8_t *p, const uint8_t *end, uint64_t *kind, uint64_t *call) {
    *kind = *call = 0;
    while (p < end) {
        uint64_t tag, value;
        if (!varint(&p, end, &tag) || !varint(&p, end, &value)) return false;
        switch (tag & 7) {
        case 0:
            if (tag >> 3 == 1) *kind = value;
            if (tag >> 3 == 2) *call = value;
            break;
        case 2:
            if (value > (uint64_t)(end - p)) return false;
            p += value;
            break;
        default:
            return false;
        }
    }
    return true;
}

static void work(void) {
    struct timespec from, now;
    clock_gettime(CLOCK_MONOTONIC, &from);
    do clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - from.tv_sec) * 1000000000L + now.tv_nsec - from.tv_nsec < work_ns);
}

// Appends a frame of that kind and call, with further packed fields.
static void reply(struct bytes *out, uint8_t kind, uint64_t call, const uint8_t *rest, size_t count) {
    reserve(out, MAX_REPLY);
    uint8_t *head = out->data + out->end, *p = head + 4;
    *p++ = 0x08;
    *p++ = kind;
    if (call) {
        *p++ = 0x10;
        for (; call >= 0x80; call >>= 7) *p++ = (uint8_t)call | 0x80;
        *p++ = (uint8_t)call;
    }
    memcpy(p, rest, count);
    p += count;
    uint32_t length = htonl((uint32_t)(p - head - 4));
    memcpy(head, &length, 4);
    out->end += (size_t)(p - head);
}

// Answers all whole frames; false where the bytes are none of the protocol's.
static bool answer(struct connection *c) {
    // version: 1; metadata is optional.
    static const uint8_t greeting[] = {0x50, 0x01};
    // payload: HealthResponse{state: SERVING}.
    static const uint8_t healthy[] = {0x2a, 0x02, 0x08, 0x01};
    while (c->in.end - c->in.start >= 4) {
        uint32_t length;
        memcpy(&length, c->in.data + c->in.start, 4);
        length = ntohl(length);
        if (length > MAX_FRAME) return false;
        if (c->in.end - c->in.start < 4 + (size_t)length) break;
        const uint8_t *body = c->in.data + c->in.start + 4;
        uint64_t kind, call;
        if (!parse(body, body + length, &kind, &call)) return false;
        c->in.start += 4 + (size_t)length;
        if (kind == REQUEST) {
            if (work_ns) work();
            reply(&c->out, END, call, healthy, sizeof healthy);
        } else if (kind == HELLO) {
            reply(&c->out, HELLO, 0, greeting, sizeof greeting);
        } else if (kind == PING) {
            reply(&c->out, PONG, 0, NULL, 0);
        }
    }
    return true;
}

// Writes what there is and waits for room where the socket takes no more; false where the peer is gone.
static bool flush(int epoll, struct connection *c) {
    while (c->out.start < c->out.end) {
        ssize_t count = send(c->fd, c->out.data + c->out.start, c->out.end - c->out.start, MSG_NOSIGNAL);
        if (count > 0) {
            c->out.start += (size_t)count;
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            return false;
        }
    }
    bool waits = c->out.start < c->out.end;
    if (waits != c->waits_for_room) {
        struct epoll_event event = {.events = EPOLLIN | (waits ? EPOLLOUT : 0), .data.ptr = c};
        if (epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event) != 0) return false;
        c->waits_for_room = waits;
    }
    return true;
}

static bool handle(int epoll, struct connection *c, uint32_t events) {
    if (events & EPOLLIN) {
        reserve(&c->in, CHUNK);
        ssize_t count = read(c->fd, c->in.data + c->in.end, c->in.capacity - c->in.end);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) return false;
        if (count > 0) c->in.end += (size_t)count;
        if (!answer(c)) return false;
    } else if (events & (EPOLLERR | EPOLLHUP)) {
        return false;
    }
    return flush(epoll, c);
}

static void drop(struct connection *c) {
    close(c->fd);
    free(c->in.data);
    free(c->out.data);
    free(c);
}

static void accept_all(int epoll, int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *c = calloc(1, sizeof *c);
        if (!c) fail("calloc");
        c->fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) drop(c);
    }
}

static int listen_on(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0) fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(fd, (struct sockaddr *)&address, length) != 0) fail("bind");
    if (listen(fd, 1024) != 0) fail("listen");
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0) fail("getsockname");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3 || argv[1][0] == '-') {
        fprintf(stderr, "usage: epoll_echo PORT [WORK_NS]\n");
        return 64;
    }
    work_ns = argc > 2 ? atol(argv[2]) : 0;
    int listener = listen_on((uint16_t)atoi(argv[1])), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[MAX_EVENTS];
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) fail("epoll");
    for (;;) {
        int count = epoll_wait(epoll, events, MAX_EVENTS, -1);
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c) {
                accept_all(epoll, listener);
            } else if (!handle(epoll, c, events[i].events)) {
                drop(c);
            }
        }
    }
}
