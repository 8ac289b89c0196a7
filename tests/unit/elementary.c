/*
 * tests/unit/elementary.c: every row of ir/elementary.def against the C library in double, on a sample of all bit
 * patterns, within the ulp that the row states.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ir/elementary.h"

static double true_value(Fn fn, double x, double y)
{
    switch (fn) {
    case FN_EXP:
        return exp(x);
    case FN_EXPM1:
        return expm1(x);
    case FN_LOG:
        return log(x);
    case FN_LOG1P:
        return log1p(x);
    case FN_TANH:
        return tanh(x);
    case FN_SIGMOID:
        return 1 / (1 + exp(-x));
    case FN_ERF:
        return erf(x);
    case FN_SIN:
        return sin(x);
    case FN_COS:
        return cos(x);
    case FN_TAN:
        return tan(x);
    case FN_ASIN:
        return asin(x);
    case FN_ACOS:
        return acos(x);
    case FN_ATAN:
        return atan(x);
    case FN_SINH:
        return sinh(x);
    case FN_COSH:
        return cosh(x);
    case FN_ASINH:
        return asinh(x);
    case FN_ACOSH:
        return acosh(x);
    case FN_ATANH:
        return atanh(x);
    default:
        return pow(x, y);
    }
}

/* The distance of `got` from `want` in units in the last place of an f32 near `want`; huge where one is special. */
static double ulps(float got, double want)
{
    float rounded = (float)want;
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0 : HUGE_VAL;
    if (isinf(rounded) || isinf(got)) {
        if ((double)got == want || got == rounded)
            return 0;
        return fabs(want) > 0.9999999 * (double)FLT_MAX && fabs(want) < 1.0000001 * (double)FLT_MAX ? 1 : HUGE_VAL;
    }
    int exponent;
    frexp(want, &exponent);
    if (want == 0 || exponent < -125)
        exponent = -125;
    double distance = fabs((double)got - want) / ldexp(1, exponent - 24);
    bool sign_kept = want != 0 || (signbit(got) != 0) == (signbit(want) != 0);
    return sign_kept ? distance : HUGE_VAL;
}

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static double check_block(const Elementary *e, uint32_t n, const float *x, const float *y, float *out_at)
{
    float z[256];
    double worst = 0;
    elementary_apply(e, n, x, y, z);
    for (uint32_t i = 0; i < n; i++) {
        bool trigonometric = e->fn == FN_SIN || e->fn == FN_COS || e->fn == FN_TAN;
        if (trigonometric && fabsf(x[i]) > 1e5f && isfinite(x[i])) {
            assert_true(e->fn == FN_TAN || fabsf(z[i]) <= 1);
            continue;
        }
        double distance = ulps(z[i], true_value(e->fn, (double)x[i], y == NULL ? 0 : (double)y[i]));
        if (distance > worst) {
            worst = distance;
            *out_at = x[i];
        }
    }
    return worst;
}

static void unary(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    const uint32_t extra[] = {0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345, 1, 0x80000001, 0x3f800000,
                              0xbf800000, 0x7f7fffff, 0xff7fffff, 0x00800000, 0x42b17218, 0xc2cff1b5, 0x3f000000};
    for (int fn = 1; fn < FN_COUNT; fn++) {
        const Elementary *e = elementary(cx, (Fn)fn);
        if (e == NULL || e->n_inputs != 1)
            continue;
        double worst = 0;
        float at = 0;
        float x[256];
        uint32_t n = 0;
        for (size_t i = 0; i < sizeof extra / sizeof *extra; i++)
            x[n++] = from_bits(extra[i]);
        for (uint64_t bits = 0; bits < UINT64_C(1) << 32; bits += 40009) {
            x[n++] = from_bits((uint32_t)bits);
            if (n < 256)
                continue;
            float where = 0;
            double block = check_block(e, n, x, NULL, &where);
            if (block > worst) {
                worst = block;
                at = where;
            }
            n = 0;
        }
        print_message("%-8s %.2f ulp (stated %.1f), %u steps, worst at %a\n", fn_info((Fn)fn)->text, worst, e->ulp, e->n_steps,
                      (double)at);
        assert_true(worst <= e->ulp);
    }
    weir_context_free(cx);
}

static void power(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    const Elementary *e = elementary(cx, FN_POW);
    const float special[] = {0.0f, -0.0f, 1, -1, 2, -2, 3, -3, 0.5f, -0.5f, HUGE_VALF, -HUGE_VALF, NAN, 1e-40f, 1e38f, 16777216.0f};
    float x[256], y[256], at = 0;
    for (int i = 0; i < 256; i++) {
        x[i] = special[i / 16];
        y[i] = special[i % 16];
    }
    double worst = check_block(e, 256, x, y, &at);
    uint64_t s = 1;
    for (int block = 0; block < 400; block++) {
        for (int i = 0; i < 256; i++) {
            s = s * UINT64_C(6364136223846793005) + 1442695040888963407;
            uint32_t bits = (uint32_t)(s >> 32);
            x[i] = block % 2 == 0 ? from_bits(bits & 0x7fffffff) : 0.5f + (float)(bits >> 8) * 0x1p-24f * 2;
            s = s * UINT64_C(6364136223846793005) + 1442695040888963407;
            y[i] = ((float)(int32_t)(s >> 32)) * 0x1p-31f * (block % 2 == 0 ? 4 : 100);
        }
        float where = 0;
        double here = check_block(e, 256, x, y, &where);
        if (here > worst) {
            worst = here;
            at = where;
        }
    }
    print_message("pow %.2f ulp (stated %.1f), %u steps, worst at %a\n", worst, e->ulp, e->n_steps, (double)at);
    assert_true(worst <= e->ulp);
    weir_context_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(unary), cmocka_unit_test(power)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
