#define PCRE2_CODE_UNIT_WIDTH 8
#include "CPCRE2.h"

#include <pcre2.h>

// Steps of the matcher at one place of the text, nested ones, and kilobytes: what an honest pattern needs many times over,
// and what a catastrophic one uses up within milliseconds.
enum { match_limit = 100000, depth_limit = 10000, heap_limit = 8192, nesting_limit = 100 };

herd_pattern *herd_pattern_compile(const uint8_t *pattern, size_t length, int *error, size_t *offset)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (context == NULL) {
        *error = PCRE2_ERROR_NOMEMORY;
        *offset = 0;
        return NULL;
    }
    pcre2_set_parens_nest_limit(context, nesting_limit);
    PCRE2_SIZE place = 0;
    // \C would cut characters apart.
    pcre2_code *code = pcre2_compile(
        pattern, length, PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, error, &place, context);
    pcre2_compile_context_free(context);
    *offset = place;
    return (herd_pattern *)code;
}

void herd_pattern_free(herd_pattern *pattern)
{
    pcre2_code_free((pcre2_code *)pattern);
}

int herd_pattern_search(const herd_pattern *pattern, const uint8_t *text, size_t length)
{
    const pcre2_code *code = (const pcre2_code *)pattern;
    // Nobody asks where the groups are; one pair is for the whole match.
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    int result = PCRE2_ERROR_NOMEMORY;
    if (data != NULL && context != NULL) {
        pcre2_set_match_limit(context, match_limit);
        pcre2_set_depth_limit(context, depth_limit);
        pcre2_set_heap_limit(context, heap_limit);
        result = pcre2_match(code, text, length, 0, 0, data, context);
    }
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    if (result == PCRE2_ERROR_NOMATCH) return 0;
    return result >= 0 ? 1 : result;
}

void herd_pattern_message(int error, char *buffer, size_t size)
{
    if (size == 0) return;
    if (pcre2_get_error_message(error, (PCRE2_UCHAR *)buffer, size) < 0) buffer[size - 1] = 0;
}
