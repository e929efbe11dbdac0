#include "CVectors.h"
#include "Lanes.h"

// Sums over so many terms are added to the result at a time, and the order of additions follows from it: it is part of
// what the kernel promises.
#define HERD_DEPTH 256

// `height` rows of `left` times a packed panel of 16 columns; `height` is a constant where it is inlined.
HERD_INLINE void herd_add_tile(
    size_t height, size_t columns, size_t depth, const float *left, size_t row_stride, size_t sum_stride,
    const float *panel, float *result, size_t result_stride) {
    herd_lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    for (size_t s = 0; s < depth; s++, left += sum_stride, panel += HERD_LANES) {
        herd_lanes right = HERD_LOAD(panel);
        s0 += left[0] * right;
        if (height > 1) s1 += left[row_stride] * right;
        if (height > 2) s2 += left[2 * row_stride] * right;
        if (height > 3) s3 += left[3 * row_stride] * right;
    }
    herd_lanes sums[4] = {s0, s1, s2, s3};
    for (size_t row = 0; row < height; row++, result += result_stride) {
        if (columns == HERD_LANES) {
            HERD_STORE(result, HERD_LOAD(result) + sums[row]);
        } else {
            for (size_t column = 0; column < columns; column++) result[column] += sums[row][column];
        }
    }
}

HERD_INLINE void herd_add_product_f32_body(
    size_t rows, size_t columns, size_t sum, const float *left, size_t row_stride, size_t sum_stride,
    const float *right, size_t right_stride, float *result, size_t result_stride) {
    float panel[HERD_DEPTH * HERD_LANES];
    for (size_t start = 0; start < sum; start += HERD_DEPTH) {
        size_t depth = sum - start < HERD_DEPTH ? sum - start : HERD_DEPTH;
        for (size_t column = 0; column < columns; column += HERD_LANES) {
            size_t width = columns - column < HERD_LANES ? columns - column : HERD_LANES;
            const float *from = right + start * right_stride + column;
            for (size_t s = 0; s < depth; s++, from += right_stride) {
                float *to = panel + s * HERD_LANES;
                if (width == HERD_LANES) {
                    HERD_STORE(to, HERD_LOAD(from));
                } else {
                    for (size_t i = 0; i < HERD_LANES; i++) to[i] = i < width ? from[i] : 0.0f;
                }
            }
            const float *tile = left + start * sum_stride;
            float *target = result + column;
            size_t row = 0;
            for (; row + 4 <= rows; row += 4)
                herd_add_tile(
                    4, width, depth, tile + row * row_stride, row_stride, sum_stride, panel, target + row * result_stride,
                    result_stride);
            for (; row < rows; row++)
                herd_add_tile(
                    1, width, depth, tile + row * row_stride, row_stride, sum_stride, panel, target + row * result_stride,
                    result_stride);
        }
    }
}

HERD_KERNEL(
    herd_add_product_f32,
    (size_t rows, size_t columns, size_t sum, const float *left, size_t row_stride, size_t sum_stride,
     const float *right, size_t right_stride, float *result, size_t result_stride),
    (rows, columns, sum, left, row_stride, sum_stride, right, right_stride, result, result_stride))
