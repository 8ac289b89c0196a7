/*
 * support/numfmt.c: the number formats narrower than f32, as exact integer arithmetic.
 *
 * In:   a double or float, or a code. Out: the code after one rounding to nearest even, or the exact value.
 * Keep: no intermediate rounding. Table and rules: docs/cascade.md, appendix B; ONNX technical notes on float8, float4;
 *       OCP Microscaling formats v1.0.
 */
#include "support/dtype.h"

#include <math.h>
#include <string.h>

enum { F64_FRACTION = 52, F64_BIAS = 1023 };

/* A sign-magnitude format: value = M * 2^unit for a zero exponent field, else (2^fraction + M) * 2^(unit + E - 1). */
typedef struct FloatFormat {
    unsigned bits, fraction;
    int unit;              /* exponent of the smallest positive value */
    uint32_t most;         /* code of the largest finite value */
    uint32_t overflow;     /* what finite overflow gives where it doesn't saturate, without sign */
    uint32_t infinity;     /* likewise for infinity */
    uint32_t nan;          /* canonical */
    bool saturates_always;
    bool one_zero;         /* fnuz: no -0, the code of -0 is the NaN */
} FloatFormat;

static const FloatFormat f16_format = {16, 10, -24, 0x7bff, 0x7c00, 0x7c00, 0x7e00, false, false};
static const FloatFormat bf16_format = {16, 7, -133, 0x7f7f, 0x7f80, 0x7f80, 0x7fc0, false, false};

static const FloatFormat *code_format(Dtype type)
{
    static const FloatFormat e4m3fn = {8, 3, -9, 0x7e, 0x7f, 0x7f, 0x7f, false, false};
    static const FloatFormat e4m3fnuz = {8, 3, -10, 0x7f, 0x80, 0x80, 0x80, false, true};
    static const FloatFormat e5m2 = {8, 2, -16, 0x7b, 0x7c, 0x7c, 0x7f, false, false};
    static const FloatFormat e5m2fnuz = {8, 2, -17, 0x7f, 0x80, 0x80, 0x80, false, true};
    static const FloatFormat e3m2 = {6, 2, -4, 0x1f, 0x1f, 0x1f, 0x1f, true, false};
    static const FloatFormat e2m3 = {6, 3, -3, 0x1f, 0x1f, 0x1f, 0x1f, true, false};
    static const FloatFormat e2m1 = {4, 1, -1, 0x7, 0x7, 0x7, 0x7, true, false};
    switch (type) {
    case DT_F8E4M3FN:
        return &e4m3fn;
    case DT_F8E4M3FNUZ:
        return &e4m3fnuz;
    case DT_F8E5M2:
        return &e5m2;
    case DT_F8E5M2FNUZ:
        return &e5m2fnuz;
    case DT_F6E3M2:
        return &e3m2;
    case DT_F6E2M3:
        return &e2m3;
    default:
        return &e2m1;
    }
}

/* A finite non-zero magnitude m * 2^e. */
typedef struct Parts {
    uint64_t m;
    int e;
} Parts;

static Parts split(uint64_t bits)
{
    unsigned field = (unsigned)(bits >> F64_FRACTION) & 0x7ff;
    uint64_t fraction = bits & (((uint64_t)1 << F64_FRACTION) - 1);
    if (field == 0)
        return (Parts){fraction, 1 - F64_BIAS - F64_FRACTION};
    return (Parts){fraction | (uint64_t)1 << F64_FRACTION, (int)field - F64_BIAS - F64_FRACTION};
}

static int top_bit(uint64_t m)
{
    return 63 - __builtin_clzll(m);
}

/* m / 2^shift to nearest, ties to even. */
static uint64_t shift_round(uint64_t m, int shift)
{
    if (shift > 62)
        return 0; /* m < 2^53: less than half a unit */
    uint64_t whole = m >> shift;
    uint64_t rest = m - (whole << shift);
    uint64_t half = (uint64_t)1 << (shift - 1);
    if (rest > half || (rest == half && (whole & 1) != 0))
        whole++;
    return whole;
}

/* The code of a finite magnitude without regard to the largest: a carry runs on into the exponent field. A double has
 * more bits than any format here and reaches below every unit, so the shift is to the right. */
static uint32_t encode_magnitude(const FloatFormat *format, Parts x)
{
    int quantum = top_bit(x.m) + x.e - (int)format->fraction;
    if (quantum < format->unit)
        quantum = format->unit;
    uint64_t units = shift_round(x.m, quantum - x.e);
    return ((uint32_t)(quantum - format->unit) << format->fraction) + (uint32_t)units;
}

static uint32_t encode(const FloatFormat *format, double x, bool saturate)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t sign = (uint32_t)(bits >> 63) << (format->bits - 1);
    uint64_t magnitude_bits = bits & ~((uint64_t)1 << 63);
    if (isnan(x))
        return format->nan;
    if (magnitude_bits == 0)
        return format->one_zero ? 0 : sign;
    if (isinf(x)) {
        uint32_t code = saturate ? format->most : format->infinity;
        return code | sign;
    }
    uint32_t code = encode_magnitude(format, split(magnitude_bits));
    if (code > format->most)
        code = saturate ? format->most : format->overflow;
    return code == 0 && format->one_zero ? 0 : code | sign;
}

/* The value of a code that is finite. Exact: f32 has more of everything. */
static float decode(const FloatFormat *format, uint32_t code)
{
    uint32_t sign = code >> (format->bits - 1) & 1;
    uint32_t magnitude = code & ((1u << (format->bits - 1)) - 1);
    uint32_t fraction = magnitude & ((1u << format->fraction) - 1);
    uint32_t field = magnitude >> format->fraction;
    uint32_t m = field == 0 ? fraction : fraction | 1u << format->fraction;
    float value = ldexpf((float)m, format->unit + (field == 0 ? 0 : (int)field - 1));
    return sign != 0 ? -value : value;
}

static float f32_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t f32_to_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float f32_nan(void)
{
    return f32_from_bits(0x7fc00000u);
}

/* ---- f16 and bf16: in inner loops, so without the general path ---- */

uint16_t f16_from_f32(float x)
{
    uint32_t bits = f32_to_bits(x);
    uint32_t sign = bits >> 16 & 0x8000;
    uint32_t magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000)
        return 0x7e00;
    if (magnitude >= 0x477ff000) /* 65520: half a unit above the largest */
        return (uint16_t)(sign | 0x7c00);
    if (magnitude >= 0x38800000) { /* 2^-14: normal */
        uint32_t rounded = magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1);
        return (uint16_t)(sign | rounded >> 13);
    }
    if (magnitude < 0x33000000) /* below half of 2^-24 */
        return (uint16_t)sign;
    uint32_t m = (magnitude & 0x7fffff) | 0x800000;
    return (uint16_t)(sign | (uint32_t)shift_round(m, 126 - (int)(magnitude >> 23)));
}

uint16_t f16_from_f64(double x)
{
    return (uint16_t)encode(&f16_format, x, false);
}

float f16_to_f32(uint16_t code)
{
    uint32_t sign = (uint32_t)(code & 0x8000) << 16;
    uint32_t magnitude = code & 0x7fff;
    if (magnitude > 0x7c00)
        return f32_from_bits(sign | 0x7fc00000 | (magnitude & 0x3ff) << 13);
    if (magnitude == 0x7c00)
        return f32_from_bits(sign | 0x7f800000);
    if (magnitude >= 0x0400)
        return f32_from_bits(sign | ((magnitude << 13) + (112u << 23)));
    float value = (float)magnitude * 0x1p-24f;
    return sign != 0 ? -value : value;
}

uint16_t bf16_from_f32(float x)
{
    uint32_t bits = f32_to_bits(x);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return 0x7fc0;
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

uint16_t bf16_from_f64(double x)
{
    return (uint16_t)encode(&bf16_format, x, false);
}

float bf16_to_f32(uint16_t code)
{
    return f32_from_bits((uint32_t)code << 16);
}

/* ---- e8m0: a power of two, 2^(code - 127) ---- */

/* The sign is not looked at: negative values have no meaning here. */
static uint8_t e8m0_from_f64(double x, bool saturate, int round)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= ~((uint64_t)1 << 63);
    if (isnan(x))
        return 0xff;
    if (isinf(x))
        return saturate ? 0xfe : 0xff;
    if (bits == 0)
        return 0;
    Parts parts = split(bits);
    int top = top_bit(parts.m);
    int exponent = top + parts.e;
    bool exact = (parts.m & (parts.m - 1)) == 0;
    bool upper_half = top > 0 && (parts.m >> (top - 1) & 1) != 0;
    if ((round > 0 && !exact) || (round == 0 && upper_half))
        exponent++;
    if (exponent > 127)
        return saturate ? 0xfe : 0xff;
    return exponent < -127 ? 0 : (uint8_t)(exponent + 127);
}

float code_to_f32(Dtype type, uint8_t code)
{
    if (type == DT_E8M0)
        return code == 0xff ? f32_nan() : ldexpf(1.0f, (int)code - 127);
    const FloatFormat *format = code_format(type);
    uint32_t sign_bit = 1u << (format->bits - 1);
    uint32_t in_use = code & (2 * sign_bit - 1);
    if (format->one_zero)
        return in_use == sign_bit ? f32_nan() : decode(format, in_use);
    uint32_t magnitude = in_use & (sign_bit - 1);
    if (magnitude <= format->most)
        return decode(format, in_use);
    if (type == DT_F8E5M2 && magnitude == format->infinity)
        return in_use != magnitude ? -INFINITY : INFINITY;
    return f32_nan();
}

uint8_t code_from_f64(Dtype type, double x, bool saturate, int round)
{
    if (type == DT_E8M0)
        return e8m0_from_f64(x, saturate, round);
    const FloatFormat *format = code_format(type);
    return (uint8_t)encode(format, x, saturate || format->saturates_always);
}

uint8_t code_from_f32(Dtype type, float x, bool saturate, int round)
{
    return code_from_f64(type, (double)x, saturate, round);
}
