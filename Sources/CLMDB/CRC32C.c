#include <pthread.h>
#include <string.h>

#include "CLMDB.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

typedef uint32_t (*checksum_function)(uint32_t, const unsigned char *, size_t);

// MARK: - By table, eight bytes a step

static uint32_t table[8][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void fill_table(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t remainder = byte;
        for (int bit = 0; bit < 8; bit++) remainder = (remainder >> 1) ^ (remainder & 1 ? 0x82F63B78u : 0);
        table[0][byte] = remainder;
    }
    for (int slice = 1; slice < 8; slice++)
        for (int byte = 0; byte < 256; byte++) {
            uint32_t previous = table[slice - 1][byte];
            table[slice][byte] = (previous >> 8) ^ table[0][previous & 0xFF];
        }
}

static uint32_t by_table(uint32_t remainder, const unsigned char *bytes, size_t length) {
    for (; length >= 8; length -= 8, bytes += 8) {
        uint32_t low = remainder ^ ((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                                    (uint32_t)bytes[3] << 24);
        remainder = table[7][low & 0xFF] ^ table[6][(low >> 8) & 0xFF] ^ table[5][(low >> 16) & 0xFF] ^
                    table[4][low >> 24] ^ table[3][bytes[4]] ^ table[2][bytes[5]] ^ table[1][bytes[6]] ^
                    table[0][bytes[7]];
    }
    for (; length > 0; length--, bytes++) remainder = (remainder >> 8) ^ table[0][(remainder ^ *bytes) & 0xFF];
    return remainder;
}

// MARK: - By instruction

#if defined(__x86_64__)

// The instruction takes three cycles but a new one can start in each, so three thirds of a block run side by side. The
// checksum of a third is carried over the n bytes behind it by a product with x^(8n - 33) modulo the polynomial: the
// carry-less product of two reflected polynomials is theirs times x, and the instruction multiplies by x^32.
enum { LONG = 256, SHORT = 64 };
static uint64_t over_long, over_two_long, over_short, over_two_short;

static uint32_t power_of_x(unsigned exponent) {
    uint32_t power = 0x80000000u;
    while (exponent-- > 0) power = (power >> 1) ^ (power & 1 ? 0x82F63B78u : 0);
    return power;
}

static void fill_powers(void) {
    over_long = power_of_x(8 * LONG - 33);
    over_two_long = power_of_x(16 * LONG - 33);
    over_short = power_of_x(8 * SHORT - 33);
    over_two_short = power_of_x(16 * SHORT - 33);
}

static inline uint64_t word_at(const unsigned char *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t product(uint64_t one, uint64_t other) {
    return (uint64_t)_mm_cvtsi128_si64(
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)one), _mm_cvtsi64_si128((long long)other), 0));
}

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t three_thirds(
    uint64_t first, const unsigned char *bytes, size_t third, uint64_t over_one, uint64_t over_two) {
    uint64_t second = 0, last = 0;
    for (size_t offset = 0; offset < third - 8; offset += 8) {
        first = _mm_crc32_u64(first, word_at(bytes + offset));
        second = _mm_crc32_u64(second, word_at(bytes + third + offset));
        last = _mm_crc32_u64(last, word_at(bytes + 2 * third + offset));
    }
    first = _mm_crc32_u64(first, word_at(bytes + third - 8));
    second = _mm_crc32_u64(second, word_at(bytes + 2 * third - 8));
    uint64_t carried = product(first, over_two) ^ product(second, over_one);
    return _mm_crc32_u64(last, word_at(bytes + 3 * third - 8) ^ carried);
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t by_instruction(
    uint32_t remainder, const unsigned char *bytes, size_t length) {
    uint64_t wide = remainder;
    for (; length >= 3 * LONG; length -= 3 * LONG, bytes += 3 * LONG)
        wide = three_thirds(wide, bytes, LONG, over_long, over_two_long);
    for (; length >= 3 * SHORT; length -= 3 * SHORT, bytes += 3 * SHORT)
        wide = three_thirds(wide, bytes, SHORT, over_short, over_two_short);
    for (; length >= 8; length -= 8, bytes += 8) wide = _mm_crc32_u64(wide, word_at(bytes));
    remainder = (uint32_t)wide;
    for (; length > 0; length--, bytes++) remainder = _mm_crc32_u8(remainder, *bytes);
    return remainder;
}

static int has_instruction(void) {
    fill_powers();
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

#elif defined(__aarch64__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
__attribute__((target("crc"))) static uint32_t by_instruction(
    uint32_t remainder, const unsigned char *bytes, size_t length) {
    uint64_t word;
    for (; length >= 8; length -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        remainder = __crc32cd(remainder, word);
    }
    for (; length > 0; length--, bytes++) remainder = __crc32cb(remainder, *bytes);
    return remainder;
}
static int has_instruction(void) { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }
#else
static uint32_t by_instruction(uint32_t remainder, const unsigned char *bytes, size_t length) {
    return by_table(remainder, bytes, length);
}
static int has_instruction(void) { return 0; }
#endif

// MARK: - Choice

static checksum_function chosen;
static pthread_once_t chosen_once = PTHREAD_ONCE_INIT;

static void choose(void) {
    pthread_once(&table_once, fill_table);
    chosen = has_instruction() ? by_instruction : by_table;
}

uint32_t herd_crc32c(uint32_t checksum, const void *bytes, size_t length) {
    pthread_once(&chosen_once, choose);
    return ~chosen(~checksum, bytes, length);
}

uint32_t herd_crc32c_portable(uint32_t checksum, const void *bytes, size_t length) {
    pthread_once(&table_once, fill_table);
    return ~by_table(~checksum, bytes, length);
}
