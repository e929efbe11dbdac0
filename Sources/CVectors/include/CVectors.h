#pragma once

#include <stddef.h>
#include <stdint.h>

/// Vector kernels whose results are bit-identical on every CPU.
///
/// Every kernel fixes its order of additions (16 lanes, then a fixed tree), never contracts a multiplication and an
/// addition into one rounding, and calls nothing of libm. Wider instruction sets, picked at run time, therefore change
/// the speed only. The kernels assume the default rounding mode and no flush-to-zero, as Swift does.

#ifdef __cplusplus
extern "C" {
#endif

/// The dot product of two vectors of `n` floats. Element `i` is added to lane `i % 16` in order of `i`; the lanes are
/// then added pairwise: 8 apart, 4 apart, 2 apart, 1 apart. `a` and `b` need no alignment.
float herd_dot_f32(const float *a, const float *b, size_t n);

/// `y = m x` for a row-major matrix of `rows` x `cols` floats: `y[r]` has exactly the bits of
/// `herd_dot_f32(m + r * cols, x, cols)`. `y` must not overlap `m` or `x`.
void herd_matvec_f32(const float *m, const float *x, float *y, size_t rows, size_t cols);

/// `y[i] += a * x[i]` for `n` floats, each product rounded before it is added. `x` and `y` must not overlap.
void herd_add_scaled_f32(float a, const float *x, float *y, size_t n);

/// e to the power `x`, with a relative error under 5e-7 where the result is a normal number; infinity above 88.72284,
/// 0 below -103.972084, NaN for NaN.
float herd_exp_f32(float x);

/// `y[i] = exp(x[i] - max x) / sum`, the sum taken in order of `i`. `y` may be `x`. Nothing is written for `n` = 0;
/// finite `x` gives finite `y` that add up to 1 within rounding.
void herd_softmax_f32(const float *x, float *y, size_t n);

/// `x[i] = 1 / (1 + exp(-(slope * logit(x[i]) + offset)))`, the logit continued as a straight line outside 0.02...0.98.
void herd_calibrate_f32(float *x, size_t n, double slope, double offset);

/// Divides `n` floats by their Euclidean length; sets them to 0 where it is 0 or not a normal number.
void herd_normalise_f32(float *x, size_t n);

/// The number of columns of `herd_sum_rows_i8`.
#define HERD_ROW_LENGTH 256

/// `sum[d] = sum over i of scales[ids[i]] * rows[ids[i]][d]`, d = 0 ..< 256, each product rounded and added in order of
/// `i`. `rows` is row major with 256 columns. The caller has checked that every id is a row.
void herd_sum_rows_i8(
    const int8_t *rows, const float *scales, const int32_t *ids, size_t count, float *sum);

/// Adds `left * right` to `result`: `result[r, c] += sum over s of left[r, s] * right[s, c]`. Element (r, s) of `left` is at
/// `r * row_stride + s * sum_stride`, so that a matrix and its transpose are the same memory; the rows of `right` and
/// `result` are so many floats apart. Each product is rounded; 256 of them at a time are added up in order of `s`, and
/// then to the result. `result` must not overlap the others.
void herd_add_product_f32(
    size_t rows, size_t columns, size_t sum, const float *left, size_t row_stride, size_t sum_stride,
    const float *right, size_t right_stride, float *result, size_t result_stride);

/// `y[i] = x[i] / scale` rounded to the next whole number, halves away from 0, where `scale` is the largest magnitude of
/// `x` over 127; all are 0 where that is 0 or not a normal number.
void herd_quantise_i8(const float *x, int8_t *y, float *scale, size_t n);

/// The most columns of `herd_matvec_i8`.
#define HERD_MOST_COLUMNS 65536

/// `y = m x` for a row-major matrix of `rows` x `cols` integers from -127 to 127, `cols` at most `HERD_MOST_COLUMNS`.
void herd_matvec_i8(const int8_t *m, const int8_t *x, int32_t *y, size_t rows, size_t cols);

/// The instruction set that the kernels use: "vnni", "avx512", "avx2", "neon" or "baseline".
///
/// It is the best that the CPU has. The environment variable `HERD_INSTRUCTION_SET`, read once, asks for a lesser one by
/// its name; any other value changes nothing.
const char *herd_instruction_set_name(void);

/// Keeps the kernels of the whole process to the given instruction set at most: 0 baseline, 1 AVX2, 2 AVX-512, 3 AVX-512
/// with VNNI. For tests that compare them; the results are the same.
void herd_limit_instruction_set(int highest);

#ifdef __cplusplus
}
#endif
