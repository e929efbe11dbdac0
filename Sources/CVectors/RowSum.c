#include "CVectors.h"
#include "Lanes.h"

#pragma clang fp contract(off)

// Columns are done in blocks of one cache line of int8, whose 64 sums stay in registers over all the rows; the first
// block also fetches the other lines of rows to come, because rows lie far apart.
#define HERD_BLOCK 64
#define HERD_ROWS_AHEAD 12

HERD_INLINE void herd_sum_rows_i8_body(
    const int8_t *rows, const float *scales, const int32_t *ids, size_t count, float *sum) {
    for (size_t i = 0; i < count && i < HERD_ROWS_AHEAD; i++)
        for (size_t line = 0; line < HERD_ROW_LENGTH; line += 64)
            __builtin_prefetch(rows + (size_t)ids[i] * HERD_ROW_LENGTH + line);
    for (size_t block = 0; block < HERD_ROW_LENGTH; block += HERD_BLOCK) {
        herd_lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
        for (size_t i = 0; i < count; i++) {
            const int8_t *row = rows + (size_t)ids[i] * HERD_ROW_LENGTH + block;
            if (block == 0 && i + HERD_ROWS_AHEAD < count)
                for (size_t line = 0; line < HERD_ROW_LENGTH; line += 64)
                    __builtin_prefetch(rows + (size_t)ids[i + HERD_ROWS_AHEAD] * HERD_ROW_LENGTH + line);
            float scale = scales[ids[i]];
            s0 += scale * __builtin_convertvector(*(const herd_lanes_i8_unaligned *)row, herd_lanes);
            s1 += scale * __builtin_convertvector(*(const herd_lanes_i8_unaligned *)(row + 16), herd_lanes);
            s2 += scale * __builtin_convertvector(*(const herd_lanes_i8_unaligned *)(row + 32), herd_lanes);
            s3 += scale * __builtin_convertvector(*(const herd_lanes_i8_unaligned *)(row + 48), herd_lanes);
        }
        HERD_STORE(sum + block, s0);
        HERD_STORE(sum + block + 16, s1);
        HERD_STORE(sum + block + 32, s2);
        HERD_STORE(sum + block + 48, s3);
    }
}

HERD_KERNEL(
    herd_sum_rows_i8, (const int8_t *rows, const float *scales, const int32_t *ids, size_t count, float *sum),
    (rows, scales, ids, count, sum))
