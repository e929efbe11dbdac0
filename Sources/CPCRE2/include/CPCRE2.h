#pragma once

#include <stddef.h>
#include <stdint.h>

// The part of PCRE2 that graders need, as functions, because its own API is macros. Patterns and texts are UTF-8.

#ifdef __cplusplus
extern "C" {
#endif

typedef struct herd_pattern herd_pattern;

/// Compiles a pattern; NULL where it is wrong, with PCRE2's error number and the byte where it was noticed.
herd_pattern *_Nullable herd_pattern_compile(
    const uint8_t *_Nonnull pattern, size_t length, int *_Nonnull error, size_t *_Nonnull offset);

void herd_pattern_free(herd_pattern *_Nullable pattern);

/// Looks for a pattern anywhere in a text of well-formed UTF-8. 1: it is there; 0: it is not; negative: PCRE2's error
/// number, of a limit that was reached.
int herd_pattern_search(const herd_pattern *_Nonnull pattern, const uint8_t *_Nonnull text, size_t length);

/// What an error number means, as a text that ends with a NUL.
void herd_pattern_message(int error, char *_Nonnull buffer, size_t size);

#ifdef __cplusplus
}
#endif
