/*
 * ir/requant.c: the one rounding of a requantisation, as a real number.
 *
 * In:   an integer accumulator and three scales that are f32 values. Out: acc * sx * sw / sy rounded to the nearest
 *       integer, halves to even. Doubles decide unless the value is near a tie; then integers of 128 bits do.
 */
#include <math.h>
#include <string.h>

#include "ir/eval_ops.h"

__extension__ typedef unsigned __int128 Wide;

/* x = mantissa * 2^exponent, mantissa an odd integer below 2^24 (x a positive f32 value). */
static uint64_t odd_mantissa(double x, int *out_exponent)
{
    int exponent;
    double fraction = frexp(x, &exponent);
    uint64_t mantissa = (uint64_t)ldexp(fraction, 24);
    exponent -= 24;
    while ((mantissa & 1) == 0) {
        mantissa >>= 1;
        exponent++;
    }
    *out_exponent = exponent;
    return mantissa;
}

/* The quotient numerator / denominator rounded, halves to even. */
static double round_quotient(Wide numerator, Wide denominator)
{
    Wide q = numerator / denominator, r = numerator % denominator;
    if (r > denominator - r || (r == denominator - r && (q & 1) != 0))
        q++;
    return (double)q;
}

static bool is_f32(double x)
{
    return (double)(float)x == x;
}

double requant(int64_t acc, double sx, double sw, double sy)
{
    double v = (double)acc * (sx * sw) / sy;
    double distance = fabs(fabs(v - floor(v)) - 0.5);
    if (!(distance < 0x1p-40 * fmax(1, fabs(v))) || fabs(v) >= 0x1p52)
        return rint(v);
    bool exact = sx > 0 && sw > 0 && sy > 0 && isfinite(sx) && isfinite(sw) && isfinite(sy) && is_f32(sx) &&
                 is_f32(sw) && is_f32(sy);
    if (!exact || acc == 0)
        return rint(v);
    int ex, ew, ey;
    Wide numerator = (Wide)odd_mantissa(sx, &ex) * odd_mantissa(sw, &ew);
    Wide denominator = odd_mantissa(sy, &ey);
    uint64_t magnitude = acc < 0 ? 0 - (uint64_t)acc : (uint64_t)acc;
    int shift = ex + ew - ey;
    while ((magnitude & 1) == 0) {
        magnitude >>= 1;
        shift++;
    }
    numerator *= magnitude; /* below 2^80 for an i32 */
    if (shift > 40 || shift < -100) /* far from a tie after all: the value is huge, or an odd quotient is tiny */
        return rint(v);
    if (shift >= 0)
        numerator <<= shift;
    else
        denominator <<= -shift;
    double r = round_quotient(numerator, denominator);
    return acc < 0 ? -r : r;
}
