#pragma once

enum { HERD_BASELINE = 0, HERD_AVX2 = 1, HERD_AVX512 = 2, HERD_VNNI = 3 };

int herd_instruction_set_in_use(void);

// Defines the public kernel `name`, which returns nothing, by its always-inlined `name_body`: the body is compiled once
// per instruction set and the call goes to the best that this CPU has. Plain branches and no ifunc: sanitizers are not up when ifuncs resolve.
#if defined(__x86_64__)
#define HERD_TARGET_VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define HERD_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define HERD_TARGET_AVX2 __attribute__((target("avx2")))
#define HERD_KERNEL(name, parameters, arguments)                                                                       \
    HERD_TARGET_AVX512 static void name##_avx512 parameters { name##_body arguments; }                                 \
    HERD_TARGET_AVX2 static void name##_avx2 parameters { name##_body arguments; }                                     \
    void name parameters {                                                                                             \
        int set = herd_instruction_set_in_use();                                                                       \
        if (set >= HERD_AVX512)                                                                                        \
            name##_avx512 arguments;                                                                                   \
        else if (set >= HERD_AVX2)                                                                                     \
            name##_avx2 arguments;                                                                                     \
        else                                                                                                           \
            name##_body arguments;                                                                                     \
    }
#else
#define HERD_KERNEL(name, parameters, arguments)                                                                       \
    void name parameters { name##_body arguments; }
#endif
