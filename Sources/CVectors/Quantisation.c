#include <math.h>

#include "CVectors.h"
#include "Lanes.h"

// The next whole number, halves away from 0: what is cut off decides, so that nothing is rounded before.
HERD_INLINE void herd_quantise_i8_body(const float *x, int8_t *y, float *scale, size_t n) {
    float largest = 0.0f;
    for (size_t i = 0; i < n; i++) {
        float size = __builtin_fabsf(x[i]);
        largest = size > largest ? size : largest;
    }
    *scale = largest / 127.0f;
    if (!(*scale > 0.0f && *scale <= 3.402823466e38f)) {
        *scale = 0.0f;
        memset(y, 0, n);
        return;
    }
    float step = *scale;
    for (size_t i = 0; i < n; i++) {
        float value = x[i] / step;
        // NaN, which is never the largest, counts as 0; a step that is not a normal number may lead past 127.
        value = value == value ? value : 0.0f;
        value = value > 127.0f ? 127.0f : value < -127.0f ? -127.0f : value;
        int32_t cut = (int32_t)value;
        float rest = value - (float)cut;
        y[i] = (int8_t)(cut + (rest >= 0.5f) - (rest <= -0.5f));
    }
}

HERD_KERNEL(herd_quantise_i8, (const float *x, int8_t *y, float *scale, size_t n), (x, y, scale, n))
