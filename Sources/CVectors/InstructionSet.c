#include "InstructionSet.h"

#include <limits.h>
#include <stdatomic.h>

#include "CVectors.h"

static atomic_int highest_allowed = INT_MAX;

int herd_instruction_set_in_use(void) {
    int set = HERD_BASELINE;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) set = HERD_AVX2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl"))
        set = HERD_AVX512;
#endif
    int allowed = atomic_load_explicit(&highest_allowed, memory_order_relaxed);
    return set < allowed ? set : allowed;
}

void herd_limit_instruction_set(int highest) {
    atomic_store_explicit(&highest_allowed, highest < HERD_BASELINE ? HERD_BASELINE : highest, memory_order_relaxed);
}

const char *herd_instruction_set_name(void) {
    switch (herd_instruction_set_in_use()) {
        case HERD_AVX512: return "avx512";
        case HERD_AVX2: return "avx2";
        default: return "baseline";
    }
}
