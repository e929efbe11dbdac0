#include "CVectors.h"
#include "Lanes.h"

#pragma clang fp contract(off)

// The products of the elements past the last whole 16, as lanes: absent ones add +0.
#define HERD_TAIL(a, b, n, into)                                                                                       \
    do {                                                                                                               \
        size_t rest = (n) % HERD_LANES;                                                                                \
        float left[HERD_LANES] = {0}, right[HERD_LANES] = {0};                                                         \
        memcpy(left, (a) + (n) - rest, rest * sizeof(float));                                                          \
        memcpy(right, (b) + (n) - rest, rest * sizeof(float));                                                         \
        (into) += HERD_LOAD(left) * HERD_LOAD(right);                                                                  \
    } while (0)

HERD_INLINE float herd_dot_f32_body(const float *a, const float *b, size_t n) {
    herd_lanes sum = {0};
    size_t whole = n - n % HERD_LANES;
    for (size_t i = 0; i < whole; i += HERD_LANES) sum += HERD_LOAD(a + i) * HERD_LOAD(b + i);
    if (whole < n) HERD_TAIL(a, b, n, sum);
    return herd_tree_sum(&sum);
}

// Four rows at a time hide the latency of the additions; each row keeps the order of `herd_dot_f32`.
HERD_INLINE void herd_matvec_f32_body(const float *m, const float *x, float *y, size_t rows, size_t cols) {
    size_t row = 0, whole = cols - cols % HERD_LANES;
    for (; row + 4 <= rows; row += 4) {
        const float *r0 = m + row * cols, *r1 = r0 + cols, *r2 = r1 + cols, *r3 = r2 + cols;
        herd_lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
        for (size_t i = 0; i < whole; i += HERD_LANES) {
            herd_lanes v = HERD_LOAD(x + i);
            s0 += HERD_LOAD(r0 + i) * v;
            s1 += HERD_LOAD(r1 + i) * v;
            s2 += HERD_LOAD(r2 + i) * v;
            s3 += HERD_LOAD(r3 + i) * v;
        }
        if (whole < cols) {
            HERD_TAIL(r0, x, cols, s0);
            HERD_TAIL(r1, x, cols, s1);
            HERD_TAIL(r2, x, cols, s2);
            HERD_TAIL(r3, x, cols, s3);
        }
        y[row] = herd_tree_sum(&s0);
        y[row + 1] = herd_tree_sum(&s1);
        y[row + 2] = herd_tree_sum(&s2);
        y[row + 3] = herd_tree_sum(&s3);
    }
    for (; row < rows; row++) y[row] = herd_dot_f32_body(m + row * cols, x, cols);
}

HERD_INLINE void herd_add_scaled_f32_body(float a, const float *x, float *y, size_t n) {
    size_t i = 0;
    for (; i + HERD_LANES <= n; i += HERD_LANES) HERD_STORE(y + i, HERD_LOAD(y + i) + a * HERD_LOAD(x + i));
    for (; i < n; i++) y[i] = y[i] + a * x[i];
}

HERD_KERNEL(
    herd_matvec_f32, (const float *m, const float *x, float *y, size_t rows, size_t cols), (m, x, y, rows, cols))
HERD_KERNEL(herd_add_scaled_f32, (float a, const float *x, float *y, size_t n), (a, x, y, n))

float herd_dot_f32(const float *a, const float *b, size_t n) {
    float dot;
    herd_matvec_f32(a, b, &dot, 1, n);
    return dot;
}
