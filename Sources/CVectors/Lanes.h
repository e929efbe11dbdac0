#pragma once

// 16 lanes of floats that the compiler maps to whatever registers the instruction set of the surrounding function has:
// one of 512 bits, two of 256, four of 128. The arithmetic per lane, and so the result, is the same for all.
//
// A multiplication and an addition must round twice everywhere, or AVX-512 and ARM would fuse them.
#pragma clang fp contract(off)

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "InstructionSet.h"

#define HERD_LANES 16
#define HERD_INLINE static inline __attribute__((always_inline))

typedef float herd_lanes __attribute__((vector_size(64)));
typedef float herd_lanes_unaligned __attribute__((vector_size(64), aligned(4)));
typedef int8_t herd_lanes_i8_unaligned __attribute__((vector_size(16), aligned(1)));

// Macros, because a 64-byte vector passed by value has another ABI in each instruction set.
#define HERD_LOAD(pointer) (*(const herd_lanes_unaligned *)(pointer))
#define HERD_STORE(pointer, lanes) (*(herd_lanes_unaligned *)(pointer) = (lanes))

typedef float herd_lanes_8 __attribute__((vector_size(32)));
typedef float herd_lanes_4 __attribute__((vector_size(16)));

// The fixed tree: lanes 8 apart, then 4, 2 and 1.
HERD_INLINE float herd_tree_sum(const herd_lanes *lanes) {
    herd_lanes l = *lanes;
    herd_lanes_8 eight = __builtin_shufflevector(l, l, 0, 1, 2, 3, 4, 5, 6, 7)
        + __builtin_shufflevector(l, l, 8, 9, 10, 11, 12, 13, 14, 15);
    herd_lanes_4 four =
        __builtin_shufflevector(eight, eight, 0, 1, 2, 3) + __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
    four = four + __builtin_shufflevector(four, four, 2, 3, 2, 3);
    return four[0] + four[1];
}
