/* Values of generated C: what docs/cascade.md, appendix of values, says for each type, in plain C11. This text stands at the
 * head of every generated file; it uses nothing else but the standard library. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "compile without -ffast-math: results would differ"
#endif
#if defined __GNUC__ && !defined __clang__ && !defined __TINYC__
#ifndef W_OWN_FLAGS
#pragma GCC optimize("O2", "-ffp-contract=off", "-fno-math-errno")
#endif
#define W_UNROLL _Pragma("GCC unroll 64")
#elif defined __clang__
#pragma STDC FP_CONTRACT OFF
#define W_UNROLL _Pragma("clang loop unroll(full)")
#else
#define W_UNROLL
#endif
#ifdef __GNUC__
#define W_GROUP static __attribute__((noinline))
#define W_INLINE static inline __attribute__((always_inline, unused))
#define W_ALIGNED __attribute__((aligned(64)))
#else
#define W_GROUP static
#define W_INLINE static inline
#define W_ALIGNED
#endif

W_INLINE uint32_t w_u32_of_f32(float x) { uint32_t u; memcpy(&u, &x, 4); return u; }
W_INLINE float w_f32_of_u32(uint32_t u) { float x; memcpy(&x, &u, 4); return x; }
W_INLINE uint64_t w_u64_of_f64(double x) { uint64_t u; memcpy(&u, &x, 8); return u; }
W_INLINE double w_f64_of_u64(uint64_t u) { double x; memcpy(&x, &u, 8); return x; }

/* ---- f16, bf16: computed in f32, rounded to nearest even ---- */
W_INLINE uint16_t w_bf16_bits(float x)
{
    uint32_t u = w_u32_of_f32(x);
    if (x != x)
        return 0x7FC0;
    return (uint16_t)((u + 0x7FFFu + (u >> 16 & 1)) >> 16);
}
W_INLINE float w_bf16_value(uint16_t b) { return w_f32_of_u32((uint32_t)b << 16); }
W_INLINE uint16_t w_f16_bits(float x)
{
    uint32_t u = w_u32_of_f32(x), sign = u >> 16 & 0x8000u, a = u & 0x7FFFFFFFu;
    if (a > 0x7F800000u)
        return 0x7E00;
    if (a >= 0x47800000u) /* 65536 and more */
        return (uint16_t)(sign | 0x7C00u);
    if (a < 0x38800000u) /* below 2^-14: a multiple of 2^-24 */
        return (uint16_t)(sign | (w_u32_of_f32(w_f32_of_u32(a) + 0.5f) - 0x3F000000u));
    a += 0xFFFu + (a >> 13 & 1);
    return (uint16_t)(sign | ((a - 0x38000000u) >> 13));
}
W_INLINE float w_f16_value(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, a = h & 0x7FFFu;
    if (a >= 0x7C00u)
        return w_f32_of_u32(sign | 0x7F800000u | (a & 0x3FFu) << 13);
    if (a < 0x400u)
        return w_f32_of_u32(sign | w_u32_of_f32((float)a * 0x1p-24f));
    return w_f32_of_u32(sign | ((a << 13) + 0x38000000u));
}
W_INLINE float w_round_f16(float x) { return w_f16_value(w_f16_bits(x)); }
W_INLINE float w_round_bf16(float x) { return w_bf16_value(w_bf16_bits(x)); }
/* To f32 with the last bit set if inexact, so that a second rounding to fewer bits is the only one. */
W_INLINE float w_odd_f32(double x)
{
    float f = (float)x;
    uint32_t u = w_u32_of_f32(f);
    if (x != x || (double)f == x || fabs(x) > 3.4e38)
        return f;
    if (fabs((double)f) > fabs(x))
        u--;
    return w_f32_of_u32(u | 1);
}
W_INLINE double w_odd_i64(int64_t x)
{
    if (x > -((int64_t)1 << 53) && x < (int64_t)1 << 53)
        return (double)x;
    return (double)((x & ~(int64_t)1023) | ((x & 1023) != 0 ? 1024 : 0));
}
W_INLINE double w_odd_u64(uint64_t x)
{
    if (x < (uint64_t)1 << 53)
        return (double)x;
    return (double)((x & ~(uint64_t)2047) | ((x & 2047) != 0 ? 2048u : 0u));
}

/* ---- f32, f64 ---- */
/* Any NaN becomes the quiet one; in integers, for compilers hold one NaN to be as good as another. */
W_INLINE float w_one_f32(float x)
{
    uint32_t u = w_u32_of_f32(x);
    return w_f32_of_u32((u & 0x7FFFFFFFu) > 0x7F800000u ? 0x7FC00000u : u);
}
W_INLINE double w_one_f64(double x)
{
    uint64_t u = w_u64_of_f64(x);
    return w_f64_of_u64((u & INT64_MAX) > 0x7FF0000000000000u ? 0x7FF8000000000000u : u);
}
#define W_FLOAT(S, T, U)                                                                                             \
    W_INLINE T w_max_##S(T a, T b)                                                                                   \
    {                                                                                                                \
        if (a == b)                                                                                                  \
            return w_##S##_of_##U(w_##U##_of_##S(a) & w_##U##_of_##S(b));                                            \
        return a > b ? a : a < b ? b : a + b;                                                                        \
    }                                                                                                                \
    W_INLINE T w_min_##S(T a, T b)                                                                                   \
    {                                                                                                                \
        if (a == b)                                                                                                  \
            return w_##S##_of_##U(w_##U##_of_##S(a) | w_##U##_of_##S(b));                                            \
        return a < b ? a : a > b ? b : a + b;                                                                        \
    }                                                                                                                \
    W_INLINE T w_sign_##S(T x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
W_FLOAT(f32, float, u32)
W_FLOAT(f64, double, u64)

/* ---- storage types: codes of one byte ---- */
/* The code of x, rounded once to nearest even; value: of every code, those of 0 .. most rise; sign: its bit. */
W_INLINE uint8_t w_code(double x, const float *value, unsigned most, unsigned sign, unsigned overflow, unsigned infinity, unsigned nan, int one_zero)
{
    double a = fabs(x);
    unsigned low = 0, high = most;
    if (x != x)
        return (uint8_t)nan;
    sign = w_u64_of_f64(x) >> 63 != 0 ? sign : 0;
    if (isinf(a))
        return (uint8_t)(infinity | sign);
    while (low < high) {
        unsigned middle = (low + high + 1) / 2;
        if ((double)value[middle] <= a)
            low = middle;
        else
            high = middle - 1;
    }
    double next = low < most ? (double)value[low + 1] : 2 * (double)value[most] - (double)value[most - 1];
    double half = ((double)value[low] + next) / 2;
    low += a > half || (a == half && (low & 1) != 0);
    low = low > most ? overflow : low;
    return (uint8_t)(low == 0 && one_zero ? 0 : low | sign);
}
/* A power of two without sign; round: 1 up, -1 down, 0 to nearest with ties up */
W_INLINE uint8_t w_e8m0(double x, int saturate, int round)
{
    int e;
    double m = frexp(fabs(x), &e);
    if (x != x)
        return 0xFF;
    if (isinf(x))
        return saturate ? 0xFE : 0xFF;
    if (x == 0)
        return 0;
    e += (round > 0 && m != 0.5) || (round == 0 && m >= 0.75) ? 0 : -1;
    if (e > 127)
        return saturate ? 0xFE : 0xFF;
    return (uint8_t)(e < -127 ? 0 : e + 127);
}

/* ---- integers of BITS bits in T: arithmetic modulo 2^BITS ---- */
#define W_WRAP_S(x, BITS) ((int64_t)((x) << (64 - (BITS))) >> (64 - (BITS)))
#define W_WRAP_U(x, BITS) ((x) << (64 - (BITS)) >> (64 - (BITS)))
#define W_INT(S, T, BITS, KIND, WIDE, LEAST, MOST)                                                                   \
    W_INLINE T w_wrap_##S(uint64_t x) { return (T)W_WRAP_##KIND(x, BITS); }                                          \
    W_INLINE T w_add_##S(T a, T b) { return w_wrap_##S((uint64_t)a + (uint64_t)b); }                                 \
    W_INLINE T w_sub_##S(T a, T b) { return w_wrap_##S((uint64_t)a - (uint64_t)b); }                                 \
    W_INLINE T w_mul_##S(T a, T b) { return w_wrap_##S((uint64_t)a * (uint64_t)b); }                                 \
    W_INLINE T w_neg_##S(T a) { return w_wrap_##S(0 - (uint64_t)a); }                                                \
    W_INLINE T w_abs_##S(T a) { return (LEAST) != 0 && (WIDE)a < (WIDE)1 && a != 0 ? w_neg_##S(a) : a; }             \
    W_INLINE T w_sign_##S(T a) { return a == 0 ? (T)0 : (LEAST) != 0 && (WIDE)a < (WIDE)1 ? (T)-1 : (T)1; }          \
    W_INLINE T w_min_##S(T a, T b) { return a < b ? a : b; }                                                         \
    W_INLINE T w_max_##S(T a, T b) { return a > b ? a : b; }                                                         \
    W_INLINE T w_idiv_##S(T a, T b)                                                                                  \
    {                                                                                                                \
        return b == 0 ? (T)0 : (LEAST) != 0 && b == (T)-1 ? w_neg_##S(a) : (T)(a / b);                               \
    }                                                                                                                \
    W_INLINE T w_irem_##S(T a, T b) { return b == 0 || ((LEAST) != 0 && b == (T)-1) ? (T)0 : (T)(a % b); }           \
    W_INLINE T w_floordiv_##S(T a, T b)                                                                              \
    {                                                                                                                \
        T r = w_irem_##S(a, b);                                                                                      \
        return r != 0 && (LEAST) != 0 && ((WIDE)(r ^ b) < (WIDE)1 && (r ^ b) != 0) ? (T)(w_idiv_##S(a, b) - 1) : w_idiv_##S(a, b); \
    }                                                                                                                \
    W_INLINE T w_floormod_##S(T a, T b)                                                                              \
    {                                                                                                                \
        T r = w_irem_##S(a, b);                                                                                      \
        return r != 0 && (LEAST) != 0 && ((WIDE)(r ^ b) < (WIDE)1 && (r ^ b) != 0) ? (T)(r + b) : r;                 \
    }                                                                                                                \
    W_INLINE T w_and_##S(T a, T b) { return (T)(a & b); }                                                            \
    W_INLINE T w_or_##S(T a, T b) { return (T)(a | b); }                                                             \
    W_INLINE T w_xor_##S(T a, T b) { return (T)(a ^ b); }                                                            \
    W_INLINE T w_not_##S(T a) { return w_wrap_##S(~(uint64_t)a); }                                                   \
    W_INLINE T w_shl_##S(T a, T n)                                                                                   \
    {                                                                                                                \
        uint64_t c = W_WRAP_U((uint64_t)n, BITS);                                                                    \
        return c >= (BITS) ? (T)0 : w_wrap_##S((uint64_t)a << c);                                                    \
    }                                                                                                                \
    W_INLINE T w_shr_##S(T a, T n)                                                                                   \
    {                                                                                                                \
        uint64_t c = W_WRAP_U((uint64_t)n, BITS);                                                                    \
        return c >= (BITS) ? (T)((LEAST) != 0 && (WIDE)a < (WIDE)1 && a != 0 ? -1 : 0) : (T)((WIDE)a >> c);          \
    }                                                                                                                \
    W_INLINE T w_powi_##S(T a, T n)                                                                                  \
    {                                                                                                                \
        T r = 1;                                                                                                     \
        if ((LEAST) != 0 && (WIDE)n < (WIDE)1 && n != 0) /* 1 / a^|n|, truncated */                                  \
            return a == 1 ? (T)1 : (LEAST) != 0 && a == (T)-1 ? ((n & 1) != 0 ? a : (T)1) : (T)0;                    \
        for (uint64_t k = (uint64_t)n; k != 0; k >>= 1, a = w_mul_##S(a, a))                                         \
            if ((k & 1) != 0)                                                                                        \
                r = w_mul_##S(r, a);                                                                                 \
        return r;                                                                                                    \
    }                                                                                                                \
    W_INLINE T w_##S##_from_f64(double x)                                                                            \
    {                                                                                                                \
        if (x != x)                                                                                                  \
            return 0;                                                                                                \
        return x <= (double)(LEAST) ? (T)(LEAST) : x >= (double)(MOST) ? (T)(MOST) : (T)x;                           \
    }                                                                                                                \
    W_INLINE T w_sat_##S(int64_t x)                                                                                  \
    {                                                                                                                \
        if (x < 0)                                                                                                   \
            return (LEAST) == 0 ? (T)0 : x < (int64_t)(LEAST) ? (T)(LEAST) : (T)x;                                   \
        return (uint64_t)x > (uint64_t)(MOST) ? (T)(MOST) : (T)x;                                                    \
    }                                                                                                                \
    W_INLINE T w_satu_##S(uint64_t x) { return x > (uint64_t)(MOST) ? (T)(MOST) : (T)x; }

/* ---- requantisation: acc * sx * sw / sy as a real number, rounded once, halves to even ---- */
#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 w_wide;
/* x = mantissa * 2^exponent, the mantissa odd and below 2^24; x a positive f32 value */
W_INLINE uint64_t w_mantissa(float x, int *exponent)
{
    uint64_t m = (uint64_t)ldexp(frexp((double)x, exponent), 24);
    for (*exponent -= 24; (m & 1) == 0; m >>= 1)
        (*exponent)++;
    return m;
}
W_INLINE double w_requant(int32_t acc, float sx, float sw, float sy)
{
    double v = (double)acc * ((double)sx * (double)sw) / (double)sy, distance = fabs(fabs(v - floor(v)) - 0.5);
    int ex, ew, ey, usual = sx > 0 && sw > 0 && sy > 0 && isfinite(sx) && isfinite(sw) && isfinite(sy);
    if (!(distance < 0x1p-40 * fmax(1, fabs(v))) || fabs(v) >= 0x1p52 || !usual || acc == 0)
        return rint(v);
    uint64_t magnitude = acc < 0 ? 0 - (uint64_t)acc : (uint64_t)acc;
    w_wide numerator = (w_wide)w_mantissa(sx, &ex) * w_mantissa(sw, &ew), denominator = w_mantissa(sy, &ey), q, r;
    int shift = ex + ew - ey;
    for (; (magnitude & 1) == 0; magnitude >>= 1)
        shift++;
    numerator *= magnitude;
    if (shift > 40 || shift < -100)
        return rint(v);
    if (shift >= 0)
        numerator <<= shift;
    else
        denominator <<= -shift;
    q = numerator / denominator;
    r = numerator % denominator;
    if (r > denominator - r || (r == denominator - r && (q & 1) != 0))
        q++;
    return acc < 0 ? -(double)q : (double)q;
}
#endif
