/* Number formats: every code against a second way of computing it, ties, limits, loads, stores, packing, decimals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/context.h"
#include "support/tensor.h"
#include "support/text.h"

/* The value of an IEEE-like code by ldexp; specials are the caller's. */
static double value_of(unsigned code, int bits, int exponent_bits, int bias)
{
    int fraction_bits = bits - 1 - exponent_bits;
    int e = (int)(code >> fraction_bits) & ((1 << exponent_bits) - 1);
    double m = (double)(code & ((1u << fraction_bits) - 1)) / (double)(1 << fraction_bits);
    double magnitude = e == 0 ? ldexp(m, 1 - bias) : ldexp(1 + m, e - bias);
    return (code >> (bits - 1) & 1) != 0 ? -magnitude : magnitude;
}

static bool same(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    return a == b && signbit(a) == signbit(b);
}

static void all_f16(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 65536; code++) {
        unsigned e = code >> 10 & 31;
        double want = value_of(code, 16, 5, 15);
        if (e == 31)
            want = (code & 1023) != 0 ? NAN : (code >> 15) != 0 ? -INFINITY : INFINITY;
        float got = f16_to_f32((uint16_t)code);
        assert_true(same((double)got, want));
        unsigned back = isnan(want) ? 0x7e00 : code;
        assert_int_equal(f16_from_f32(got), back);
        assert_int_equal(f16_from_f64((double)got), back);
    }
}

static void all_bf16(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 65536; code++) {
        unsigned e = code >> 7 & 255;
        double want = value_of(code, 16, 8, 127);
        if (e == 255)
            want = (code & 127) != 0 ? NAN : (code >> 15) != 0 ? -INFINITY : INFINITY;
        float got = bf16_to_f32((uint16_t)code);
        assert_true(same((double)got, want));
        unsigned back = isnan(want) ? 0x7fc0 : code;
        assert_int_equal(bf16_from_f32(got), back);
        assert_int_equal(bf16_from_f64((double)got), back);
    }
}

/* Between each two neighbours: the middle goes to the even one, anything beside it to the nearer. */
static void half_ties(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 0x7bff; code++) {
        double low = (double)f16_to_f32((uint16_t)code), high = (double)f16_to_f32((uint16_t)(code + 1));
        double middle = (low + high) / 2;
        unsigned even = (code & 1) != 0 ? code + 1 : code;
        assert_int_equal(f16_from_f64(middle), even);
        assert_int_equal(f16_from_f32((float)middle), even);
        assert_int_equal(f16_from_f64(nextafter(middle, 0)), code);
        assert_int_equal(f16_from_f64(-nextafter(middle, INFINITY)), (code + 1) | 0x8000);
        assert_int_equal(f16_from_f32(nextafterf((float)middle, 0)), code);
        assert_int_equal(f16_from_f32(nextafterf((float)middle, INFINITY)), code + 1);
    }
    for (unsigned code = 0; code < 0x7f7f; code++) {
        double low = (double)bf16_to_f32((uint16_t)code), high = (double)bf16_to_f32((uint16_t)(code + 1));
        double middle = (low + high) / 2;
        unsigned even = (code & 1) != 0 ? code + 1 : code;
        assert_int_equal(bf16_from_f64(middle), even);
        assert_int_equal(bf16_from_f32((float)middle), even);
        assert_int_equal(bf16_from_f64(nextafter(middle, 0)), code);
        assert_int_equal(bf16_from_f64(nextafter(middle, INFINITY)), code + 1);
    }
}

static void half_limits(void **state)
{
    (void)state;
    assert_int_equal(f16_from_f64(65520), 0x7c00);
    assert_int_equal(f16_from_f64(nextafter(65520, 0)), 0x7bff);
    assert_int_equal(f16_from_f32(65519.996f), 0x7bff);
    assert_int_equal(f16_from_f64(-1e300), 0xfc00);
    assert_int_equal(f16_from_f64(0x1p-25), 0);
    assert_int_equal(f16_from_f64(nextafter(0x1p-25, 1)), 1);
    assert_int_equal(f16_from_f64(-4.9e-324), 0x8000);
    assert_int_equal(bf16_from_f64(DBL_MAX), 0x7f80);
    assert_int_equal(bf16_from_f32(3.4028235e38f), 0x7f80);
    assert_int_equal(bf16_from_f64(0x1.fep127), 0x7f7f);
    /* Where f64 to f32 to f16 would round twice. */
    assert_int_equal(f16_from_f64(1 + 0x1p-11 + 0x1p-40), 0x3c01);
    assert_int_equal(bf16_from_f64(1 + 0x1p-8 + 0x1p-40), 0x3f81);
    assert_int_equal(f16_from_f32(-NAN), 0x7e00);
}

typedef struct CodeCase {
    Dtype type;
    int bits, exponent_bits, bias;
    unsigned most; /* code of the greatest finite value */
    double tie;    /* half a unit above it */
    bool tie_overflows;
    double over, infinity; /* what overflow and infinity give without saturation */
} CodeCase;

static const CodeCase code_cases[] = {
    {DT_F8E4M3FN, 8, 4, 7, 0x7e, 464, false, NAN, NAN},
    {DT_F8E5M2, 8, 5, 15, 0x7b, 61440, true, INFINITY, INFINITY},
    {DT_F8E4M3FNUZ, 8, 4, 8, 0x7f, 248, true, NAN, NAN},
    {DT_F8E5M2FNUZ, 8, 5, 16, 0x7f, 61440, true, NAN, NAN},
    {DT_F6E3M2, 6, 3, 3, 0x1f, 30, true, 28, 28},
    {DT_F6E2M3, 6, 2, 1, 0x1f, 7.75, true, 7.5, 7.5},
    {DT_F4E2M1, 4, 2, 1, 0x7, 7, true, 6, 6},
};
enum { N_CODE_CASES = sizeof code_cases / sizeof *code_cases };

static double special(const CodeCase *c, unsigned code)
{
    unsigned sign = 1u << (c->bits - 1);
    bool fnuz = c->type == DT_F8E4M3FNUZ || c->type == DT_F8E5M2FNUZ;
    if (fnuz && code == sign)
        return NAN;
    if ((code & (sign - 1)) <= c->most)
        return value_of(code, c->bits, c->exponent_bits, c->bias);
    if (c->type == DT_F8E5M2 && (code & 3) == 0)
        return (code & sign) != 0 ? -INFINITY : INFINITY;
    return NAN;
}

static void all_codes(void **state)
{
    (void)state;
    for (int i = 0; i < N_CODE_CASES; i++) {
        const CodeCase *c = &code_cases[i];
        for (unsigned code = 0; code < 1u << c->bits; code++) {
            double want = special(c, code);
            double got = (double)code_to_f32(c->type, (uint8_t)code);
            assert_true(same(got, want));
            if (!isfinite(want))
                continue;
            assert_int_equal(code_from_f32(c->type, (float)want, true, 1), code);
            assert_int_equal(code_from_f32(c->type, (float)want, false, 1), code);
        }
        for (unsigned code = 0; code < c->most; code++) {
            double middle = (special(c, code) + special(c, code + 1)) / 2;
            assert_int_equal(code_from_f64(c->type, middle, true, 1), code + (code & 1));
            assert_int_equal(code_from_f64(c->type, nextafter(middle, 0), true, 1), code);
            assert_int_equal(code_from_f64(c->type, nextafter(middle, 1e9), false, 1), code + 1);
        }
    }
}

static void code_limits(void **state)
{
    (void)state;
    for (int i = 0; i < N_CODE_CASES; i++) {
        const CodeCase *c = &code_cases[i];
        unsigned sign = 1u << (c->bits - 1);
        double most = special(c, c->most);
        assert_int_equal(code_from_f64(c->type, c->tie, true, 1), c->most);
        assert_int_equal(code_from_f64(c->type, 1e30, true, 1), c->most);
        assert_int_equal(code_from_f64(c->type, -INFINITY, true, 1), c->most | sign);
        double at_tie = (double)code_to_f32(c->type, code_from_f64(c->type, c->tie, false, 1));
        assert_true(same(at_tie, c->tie_overflows ? c->over : most));
        double below = (double)code_to_f32(c->type, code_from_f64(c->type, nextafter(c->tie, 0), false, 1));
        assert_true(same(below, most));
        assert_true(same((double)code_to_f32(c->type, code_from_f64(c->type, 1e300, false, 1)), c->over));
        assert_true(same((double)code_to_f32(c->type, code_from_f64(c->type, INFINITY, false, 1)), c->infinity));
        bool has_nan = c->type < DT_F6E3M2;
        assert_true(same((double)code_to_f32(c->type, code_from_f64(c->type, NAN, true, 1)), has_nan ? (double)NAN : most));
        bool fnuz = c->type == DT_F8E4M3FNUZ || c->type == DT_F8E5M2FNUZ;
        assert_int_equal(code_from_f64(c->type, -0.0, true, 1), fnuz ? 0 : sign);
        assert_int_equal(code_from_f64(c->type, -1e-30, true, 1), fnuz ? 0 : sign);
    }
}

static void all_e8m0(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 255; code++) {
        double value = ldexp(1, (int)code - 127);
        assert_true(same((double)code_to_f32(DT_E8M0, (uint8_t)code), value));
        for (int round = -1; round <= 1; round++) {
            assert_int_equal(code_from_f64(DT_E8M0, value, true, round), code);
            unsigned above = round > 0 ? code + 1 : code;
            if (code < 254)
                assert_int_equal(code_from_f64(DT_E8M0, nextafter(value, INFINITY), false, round), above);
        }
        if (code == 254)
            continue;
        assert_int_equal(code_from_f64(DT_E8M0, 1.5 * value, true, 0), code + 1);
        assert_int_equal(code_from_f64(DT_E8M0, nextafter(1.5 * value, 0), true, 0), code);
        assert_int_equal(code_from_f64(DT_E8M0, 1.75 * value, true, -1), code);
    }
    assert_true(isnan(code_to_f32(DT_E8M0, 255)));
    assert_int_equal(code_from_f32(DT_E8M0, NAN, true, 1), 255);
    assert_int_equal(code_from_f32(DT_E8M0, INFINITY, true, 1), 254);
    assert_int_equal(code_from_f32(DT_E8M0, INFINITY, false, 1), 255);
    assert_int_equal(code_from_f32(DT_E8M0, 3.0e38f, true, 1), 254);
    assert_int_equal(code_from_f32(DT_E8M0, 3.0e38f, false, 1), 255);
    assert_int_equal(code_from_f32(DT_E8M0, 0.0f, true, 1), 0);
}

static void integers(void **state)
{
    (void)state;
    int8_t i4;
    dtype_store_i64(DT_I4, &i4, 0, 9);
    assert_int_equal(i4, -7);
    dtype_store_f64(DT_I4, &i4, 0, -9.9);
    assert_int_equal(dtype_load_i64(DT_I4, &i4, 0), -8);
    uint8_t u2;
    dtype_store_i64(DT_U2, &u2, 0, 7);
    assert_int_equal(u2, 3);
    int64_t i64;
    dtype_store_f64(DT_I64, &i64, 0, 1e30);
    assert_true(i64 == INT64_MAX);
    dtype_store_f64(DT_I64, &i64, 0, -1e30);
    assert_true(i64 == INT64_MIN);
    dtype_store_f64(DT_I64, &i64, 0, NAN);
    assert_true(i64 == 0);
    uint64_t u64;
    dtype_store_f64(DT_U64, &u64, 0, 0x1p63 + 2048);
    assert_true(u64 == ((uint64_t)1 << 63) + 2048);
    assert_true(dtype_load_f64(DT_U64, &u64, 0) == 0x1p63 + 2048);
    assert_true(dtype_int_min(DT_I2) == -2 && dtype_int_max(DT_I2) == 1);
    assert_true(dtype_int_max(DT_U64) == UINT64_MAX && dtype_int_min(DT_I64) == INT64_MIN);
    /* 2^62 + 2^38 + 1 is just above a tie of f32; a double would lose the 1. */
    float f32;
    dtype_store_i64(DT_F32, &f32, 0, ((int64_t)1 << 62) + ((int64_t)1 << 38) + 1);
    assert_true(f32 == 0x1.000002p62f);
    dtype_store_i64(DT_F32, &f32, 0, INT64_MIN);
    assert_true(f32 == -0x1p63f);
}

static void names(void **state)
{
    (void)state;
    for (int type = 1; type < DT_COUNT; type++) {
        const char *text = dtype_text((Dtype)type);
        assert_int_equal(dtype_from_text(text, strlen(text)), type);
        if (dtype_onnx((Dtype)type) != 0)
            assert_int_equal(dtype_from_onnx(dtype_onnx((Dtype)type)), type);
    }
    assert_int_equal(dtype_from_text("f3", 2), DT_NONE);
    assert_int_equal(dtype_from_onnx(0), DT_NONE);
    assert_int_equal(dtype_from_onnx(8), DT_NONE);
}

static void packing(void **state)
{
    (void)state;
    static const unsigned char nibbles[] = {0x21, 0x0f};
    int8_t out[3];
    packed_decode(DT_I4, nibbles, 3, out);
    assert_int_equal(out[0], 1);
    assert_int_equal(out[1], 2);
    assert_int_equal(out[2], -1);
    assert_int_equal(packed_bytes(DT_F6E3M2, 4), 3);
    assert_int_equal(packed_bytes(DT_F6E3M2, 5), 4);
    assert_int_equal(packed_bytes(DT_I2, 5), 2);
    assert_int_equal(packed_bytes(DT_BOOL, 5), 5);
    static const unsigned char six[] = {1, 2, 3, 4, 63};
    unsigned char packed[4] = {0};
    packed_encode(DT_F6E2M3, six, 5, packed);
    assert_int_equal(packed[0], 1 | (2 << 6 & 255));
    assert_int_equal(packed[1], 2 >> 2 | 3 << 4);
    assert_int_equal(packed[2], 3 >> 4 | 4 << 2);
    assert_int_equal(packed[3], 63);
    static const Dtype types[] = {DT_I4, DT_U4, DT_I2, DT_U2, DT_F4E2M1, DT_F6E3M2, DT_F8E5M2, DT_I16, DT_F64, DT_BOOL};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        for (size_t n = 0; n < 20; n++) {
            unsigned char from[160], file[160], back[160];
            for (size_t i = 0; i < n; i++)
                dtype_store_i64(types[t], from, i, (int64_t)(i * 7 + 1) % (types[t] == DT_F4E2M1 ? 4 : 1000));
            packed_encode(types[t], from, n, file);
            packed_decode(types[t], file, n, back);
            assert_memory_equal(from, back, n * dtype_bytes(types[t]));
        }
    }
}

static void decimal(Text *text, double value, Dtype type, const char *want)
{
    text->n = 0;
    text_decimal(text, value, type);
    assert_string_equal(text->at, want);
}

static void decimals(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    Text text;
    text_init(&text, &cx->arena);
    decimal(&text, 0.0, DT_F32, "0.0");
    decimal(&text, -0.0, DT_F32, "-0.0");
    decimal(&text, 1, DT_F32, "1.0");
    decimal(&text, -0.5, DT_F64, "-0.5");
    decimal(&text, (double)0.1f, DT_F32, "0.1");
    decimal(&text, 0.1, DT_F64, "0.1");
    decimal(&text, (double)0.1f, DT_F64, "0.10000000149011612");
    decimal(&text, 1e-5, DT_F64, "1e-5");
    decimal(&text, 0.0001, DT_F64, "0.0001");
    decimal(&text, 1.25e-7, DT_F64, "1.25e-7");
    decimal(&text, 16777216, DT_F32, "16777216.0");
    decimal(&text, 1e16, DT_F64, "1e16");
    decimal(&text, 120, DT_F64, "120.0");
    decimal(&text, (double)3.4028235e38f, DT_F32, "3.4028235e38");
    decimal(&text, 4.9e-324, DT_F64, "5e-324");
    decimal(&text, INFINITY, DT_F32, "inf");
    decimal(&text, -INFINITY, DT_F16, "-inf");
    decimal(&text, NAN, DT_BF16, "nan");
    decimal(&text, 7, DT_I32, "7");
    decimal(&text, -7, DT_I64, "-7");
    decimal(&text, 0x1p63, DT_U64, "9223372036854775808");
    for (unsigned code = 0; code < 0x7c00; code++) {
        text.n = 0;
        text_decimal(&text, (double)f16_to_f32((uint16_t)code), DT_F16);
        assert_int_equal(f16_from_f64(strtod(text.at, NULL)), code);
        assert_true(text.n <= 12 && strpbrk(text.at, ".e") != NULL);
    }
    uint64_t s = 1;
    for (int i = 0; i < 20000; i++) {
        s = s * 6364136223846793005u + 1442695040888963407u;
        uint32_t bits = (uint32_t)(s >> 33);
        float value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        text.n = 0;
        text_decimal(&text, (double)value, DT_F32);
        assert_true(strtof(text.at, NULL) == value && (float)strtod(text.at, NULL) == value);
    }
    weir_context_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_f16),     cmocka_unit_test(all_bf16),  cmocka_unit_test(half_ties),
        cmocka_unit_test(half_limits), cmocka_unit_test(all_codes), cmocka_unit_test(code_limits),
        cmocka_unit_test(all_e8m0),    cmocka_unit_test(integers),  cmocka_unit_test(names),
        cmocka_unit_test(packing),     cmocka_unit_test(decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
