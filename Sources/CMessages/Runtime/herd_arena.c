#include "herd_arena.h"

#if defined(__GLIBC__) || defined(__linux__)
#include <malloc.h>
#endif
#include <pthread.h>
#include <stdlib.h>

/// The first chunk; takes any request or reply of usual size.
static const size_t smallest_chunk = 16 * 1024;
/// Chunks double up to this, so that memory in use is at most about twice what was asked for.
static const size_t largest_doubling = 1024 * 1024;
/// What a thread may keep between two messages.
static const size_t largest_kept_chunk = 256 * 1024;

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
/// Every allocation then is a chunk of its own, whose bounds the sanitizer watches.
#define HERD_ARENA_EXACT 1
#endif
#endif
#ifndef HERD_ARENA_EXACT
#define HERD_ARENA_EXACT 0
#endif

struct herd_arena_chunk {
    herd_arena_chunk *older;
    size_t capacity;
    _Alignas(16) uint8_t bytes[];
};

static _Thread_local herd_arena *cached;
static _Thread_local int cleanup_registered;
static pthread_key_t cleanup_key;
static pthread_once_t cleanup_once = PTHREAD_ONCE_INIT;
static int cleanup_available;

static void free_chunks(herd_arena_chunk *chunk) {
    while (chunk != NULL) {
        herd_arena_chunk *older = chunk->older;
        free(chunk);
        chunk = older;
    }
}

static void thread_ended(void *unused) {
    (void)unused;
    herd_arena *arena = cached;
    cached = NULL;
    cleanup_registered = 0;
    if (arena != NULL) {
        free_chunks(arena->chunks);
        free(arena);
    }
}

static void create_cleanup_key(void) {
    cleanup_available = pthread_key_create(&cleanup_key, thread_ended) == 0;
}

/// Whether this thread frees its cached arena when it ends.
static int register_cleanup(void) {
    if (!cleanup_registered) {
        pthread_once(&cleanup_once, create_cleanup_key);
        cleanup_registered = cleanup_available && pthread_setspecific(cleanup_key, &cleanup_key) == 0;
    }
    return cleanup_registered;
}

static void *allocate_for_protobuf(void *arena, size_t size) {
    return herd_arena_allocate(arena, size);
}

static void free_for_protobuf(void *arena, void *pointer) {
    (void)arena;
    (void)pointer;
}

static void use_chunk(herd_arena *arena, herd_arena_chunk *chunk) {
    arena->chunks = chunk;
    arena->next = chunk != NULL ? chunk->bytes : NULL;
    arena->end = chunk != NULL ? chunk->bytes + chunk->capacity : NULL;
}

herd_arena *herd_arena_acquire(void) {
    herd_arena *arena = cached;
    if (arena != NULL) {
        cached = NULL;
        return arena;
    }
    arena = malloc(sizeof(herd_arena));
    if (arena == NULL) {
        return NULL;
    }
    use_chunk(arena, NULL);
    arena->allocator.alloc = allocate_for_protobuf;
    arena->allocator.free = free_for_protobuf;
    arena->allocator.allocator_data = arena;
    return arena;
}

void herd_arena_release(herd_arena *arena) {
    if (arena == NULL) {
        return;
    }
    if (cached != NULL || !register_cleanup()) {
        free_chunks(arena->chunks);
        free(arena);
        return;
    }
    // Keeps the largest chunk that may be kept, so that messages of the usual size soon need one chunk only.
    herd_arena_chunk *kept = NULL;
    herd_arena_chunk *chunk = arena->chunks;
    while (chunk != NULL) {
        herd_arena_chunk *older = chunk->older;
        int may_be_kept = !HERD_ARENA_EXACT && chunk->capacity <= largest_kept_chunk;
        if (may_be_kept && (kept == NULL || chunk->capacity > kept->capacity)) {
            free(kept);
            kept = chunk;
        } else {
            free(chunk);
        }
        chunk = older;
    }
    if (kept != NULL) {
        kept->older = NULL;
    }
    use_chunk(arena, kept);
    cached = arena;
}

void *herd_arena_grow(herd_arena *arena, size_t size) {
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size_t rounded = (size + (size == 0) + 7u) & ~(size_t)7u;
    size_t capacity = smallest_chunk;
    if (arena->chunks != NULL) {
        size_t doubled = arena->chunks->capacity * 2;
        capacity = doubled < largest_doubling ? doubled : largest_doubling;
    }
    if (HERD_ARENA_EXACT) {
        capacity = rounded = size;
    } else if (capacity < rounded) {
        capacity = rounded;
    }
    herd_arena_chunk *chunk = malloc(sizeof(herd_arena_chunk) + capacity);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->capacity = capacity;
    chunk->older = arena->chunks;
    use_chunk(arena, chunk);
    arena->next += rounded;
    return chunk->bytes;
}

void herd_memory_keep_small(void) {
#ifdef __GLIBC__
    // Setting one threshold ends the raising of both (mallopt(3)). Low ones cost dearly: with 256 KiB every buffer of a
    // fast stream was new pages, 226,000 page faults a second on the event loop.
    mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
    // Giving memory back stops every thread for a moment (the processors forget the addresses, TLB shootdown). LMDB takes
    // 2 MB for each write of a commit (mdb_txn_begin of a child), so that with a lower one each did that.
    mallopt(M_TRIM_THRESHOLD, 8 * 1024 * 1024);
    // A heap for each of many threads keeps that much more.
    mallopt(M_ARENA_MAX, 4);
#endif
}

void herd_memory_trim(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
