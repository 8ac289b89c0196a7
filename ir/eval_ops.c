/*
 * ir/eval_ops.c: functions and conversions on blocks: which loop for which type.
 */
#include "ir/eval_ops.h"

#include <math.h>
#include <string.h>

Carrier carrier_of(EvalSystem system, Dtype type)
{
    switch (dtype_kind(type)) {
    case DK_FLOAT:
    case DK_CODE:
        return system == EVAL_REAL || type == DT_F64 ? CARRIER_F64 : CARRIER_F32;
    case DK_SIGNED:
    case DK_UNSIGNED:
        return type == DT_I64 || type == DT_U64 || type == DT_U32 ? CARRIER_I64 : CARRIER_I32;
    case DK_BOOL:
    case DK_NONE:
        break;
    }
    return CARRIER_BOOL;
}

size_t carrier_bytes(Carrier carrier)
{
    static const size_t bytes[] = {8, 4, 8, 4, 1};
    return bytes[carrier];
}

/* ---- cutting to a type ---- */

static void wrap_i32(Dtype type, uint32_t n, int32_t *x)
{
    unsigned bits = dtype_bits(type);
    if (bits == 32)
        return;
    if (dtype_kind(type) == DK_SIGNED) {
        unsigned unused = 32 - bits;
        for (uint32_t i = 0; i < n; i++)
            x[i] = (int32_t)((uint32_t)x[i] << unused) >> unused;
    } else {
        int32_t mask = (int32_t)((UINT32_C(1) << bits) - 1);
        for (uint32_t i = 0; i < n; i++)
            x[i] &= mask;
    }
}

void block_wrap(EvalSystem system, Dtype type, uint32_t n, void *x)
{
    float *f = x;
    int64_t *wide = x;
    switch (carrier_of(system, type)) {
    case CARRIER_I32:
        wrap_i32(type, n, x);
        return;
    case CARRIER_I64:
        for (uint32_t i = 0; type == DT_U32 && i < n; i++)
            wide[i] &= UINT32_MAX;
        return;
    case CARRIER_F32:
        for (uint32_t i = 0; type == DT_F16 && i < n; i++)
            f[i] = f16_to_f32(f16_from_f32(f[i]));
        for (uint32_t i = 0; type == DT_BF16 && i < n; i++)
            f[i] = bf16_to_f32(bf16_from_f32(f[i]));
        return;
    case CARRIER_F64:
    case CARRIER_BOOL:
        return;
    }
}

void block_canon(const Kernels *k, EvalSystem system, Dtype type, uint32_t n, void *x)
{
    Carrier carrier = carrier_of(system, type);
    if (carrier == CARRIER_F32)
        k->canon_f32(n, x);
    else if (carrier == CARRIER_F64)
        k->canon_f64(n, x);
}

/* ---- functions of integers that are no plain loops ---- */

static int64_t int_divide(Fn fn, int64_t a, int64_t b)
{
    if (b == 0)
        return 0;
    if (b == -1) /* MIN / -1 = MIN */
        return fn == FN_IDIV || fn == FN_FLOORDIV || fn == FN_DIV ? (int64_t)(0 - (uint64_t)a) : 0;
    int64_t q = a / b, r = a % b;
    bool down = r != 0 && (r < 0) != (b < 0);
    switch (fn) {
    case FN_IDIV:
        return q;
    case FN_IREM:
        return r;
    case FN_FLOORDIV:
    case FN_DIV: /* in an index */
        return q - (down ? 1 : 0);
    default:
        return r + (down ? b : 0);
    }
}

static uint64_t int_power(int64_t base, int64_t exponent, bool is_signed)
{
    if (is_signed && exponent < 0) {
        if (base == 1)
            return 1;
        if (base == -1)
            return (exponent & 1) != 0 ? UINT64_MAX : 1;
        return 0;
    }
    uint64_t result = 1, square = (uint64_t)base;
    for (uint64_t e = (uint64_t)exponent; e != 0; e >>= 1) {
        if ((e & 1) != 0)
            result *= square;
        square *= square;
    }
    return result;
}

static int64_t int_shift(Fn fn, Dtype type, int64_t a, int64_t b)
{
    unsigned bits = dtype_bits(type);
    uint64_t mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    uint64_t count = (uint64_t)b & mask;
    bool is_signed = dtype_kind(type) == DK_SIGNED;
    if (fn == FN_SHL)
        return count >= bits ? 0 : (int64_t)((uint64_t)a << count);
    if (is_signed)
        return a >> (count >= bits ? 63 : count);
    return count >= bits ? 0 : (int64_t)(((uint64_t)a & mask) >> count);
}

static int64_t int_special(Fn fn, Dtype type, int64_t a, int64_t b)
{
    uint64_t x = (uint64_t)a, y = (uint64_t)b;
    bool wide = type == DT_U64;
    switch (fn) {
    case FN_POW:
        return (int64_t)int_power(a, b, dtype_kind(type) == DK_SIGNED);
    case FN_SHL:
    case FN_SHR:
        return int_shift(fn, type, a, b);
    case FN_MIN:
        return x < y ? a : b;
    case FN_MAX:
        return x > y ? a : b;
    case FN_ABS:
        return a;
    case FN_SIGN:
        return x != 0;
    case FN_LT:
        return x < y;
    case FN_LE:
        return x <= y;
    case FN_GT:
        return x > y;
    case FN_GE:
        return x >= y;
    case FN_IDIV:
    case FN_FLOORDIV:
        if (wide)
            return y == 0 ? 0 : (int64_t)(x / y);
        return int_divide(fn, a, b);
    case FN_IREM:
    case FN_FLOORMOD:
        if (wide)
            return y == 0 ? 0 : (int64_t)(x % y);
        return int_divide(fn, a, b);
    default:
        return int_divide(fn, a, b);
    }
}

static bool is_special(Fn fn, Dtype type)
{
    switch (fn) {
    case FN_POW:
    case FN_SHL:
    case FN_SHR:
    case FN_IDIV:
    case FN_IREM:
    case FN_FLOORDIV:
    case FN_FLOORMOD:
    case FN_DIV:
    case FN_MOD:
        return true;
    case FN_MIN:
    case FN_MAX:
    case FN_ABS:
    case FN_SIGN:
    case FN_LT:
    case FN_LE:
    case FN_GT:
    case FN_GE:
        return type == DT_U64;
    default:
        return false;
    }
}

static void call_int(const Kernels *k, Carrier carrier, Fn fn, Dtype type, uint32_t n, void *const args[4], void *out)
{
    if (!is_special(fn, type)) {
        if (carrier == CARRIER_I32)
            k->call_i32(fn, n, args[0], args[1], out);
        else
            k->call_i64(fn, n, args[0], args[1], out);
        return;
    }
    const void *second = fn_info(fn)->arity > 1 ? args[1] : args[0];
    const int32_t *a = args[0], *b = second;
    const int64_t *c = args[0], *d = second;
    bool compare = fn_info(fn)->rule == RULE_COMPARE;
    for (uint32_t i = 0; i < n; i++) {
        int64_t r = carrier == CARRIER_I32 ? int_special(fn, type, a[i], b[i]) : int_special(fn, type, c[i], d[i]);
        if (compare)
            ((uint8_t *)out)[i] = r != 0;
        else if (carrier == CARRIER_I32)
            ((int32_t *)out)[i] = (int32_t)r;
        else
            ((int64_t *)out)[i] = r;
    }
}

/* ---- functions of floats by the C library: the real system and f64 ---- */

static double library(Fn fn, double x, double y)
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
        return 1.0 / (1.0 + exp(-x));
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
    case FN_POW:
        return pow(x, y);
    case FN_FMOD:
        return fmod(x, y);
    default:
        return (double)NAN;
    }
}

static bool is_library(Fn fn)
{
    return (fn >= FN_EXP && fn <= FN_FMOD);
}

static void call_float(const Kernels *k, EvalSystem system, Fn fn, Dtype type, uint32_t n, void *const args[4], void *out)
{
    if (carrier_of(system, type) == CARRIER_F64) {
        if (!is_library(fn)) {
            k->call_f64(fn, n, args[0], args[1], args[2], out);
            return;
        }
        const double *x = args[0], *y = fn_info(fn)->arity > 1 ? args[1] : args[0];
        for (uint32_t i = 0; i < n; i++)
            ((double *)out)[i] = library(fn, x[i], y[i]);
        return;
    }
    if (fn == FN_FMOD) {
        const float *x = args[0], *y = args[1];
        for (uint32_t i = 0; i < n; i++)
            ((float *)out)[i] = fmodf(x[i], y[i]);
    } else {
        k->call_f32(fn, n, args[0], args[1], args[2], out);
    }
}

static void call_logic(Fn fn, uint32_t n, void *const args[4], void *out)
{
    const uint8_t *a = args[0], *b = fn == FN_NOT ? args[0] : args[1];
    uint8_t *y = out;
    for (uint32_t i = 0; i < n; i++) {
        switch (fn) {
        case FN_OR:
        case FN_MAX:
        case FN_BIT_OR:
            y[i] = a[i] | b[i];
            break;
        case FN_AND:
        case FN_MIN:
        case FN_MUL:
        case FN_BIT_AND:
            y[i] = a[i] & b[i];
            break;
        case FN_NOT:
            y[i] = a[i] == 0;
            break;
        case FN_EQ:
            y[i] = a[i] == b[i];
            break;
        case FN_NE:
        case FN_BIT_XOR:
            y[i] = a[i] != b[i];
            break;
        case FN_LT:
            y[i] = a[i] < b[i];
            break;
        case FN_LE:
            y[i] = a[i] <= b[i];
            break;
        case FN_GT:
            y[i] = a[i] > b[i];
            break;
        default:
            y[i] = a[i] >= b[i];
            break;
        }
    }
}

static void call_select(const Kernels *k, Carrier carrier, uint32_t n, void *const args[4], void *out)
{
    size_t bytes = carrier_bytes(carrier);
    if (bytes == 8)
        k->select_8(n, args[0], args[1], args[2], out);
    else if (bytes == 4)
        k->select_4(n, args[0], args[1], args[2], out);
    else
        for (uint32_t i = 0; i < n; i++)
            ((uint8_t *)out)[i] = ((const uint8_t *)args[((const uint8_t *)args[0])[i] != 0 ? 1 : 2])[i];
}

static void call_requant(EvalSystem system, uint32_t n, void *const args[4], void *out)
{
    for (uint32_t i = 0; i < n; i++) {
        double s[3];
        for (int j = 0; j < 3; j++)
            s[j] = system == EVAL_REAL ? ((const double *)args[j + 1])[i] : (double)((const float *)args[j + 1])[i];
        ((double *)out)[i] = requant(((const int32_t *)args[0])[i], s[0], s[1], s[2]);
    }
}

void block_call(const Kernels *k, EvalSystem system, Fn fn, Dtype type, uint32_t n, void *const args[4], void *out)
{
    Carrier carrier = carrier_of(system, type);
    if (fn == FN_SELECT) {
        call_select(k, carrier, n, args, out);
        return;
    }
    if (fn == FN_REQUANT) {
        call_requant(system, n, args, out);
        return;
    }
    if (carrier == CARRIER_BOOL) {
        call_logic(fn, n, args, out);
        return;
    }
    if (carrier == CARRIER_F64 || carrier == CARRIER_F32)
        call_float(k, system, fn, type, n, args, out);
    else
        call_int(k, carrier, fn, type, n, args, out);
    if (fn_info(fn)->rule != RULE_COMPARE)
        block_wrap(system, type, n, out);
}
