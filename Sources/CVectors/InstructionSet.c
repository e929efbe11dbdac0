#include "InstructionSet.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "CVectors.h"

#if defined(__ARM_NEON)
#define HERD_BASELINE_NAME "neon"
#else
#define HERD_BASELINE_NAME "baseline"
#endif

static const char *const names[] = {HERD_BASELINE_NAME, "avx2", "avx512", "vnni"};

static atomic_int highest_allowed = INT_MAX;
// What this CPU has and the environment allows; -1 until it is found out.
static atomic_int found = -1;

static int find(void) {
    int set = HERD_BASELINE;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) set = HERD_AVX2;
    if (set == HERD_AVX2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        set = HERD_AVX512;
    if (set == HERD_AVX512 && __builtin_cpu_supports("avx512vnni")) set = HERD_VNNI;
#endif
    const char *asked = getenv("HERD_INSTRUCTION_SET");
    if (asked)
        for (int level = HERD_BASELINE; level < set; level++)
            if (strcmp(asked, names[level]) == 0) set = level;
    return set;
}

int herd_instruction_set_in_use(void) {
    int set = atomic_load_explicit(&found, memory_order_relaxed);
    if (set < 0) {
        set = find();
        atomic_store_explicit(&found, set, memory_order_relaxed);
    }
    int allowed = atomic_load_explicit(&highest_allowed, memory_order_relaxed);
    return set < allowed ? set : allowed;
}

void herd_limit_instruction_set(int highest) {
    atomic_store_explicit(&highest_allowed, highest < HERD_BASELINE ? HERD_BASELINE : highest, memory_order_relaxed);
}

const char *herd_instruction_set_name(void) { return names[herd_instruction_set_in_use()]; }
