// Preloaded into a process: its disk is full, or read-only, while the file that HERD_DISK_FAULT names exists. The file's
// first byte says which: 'f', no file may grow or be created (ENOSPC), as on a disk without a free block; 'c', nor may
// anything be written over, as on one that copies on write; 'r', nothing may be written at all (EROFS). Only paths under
// HERD_DISK_FOLDER are affected.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int fault(void) {
    const char *path = getenv("HERD_DISK_FAULT");
    char kind = 0;
    int descriptor = path ? NEXT(open)(path, O_RDONLY | O_CLOEXEC) : -1;
    if (descriptor < 0) return 0;
    if (read(descriptor, &kind, 1) != 1) kind = 0;
    NEXT(close)(descriptor);
    return kind;
}

static int is_on_disk(const char *path) {
    const char *folder = getenv("HERD_DISK_FOLDER");
    return folder && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_descriptor_on_disk(int descriptor) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_on_disk(path);
}

// The reason why a write that ends there fails; 0 where it does not.
static int refusal(int descriptor, off_t end) {
    struct stat status;
    int kind = fault();
    if (!kind || !is_descriptor_on_disk(descriptor)) return 0;
    if (kind == 'r') return EROFS;
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
    return end > status.st_size || kind == 'c' ? ENOSPC : 0;
}

static int fails(int reason) {
    if (reason) errno = reason;
    return reason != 0;
}

static size_t total(const struct iovec *parts, int count) {
    size_t length = 0;
    for (int i = 0; i < count; i++) length += parts[i].iov_len;
    return length;
}

static off_t place(int descriptor) {
    off_t offset = lseek(descriptor, 0, SEEK_CUR);
    return offset < 0 ? 0 : offset;
}

static int open_refusal(const char *path, int flags) {
    int kind = is_on_disk(path) ? fault() : 0;
    if (kind == 'r' && ((flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT))) return EROFS;
    return kind && (flags & O_CREAT) && access(path, F_OK) != 0 ? ENOSPC : 0;
}

#define DEFINE_OPEN(name)                                                                                              \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;                                                 \
        va_end(arguments);                                                                                             \
        return fails(open_refusal(path, flags)) ? -1 : NEXT(name)(path, flags, mode);                                  \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
    return fails(refusal(descriptor, offset + (off_t)length)) ? -1 : NEXT(pwrite)(descriptor, bytes, length, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset) {
    return pwrite(descriptor, bytes, length, offset);
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
    return fails(refusal(descriptor, place(descriptor) + (off_t)length)) ? -1 : NEXT(write)(descriptor, bytes, length);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    off_t end = place(descriptor) + (off_t)total(parts, count);
    return fails(refusal(descriptor, end)) ? -1 : NEXT(writev)(descriptor, parts, count);
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
    off_t end = offset + (off_t)total(parts, count);
    return fails(refusal(descriptor, end)) ? -1 : NEXT(pwritev)(descriptor, parts, count, offset);
}

int ftruncate(int descriptor, off_t length) {
    return fails(refusal(descriptor, length)) ? -1 : NEXT(ftruncate)(descriptor, length);
}

int posix_fallocate(int descriptor, off_t offset, off_t length) {
    struct stat status;
    // What has its blocks already needs no more.
    if (fault() != 'r' && fstat(descriptor, &status) == 0 && offset + length <= status.st_size) return 0;
    int reason = refusal(descriptor, offset + length);
    return reason ? reason : NEXT(posix_fallocate)(descriptor, offset, length);
}

int mkdir(const char *path, mode_t mode) {
    int kind = is_on_disk(path) && access(path, F_OK) != 0 ? fault() : 0;
    if (kind) return fails(kind == 'r' ? EROFS : ENOSPC), -1;
    return NEXT(mkdir)(path, mode);
}
