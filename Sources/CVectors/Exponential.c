#include <math.h>
#include <stdint.h>
#include <string.h>

#include "CVectors.h"

#pragma clang fp contract(off)

// 2 to the power n for a normal result, -126 <= n <= 127.
static inline float power_of_two(int32_t n) {
    uint32_t bits = (uint32_t)(n + 127) << 23;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// x = n ln 2 + r with |r| <= ln 2 / 2, so e^x = 2^n e^r. ln 2 is split in two so that n times its upper part, which has
// 9 significant bits, is exact; e^r is its Taylor polynomial of degree 7, whose remainder is under r^8 / 8! < 6e-9. The
// power of two is applied in two steps because n may be one past what a normal number holds, on either side.
float herd_exp_f32(float x) {
    if (x != x) return x;
    if (x > 88.72284f) return INFINITY;
    if (x < -103.972084f) return 0.0f;
    float scaled = x * 1.44269504f;
    int32_t n = (int32_t)(scaled + (scaled < 0.0f ? -0.5f : 0.5f));
    float r = (x - (float)n * 0.693359375f) - (float)n * -2.12194440e-4f;
    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    int32_t half = n / 2;
    return p * power_of_two(half) * power_of_two(n - half);
}

void herd_softmax_f32(const float *x, float *y, size_t n) {
    if (n == 0) return;
    float highest = x[0];
    for (size_t i = 1; i < n; i++) highest = x[i] > highest ? x[i] : highest;
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++) {
        y[i] = herd_exp_f32(x[i] - highest);
        sum = sum + y[i];
    }
    for (size_t i = 0; i < n; i++) y[i] = y[i] / sum;
}
