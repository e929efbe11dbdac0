#ifndef HERD_ARENA_H
#define HERD_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A bump allocator that protobuf-c unpacks into and that messages are built in before they are packed.
///
/// Nothing allocated from it is freed on its own; releasing the arena frees everything at once. One owner at a time.
typedef struct herd_arena_chunk herd_arena_chunk;

typedef struct herd_arena {
    uint8_t *next;
    uint8_t *end;
    herd_arena_chunk *chunks;
    /// What protobuf-c's functions are given; its `allocator_data` is this arena.
    ProtobufCAllocator allocator;
} herd_arena;

/// An empty arena: the calling thread's cached one if it is not in use, else a new one. NULL if memory is short.
herd_arena *herd_arena_acquire(void);

/// Frees all that was allocated and keeps the arena for the calling thread's next acquire. NULL is ignored.
void herd_arena_release(herd_arena *arena);

/// The slow path of `herd_arena_allocate`.
void *herd_arena_grow(herd_arena *arena, size_t size);

/// Memory of at least `size` bytes, aligned to 8, not cleared; NULL if memory is short.
static inline void *herd_arena_allocate(herd_arena *arena, size_t size) {
    // A size of 0 is taken for 1, so that NULL always means that memory is short.
    size_t rounded = (size + (size == 0) + 7u) & ~(size_t)7u;
    if (rounded < size || rounded > (size_t)(arena->end - arena->next)) {
        return herd_arena_grow(arena, size);
    }
    void *result = arena->next;
    arena->next += rounded;
    return result;
}

/// Makes the C library give long blocks back to the system as soon as they are freed, in the whole process.
///
/// By default it raises its threshold for that with the first block of 4 MiB, up to 32 MiB, and keeps twice as much at
/// the end of each thread's heap: one peer's long messages would leave the process tens of megabytes larger for good.
void herd_memory_keep_small(void);

/// Gives what is free in all heaps back to the system; takes milliseconds.
void herd_memory_trim(void);

#ifdef __cplusplus
}
#endif

#endif
