#include "CVectors.h"
#include "Lanes.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

// Integers add up to the same sum in any order, so that each instruction set has the loop that suits it. No sum
// overflows: 127 * 127 * HERD_MOST_COLUMNS < 2^31.

static inline int32_t plain_dot(const int8_t *a, const int8_t *b, size_t n) {
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += (int32_t)a[i] * b[i];
    return sum;
}

#if defined(__ARM_NEON)
static void matvec_baseline(const int8_t *m, const int8_t *x, int32_t *y, size_t rows, size_t cols) {
    size_t whole = cols - cols % 16;
    for (size_t row = 0; row < rows; row++, m += cols) {
        int32x4_t sum = vdupq_n_s32(0);
        for (size_t i = 0; i < whole; i += 16) {
            int8x16_t a = vld1q_s8(m + i), b = vld1q_s8(x + i);
            // A product is at most 127 * 127, so that two of them fit into 16 bits.
            int16x8_t products = vmull_s8(vget_low_s8(a), vget_low_s8(b));
            sum = vpadalq_s16(sum, vmlal_s8(products, vget_high_s8(a), vget_high_s8(b)));
        }
        y[row] = vaddvq_s32(sum) + plain_dot(m + whole, x + whole, cols - whole);
    }
}
#else
static void matvec_baseline(const int8_t *m, const int8_t *x, int32_t *y, size_t rows, size_t cols) {
    for (size_t row = 0; row < rows; row++) y[row] = plain_dot(m + row * cols, x, cols);
}
#endif

#if defined(__x86_64__)
HERD_TARGET_AVX2 static void matvec_avx2(const int8_t *m, const int8_t *x, int32_t *y, size_t rows, size_t cols) {
    size_t whole = cols - cols % 16;
    for (size_t row = 0; row < rows; row++, m += cols) {
        __m256i sum = _mm256_setzero_si256();
        for (size_t i = 0; i < whole; i += 16) {
            __m256i a = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(m + i)));
            __m256i b = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(x + i)));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
        }
        __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
        half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
        half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1));
        y[row] = _mm_cvtsi128_si32(half) + plain_dot(m + whole, x + whole, cols - whole);
    }
}

HERD_TARGET_AVX512 static void matvec_avx512(const int8_t *m, const int8_t *x, int32_t *y, size_t rows, size_t cols) {
    size_t whole = cols - cols % 32;
    for (size_t row = 0; row < rows; row++, m += cols) {
        __m512i sum = _mm512_setzero_si512();
        for (size_t i = 0; i < whole; i += 32) {
            __m512i a = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(m + i)));
            __m512i b = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(x + i)));
            sum = _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
        }
        y[row] = _mm512_reduce_add_epi32(sum) + plain_dot(m + whole, x + whole, cols - whole);
    }
}

// The instruction multiplies unsigned by signed bytes: 128 is added to each of `x`, and its share taken off again, which
// is 128 times the sum of the row's elements.
HERD_TARGET_VNNI static void matvec_vnni(const int8_t *m, const int8_t *x, int32_t *y, size_t rows, size_t cols) {
    size_t whole = cols - cols % 64;
    const __m512i flip = _mm512_set1_epi8((char)0x80), ones = _mm512_set1_epi8(1);
    for (size_t row = 0; row < rows; row++, m += cols) {
        __m512i sum = _mm512_setzero_si512(), share = _mm512_setzero_si512();
        for (size_t i = 0; i < whole; i += 64) {
            __m512i a = _mm512_loadu_si512(m + i);
            sum = _mm512_dpbusd_epi32(sum, _mm512_xor_si512(_mm512_loadu_si512(x + i), flip), a);
            share = _mm512_dpbusd_epi32(share, ones, a);
        }
        sum = _mm512_sub_epi32(sum, _mm512_slli_epi32(share, 7));
        y[row] = _mm512_reduce_add_epi32(sum) + plain_dot(m + whole, x + whole, cols - whole);
    }
}
#endif

void herd_matvec_i8(const int8_t *m, const int8_t *x, int32_t *y, size_t rows, size_t cols) {
#if defined(__x86_64__)
    switch (herd_instruction_set_in_use()) {
        case HERD_VNNI: return matvec_vnni(m, x, y, rows, cols);
        case HERD_AVX512: return matvec_avx512(m, x, y, rows, cols);
        case HERD_AVX2: return matvec_avx2(m, x, y, rows, cols);
        default: break;
    }
#endif
    matvec_baseline(m, x, y, rows, cols);
}
