/*
 * support/integer.h: arithmetic on integers that C leaves out.
 */
#ifndef WEIR_SUPPORT_INTEGER_H
#define WEIR_SUPPORT_INTEGER_H

#include <stdint.h>

/* The greatest common divisor, not negative; of 0 and b: |b|. */
static inline int64_t common_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

#endif
