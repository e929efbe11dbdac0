// Preloaded into a process that uses a store: records every change of files called data.mdb, and every promise that they
// are on the disk, in the order they were made, so that a test can build what a power cut would leave.
//
// HERD_WRITE_TRACE names the trace: records of a header of five 64-bit words (kind, file, first, second, length) and
// `length` bytes, in this machine's byte order.
//
//   1 write      first = offset; second = number of the write, which may reach the disk from now on; the bytes
//   2 durable    second = number of a write to a descriptor opened with O_SYNC or O_DSYNC, which has reached the disk
//   3 sync began
//   4 sync ended what was written before it began has reached the disk; first = 0 where it succeeded
//   5 truncated  first = length
//   6 mark       first, second = what the process says: an acknowledged write
//   7 renamed    the file got its name
//   8 folder     a folder's entries have reached the disk
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, DURABLE, SYNC_BEGAN, SYNC_ENDED, TRUNCATED, MARK, RENAMED, FOLDER };
enum { DESCRIPTORS = 4096 };

static struct {
    int is_followed;
    int is_synchronous;
    uint64_t file;
} followed[DESCRIPTORS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int trace = -1;
static uint64_t writes;

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("HERD_WRITE_TRACE");
    if (path) trace = NEXT(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void emit(uint64_t kind, uint64_t file, uint64_t first, uint64_t second, const struct iovec *parts, int count) {
    uint64_t header[5] = {kind, file, first, second, 0};
    struct iovec all[1 + 64] = {{header, sizeof header}};
    if (trace < 0 || count > 64) return;
    for (int i = 0; i < count; i++) {
        header[4] += parts[i].iov_len;
        all[i + 1] = parts[i];
    }
    // A trace with a hole in it proves nothing.
    ssize_t expected = (ssize_t)(sizeof header + header[4]);
    if (NEXT(writev)(trace, all, count + 1) != expected) abort();
}

static int is_followed(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTORS && followed[descriptor].is_followed;
}

static int ends_with(const char *path, const char *end) {
    size_t length = strlen(path), wanted = strlen(end);
    return length >= wanted && strcmp(path + length - wanted, end) == 0;
}

static int follow(int descriptor, const char *path, int flags) {
    struct stat status;
    if (descriptor < 0 || descriptor >= DESCRIPTORS) return descriptor;
    followed[descriptor].is_followed = 0;
    if (!ends_with(path, "/data.mdb") || (flags & O_ACCMODE) == O_RDONLY || fstat(descriptor, &status) != 0)
        return descriptor;
    followed[descriptor].file = status.st_ino;
    followed[descriptor].is_synchronous = (flags & (O_SYNC | O_DSYNC)) != 0;
    followed[descriptor].is_followed = 1;
    return descriptor;
}

static mode_t mode_of(int flags, va_list arguments) {
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
}

#define DEFINE_OPEN(name)                                                                                              \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode_t mode = mode_of(flags, arguments);                                                                       \
        va_end(arguments);                                                                                             \
        return follow(NEXT(name)(path, flags, mode), path, flags);                                                     \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

#define DEFINE_OPENAT(name)                                                                                            \
    int name(int folder, const char *path, int flags, ...) {                                                           \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode_t mode = mode_of(flags, arguments);                                                                       \
        va_end(arguments);                                                                                             \
        return follow(NEXT(name)(folder, path, flags, mode), path, flags);                                             \
    }
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

int close(int descriptor) {
    if (is_followed(descriptor)) followed[descriptor].is_followed = 0;
    return NEXT(close)(descriptor);
}

// Tells of a write before it is made, since a cut may come in the middle of it.
static uint64_t write_begins(int descriptor, const struct iovec *parts, int count, uint64_t offset) {
    pthread_mutex_lock(&lock);
    uint64_t number = ++writes;
    emit(WRITE, followed[descriptor].file, offset, number, parts, count);
    pthread_mutex_unlock(&lock);
    return number;
}

static ssize_t write_ended(int descriptor, uint64_t number, ssize_t result) {
    int reason = errno;
    if (result > 0 && followed[descriptor].is_synchronous) {
        pthread_mutex_lock(&lock);
        emit(DURABLE, followed[descriptor].file, 0, number, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    errno = reason;
    return result;
}

static uint64_t place(int descriptor) { return (uint64_t)lseek(descriptor, 0, SEEK_CUR); }

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
    if (!is_followed(descriptor)) return NEXT(pwrite)(descriptor, bytes, length, offset);
    struct iovec part = {(void *)bytes, length};
    uint64_t number = write_begins(descriptor, &part, 1, (uint64_t)offset);
    return write_ended(descriptor, number, NEXT(pwrite)(descriptor, bytes, length, offset));
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset) {
    return pwrite(descriptor, bytes, length, offset);
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
    if (!is_followed(descriptor)) return NEXT(write)(descriptor, bytes, length);
    struct iovec part = {(void *)bytes, length};
    uint64_t number = write_begins(descriptor, &part, 1, place(descriptor));
    return write_ended(descriptor, number, NEXT(write)(descriptor, bytes, length));
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    if (!is_followed(descriptor)) return NEXT(writev)(descriptor, parts, count);
    uint64_t number = write_begins(descriptor, parts, count, place(descriptor));
    return write_ended(descriptor, number, NEXT(writev)(descriptor, parts, count));
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
    if (!is_followed(descriptor)) return NEXT(pwritev)(descriptor, parts, count, offset);
    uint64_t number = write_begins(descriptor, parts, count, (uint64_t)offset);
    return write_ended(descriptor, number, NEXT(pwritev)(descriptor, parts, count, offset));
}

ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off64_t offset) {
    return pwritev(descriptor, parts, count, offset);
}

int ftruncate(int descriptor, off_t length) {
    if (is_followed(descriptor)) {
        pthread_mutex_lock(&lock);
        emit(TRUNCATED, followed[descriptor].file, (uint64_t)length, 0, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    return NEXT(ftruncate)(descriptor, length);
}

int ftruncate64(int descriptor, off64_t length) { return ftruncate(descriptor, length); }

static int synchronise(int descriptor, int (*function)(int)) {
    struct stat status;
    int is_file = is_followed(descriptor);
    if (!is_file && (fstat(descriptor, &status) != 0 || !S_ISDIR(status.st_mode))) return function(descriptor);
    if (is_file) {
        pthread_mutex_lock(&lock);
        emit(SYNC_BEGAN, followed[descriptor].file, 0, 0, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    int result = function(descriptor), reason = errno;
    pthread_mutex_lock(&lock);
    if (is_file)
        emit(SYNC_ENDED, followed[descriptor].file, (uint64_t)(result != 0), 0, NULL, 0);
    else if (result == 0)
        emit(FOLDER, 0, 0, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = reason;
    return result;
}

int fdatasync(int descriptor) { return synchronise(descriptor, NEXT(fdatasync)); }

int fsync(int descriptor) { return synchronise(descriptor, NEXT(fsync)); }

// The store maps its file for reading only; if that changed, this trace would be blind.
int msync(void *start, size_t length, int flags) {
    if (trace >= 0) abort();
    return NEXT(msync)(start, length, flags);
}

int rename(const char *from, const char *to) {
    struct stat status;
    int is_data = ends_with(to, "/data.mdb") && stat(from, &status) == 0;
    int result = NEXT(rename)(from, to), reason = errno;
    if (result == 0 && is_data) {
        pthread_mutex_lock(&lock);
        emit(RENAMED, status.st_ino, 0, 0, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    errno = reason;
    return result;
}

// For the process itself: it has been told that a write is on the disk.
void herd_trace_mark(uint64_t first, uint64_t second) {
    pthread_mutex_lock(&lock);
    emit(MARK, 0, first, second, NULL, 0);
    pthread_mutex_unlock(&lock);
}
