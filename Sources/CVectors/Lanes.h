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

// The fixed tree: lanes 8 apart, then 4, 2 and 1.
HERD_INLINE float herd_tree_sum(const herd_lanes *lanes) {
    float l[HERD_LANES];
    memcpy(l, lanes, sizeof l);
    for (int width = HERD_LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++) l[i] = l[i] + l[i + width];
    return l[0];
}
