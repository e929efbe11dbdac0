#ifndef HERD_TEXT_H
#define HERD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/// Whether `first` comes before `second` in the order of their UTF-8 bytes; NULL comes first.
static inline bool herd_text_precedes(const char *first, const char *second) {
    if (first == NULL || second == NULL) {
        return first == NULL && second != NULL;
    }
    return strcmp(first, second) < 0;
}

/// Whether one of `size` bytes is 0.
static inline bool herd_text_contains_nul(const void *bytes, size_t size) {
    return memchr(bytes, 0, size) != NULL;
}

#endif
