#include <math.h>
#include <stdint.h>
#include <string.h>

#include "CVectors.h"
#include "Lanes.h"

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
//
// Without branches, so that a loop of it becomes vectors: what lies outside is computed for a bound and replaced.
HERD_INLINE float herd_exp_body(float x) {
    float inside = x < -104.0f ? -104.0f : x > 89.0f ? 89.0f : x == x ? x : 0.0f;
    float scaled = inside * 1.44269504f;
    int32_t n = (int32_t)(scaled + (scaled < 0.0f ? -0.5f : 0.5f));
    float r = (inside - (float)n * 0.693359375f) - (float)n * -2.12194440e-4f;
    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    int32_t half = n / 2;
    float value = p * power_of_two(half) * power_of_two(n - half);
    value = x > 88.72284f ? INFINITY : value;
    value = x < -103.972084f ? 0.0f : value;
    return x == x ? value : x;
}

float herd_exp_f32(float x) { return herd_exp_body(x); }

// The natural logarithm as HerdPrediction's `naturalLogarithm` computes it, of a normal number.
HERD_INLINE double herd_logarithm_body(double value) {
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int32_t exponent = (int32_t)(bits >> 52) - 1023;
    bits = (bits & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000;
    double mantissa;
    memcpy(&mantissa, &bits, sizeof mantissa);
    int32_t isHigh = mantissa > 1.4142135623730951;
    mantissa = isHigh ? mantissa * 0.5 : mantissa;
    exponent += isHigh;
    double ratio = (mantissa - 1.0) / (mantissa + 1.0), square = ratio * ratio;
    double sum = 1.0 / 21.0;
    sum = sum * square + 1.0 / 19.0;
    sum = sum * square + 1.0 / 17.0;
    sum = sum * square + 1.0 / 15.0;
    sum = sum * square + 1.0 / 13.0;
    sum = sum * square + 1.0 / 11.0;
    sum = sum * square + 1.0 / 9.0;
    sum = sum * square + 1.0 / 7.0;
    sum = sum * square + 1.0 / 5.0;
    sum = sum * square + 1.0 / 3.0;
    sum = sum * square + 1.0;
    return (double)exponent * 0.6931471805599453 + 2.0 * ratio * sum;
}

HERD_INLINE void herd_calibrate_f32_body(float *x, size_t n, double slope, double offset) {
    const double edge = 0.02;
    for (size_t i = 0; i < n; i++) {
        double score = (double)x[i];
        double inside = score < edge ? edge : score > 1.0 - edge ? 1.0 - edge : score == score ? score : 0.5;
        double logit = herd_logarithm_body(inside / (1.0 - inside)) + (score - inside) / (edge * (1.0 - edge));
        x[i] = 1.0f / (1.0f + herd_exp_body((float)-(slope * logit + offset)));
    }
}

HERD_KERNEL(herd_calibrate_f32, (float *x, size_t n, double slope, double offset), (x, n, slope, offset))

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
