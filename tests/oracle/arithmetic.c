/* Integers at their edges, remainders, shifts and powers, and casts between all pairs of types. */
#include "tests/oracle/oracle.h"

static const Dtype integers[] = {DT_I64, DT_I32, DT_I16, DT_I8, DT_U64, DT_U32, DT_U16, DT_U8};

static bool is_signed(Dtype type)
{
    return dtype_kind(type) == DK_SIGNED;
}

/* The low bits of the type. */
static int64_t wrapped(Dtype type, uint64_t v)
{
    unsigned bits = type == DT_BOOL ? 1 : dtype_bits(type);
    if (bits == 64)
        return (int64_t)v;
    v &= (UINT64_C(1) << bits) - 1;
    return is_signed(type) && v >> (bits - 1) != 0 ? (int64_t)(v | ~((UINT64_C(1) << bits) - 1)) : (int64_t)v;
}

/* Small, at an end, or any. */
static int64_t edge(Draw *d, Dtype type)
{
    switch (pick(d, 0, 3)) {
    case 0:
        return wrapped(type, (uint64_t)pick(d, is_signed(type) ? -3 : 0, 3));
    case 1:
        return wrapped(type, (uint64_t)dtype_int_min(type) + (uint64_t)pick(d, 0, 2));
    case 2:
        return wrapped(type, dtype_int_max(type) - (uint64_t)pick(d, 0, 2));
    default:
        return wrapped(type, (uint64_t)pick(d, INT64_MIN, INT64_MAX));
    }
}

static Value *edges(Draw *d, Dtype type, int64_t n)
{
    Value *v = tensor(d, type, 1, &n);
    for (int64_t k = 0; k < n; k++)
        v->i[k] = edge(d, type);
    return v;
}

/* ---- integers by pairs ---- */

static bool less(Dtype type, int64_t a, int64_t b)
{
    return is_signed(type) ? a < b : (uint64_t)a < (uint64_t)b;
}

/* Quotient toward zero and remainder of the dividend's sign; by 0 both are 0; wrapping. */
static void divide(Dtype type, int64_t a, int64_t b, int64_t *quotient, int64_t *rest)
{
    *quotient = *rest = 0;
    if (b == 0)
        return;
    if (is_signed(type) && b == -1)
        *quotient = (int64_t)(0 - (uint64_t)a);
    else {
        *quotient = is_signed(type) ? a / b : (int64_t)((uint64_t)a / (uint64_t)b);
        *rest = is_signed(type) ? a % b : (int64_t)((uint64_t)a % (uint64_t)b);
    }
}

typedef enum Pair { DIV, MOD, FMOD, ADD, SUB, MUL, MAX, MIN, LESS, GREATER_EQUAL, EQUAL, AND, XOR } Pair;

static int64_t pair_of(Pair what, Dtype type, int64_t a, int64_t b)
{
    int64_t quotient, rest;
    divide(type, a, b, &quotient, &rest);
    switch (what) {
    case DIV:
        return quotient;
    case MOD:
        return rest != 0 && is_signed(type) && (rest < 0) != (b < 0) ? rest + b : rest;
    case FMOD:
        return rest;
    case ADD:
        return (int64_t)((uint64_t)a + (uint64_t)b);
    case SUB:
        return (int64_t)((uint64_t)a - (uint64_t)b);
    case MUL:
        return (int64_t)((uint64_t)a * (uint64_t)b);
    case MAX:
        return less(type, a, b) ? b : a;
    case MIN:
        return less(type, a, b) ? a : b;
    case LESS:
        return less(type, a, b);
    case GREATER_EQUAL:
        return !less(type, a, b);
    case EQUAL:
        return a == b;
    case AND:
        return a & b;
    default:
        return a ^ b;
    }
}

static void pair(Draw *d, Pair what)
{
    Dtype type = integers[pick(d, 0, 7)], result = what >= LESS && what <= EQUAL ? DT_BOOL : type;
    Value *a = edges(d, type, 24), *b = edges(d, type, 24), *y = tensor(d, result, 1, a->extent);
    for (int64_t k = 0; k < y->n; k++) {
        if (pick(d, 0, 5) == 0)
            a->i[k] = b->i[k];
        y->i[k] = wrapped(result, (uint64_t)pair_of(what, type, a->i[k], b->i[k]));
    }
    if (what == FMOD)
        set_int(d, "fmod", 1);
    give(d, a);
    give(d, coin(d) ? as_constant(b) : b);
    expect(d, y);
}

#define PAIR(name, what)           \
    static void name(Draw *d)      \
    {                              \
        pair(d, what);             \
    }
PAIR(int_div, DIV)
PAIR(int_mod, MOD)
PAIR(int_fmod, FMOD)
PAIR(int_add, ADD)
PAIR(int_sub, SUB)
PAIR(int_mul, MUL)
PAIR(int_max, MAX)
PAIR(int_min, MIN)
PAIR(int_less, LESS)
PAIR(int_greater_equal, GREATER_EQUAL)
PAIR(int_equal, EQUAL)
PAIR(int_and, AND)
PAIR(int_xor, XOR)
#undef PAIR

static void single(Draw *d, char what)
{
    Dtype type = integers[pick(d, 0, what == '-' ? 3 : 7)];
    Value *x = edges(d, type, 24), *y = tensor(d, type, 1, x->extent);
    for (int64_t k = 0; k < y->n; k++) {
        uint64_t v = (uint64_t)x->i[k];
        bool negative = is_signed(type) && x->i[k] < 0;
        y->i[k] = wrapped(type, what == '-' || (what == '|' && negative) ? 0 - v : what == '~' ? ~v : what == '|' ? v : negative ? UINT64_MAX : v != 0);
    }
    give(d, x);
    expect(d, y);
}

static void int_neg(Draw *d)
{
    single(d, '-');
}

static void int_abs(Draw *d)
{
    single(d, '|');
}

static void int_not(Draw *d)
{
    single(d, '~');
}

static void int_sign(Draw *d)
{
    single(d, 's');
}

static void shift(Draw *d)
{
    Dtype type = integers[pick(d, 4, 7)];
    unsigned bits = dtype_bits(type);
    bool left = coin(d);
    set_text(d, "direction", left ? "LEFT" : "RIGHT");
    Value *x = edges(d, type, 24), *n = filled(d, type, 1, x->extent, 0, bits - 1), *y = tensor(d, type, 1, x->extent);
    for (int64_t k = 0; k < y->n; k++) {
        if (pick(d, 0, 4) == 0)
            n->i[k] = bits + pick(d, 0, 70); /* beyond the width nothing is left */
        y->i[k] = n->i[k] >= bits ? 0 : wrapped(type, left ? (uint64_t)x->i[k] << n->i[k] : (uint64_t)x->i[k] >> n->i[k]);
    }
    give(d, x);
    give(d, coin(d) ? as_constant(n) : n);
    expect(d, y);
}

static void clip(Draw *d)
{
    Dtype type = integers[pick(d, 0, 7)];
    Value *x = edges(d, type, 24), *y = tensor(d, type, 1, x->extent), *low = coin(d) ? edges(d, type, 1) : NULL,
          *high = coin(d) ? edges(d, type, 1) : NULL;
    for (int64_t k = 0; k < y->n; k++) {
        int64_t v = x->i[k];
        v = low != NULL ? pair_of(MAX, type, v, low->i[0]) : v;
        y->i[k] = high != NULL ? pair_of(MIN, type, v, high->i[0]) : v;
    }
    give(d, x);
    if (low != NULL)
        low->n_dims = 0;
    if (high != NULL)
        high->n_dims = 0;
    if (low != NULL || high != NULL)
        give(d, low);
    if (high != NULL)
        give(d, high);
    expect(d, y);
}

static void float_fmod(Draw *d)
{
    Dtype type = coin(d) ? DT_F32 : DT_F64;
    Value *a = filled(d, type, 1, (int64_t[]){24}, -50, 50), *b = filled(d, type, 1, a->extent, -5, 5), *y = tensor(d, type, 1, a->extent);
    for (int64_t k = 0; k < y->n; k++) {
        if (pick(d, 0, 4) == 0)
            a->f[k] = to_even(a->f[k]), b->f[k] = to_even(b->f[k]) + (fabs(b->f[k]) < 1 ? 2 : 0);
        if (pick(d, 0, 6) == 0)
            a->f[k] = rounded(type, a->f[k] * 1e20);
        y->f[k] = fmod(a->f[k], b->f[k]);
    }
    set_int(d, "fmod", 1);
    give(d, a);
    give(d, b);
    expect(d, y);
}

/* Exact powers that fit; of a negative exponent only those of 1 and -1 are not 0. */
static void int_pow(Draw *d)
{
    Dtype type = coin(d) ? DT_I64 : DT_I32, by = coin(d) ? DT_I64 : coin(d) ? DT_I32 : DT_F32;
    Value *x = filled(d, type, 1, (int64_t[]){24}, -5, 5), *n = filled(d, by, 1, x->extent, -2, type == DT_I64 ? 27 : 13),
          *y = tensor(d, type, 1, x->extent);
    for (int64_t k = 0; k < y->n; k++) {
        if (by == DT_F32)
            n->i[k] = (int64_t)(n->f[k] = fabs(floor(n->f[k] / 2)));
        if (x->i[k] == 0 && n->i[k] < 0)
            x->i[k] = 1;
        int64_t v = n->i[k] < 0 && x->i[k] * x->i[k] != 1 ? 0 : 1;
        for (int64_t e = llabs(n->i[k]); e-- > 0;)
            v *= x->i[k];
        y->i[k] = v;
    }
    give(d, x);
    give(d, coin(d) ? as_constant(n) : n);
    expect(d, y);
}

/* ---- casts ---- */

typedef struct Format {
    Dtype type;
    int fraction, least; /* bits; exponent of the least normal */
    long double most;
    bool infinite, unsigned_zero; /* has infinities; has no -0 */
} Format;

static const Format formats[] = {
    {DT_F64, 52, -1022, 0x1.fffffffffffffp1023L, true, false}, {DT_F32, 23, -126, 0x1.fffffep127L, true, false},
    {DT_F16, 10, -14, 65504, true, false},                     {DT_BF16, 7, -126, 0x1.fep127L, true, false},
    {DT_F8E4M3FN, 3, -6, 448, false, false},                   {DT_F8E4M3FNUZ, 3, -7, 240, false, true},
    {DT_F8E5M2, 2, -14, 57344, true, false},                   {DT_F8E5M2FNUZ, 2, -15, 57344, false, true},
    {DT_F4E2M1, 1, 0, 6, false, false},
};

/* The nearest of the format, halves to even; exact in long double, which holds 64 bits of an integer. */
static double to_format(const Format *f, long double x, bool saturate)
{
    bool code = dtype_kind(f->type) == DK_CODE;
    if (isnan(x))
        return f->type == DT_F4E2M1 ? -0.0 : (double)NAN;
    long double size = fabsl(x);
    if (!isinf(size) && size > 0) {
        int exponent = ilogbl(size);
        long double unit = ldexpl(1, (exponent < f->least ? f->least : exponent) - f->fraction), down = floorl(size / unit), rest = size / unit - down;
        size = unit * (down + (rest > 0.5L || (rest == 0.5L && fmodl(down, 2) != 0) ? 1 : 0));
    }
    if (size > f->most)
        size = f->type == DT_F4E2M1 || (code && saturate) ? f->most : f->infinite ? (long double)INFINITY : (long double)NAN;
    if (isnan(size) || (size == 0 && f->unsigned_zero))
        return (double)size;
    return (double)(signbit(x) ? -size : size);
}

/* A power of two, x > 0 or 0 or NaN. */
static double to_e8m0(long double x, bool saturate, char mode)
{
    if (isnan(x))
        return (double)NAN;
    if (isinf(x))
        return saturate ? 0x1p127 : (double)NAN;
    if (x == 0)
        return saturate ? 0x1p-127 : (double)NAN;
    int exponent = ilogbl(x);
    long double mantissa = ldexpl(x, -exponent);
    if ((mode == 'u' && mantissa > 1) || (mode == 'n' && mantissa >= 1.5L))
        exponent++;
    if (exponent < -127 || exponent > 127)
        return saturate ? ldexp(1, exponent < 0 ? -127 : 127) : (double)NAN;
    return ldexp(1, exponent);
}

static const double awkward[] = {0.0,    -0.0,    0.25,   0.5,    0.75,   1.5,    2.5,     -2.5,    3.5,     5.0,     5.5,    6.5,     7.5,     15.9,   -8.6,    127.5,
                                 128,    -128.9,  -129,   255.5,  256,    240,    247.9,   248,     249,     448,     464,    464.1,   480,     57344,  61439,   61440,
                                 61441,  65504,   65519,  65520,  1e5,    2147483647, 2147483648.0, 4294967295.0, 4294967296.0, 9223372036854775807.0, 1.8446744073709552e19,
                                 1e30,   3.4e38,  1e300,  0x1p-9, 0x1p-10, 0x1.8p-10, 0x1p-17, 0x1.4p-17, 0x1p-24, 0x1p-25, 0x1.8p-25, 0x1p-133, 0x1p-149, 0x1p-150, 1e-300,
                                 INFINITY, NAN,   0x1.002p0, 0x1.00200000001p0, 0x1.000001p0, 0x1.0000010000001p0, 0x1.01p0, 0x1.010000000001p0};

static double awkward_float(Draw *d)
{
    double v = awkward[pick(d, 0, (int64_t)(sizeof awkward / sizeof awkward[0]) - 1)];
    return pick(d, 0, 3) == 0 ? -v : pick(d, 0, 4) == 0 ? ldexp(real(d, -2, 2), (int)pick(d, -30, 66)) : v;
}

static void cast(Draw *d)
{
    static const char *const modes[] = {"up", "down", "nearest"};
    Dtype from, to;
    do
        from = (Dtype)pick(d, 1, DT_COUNT - 1), to = (Dtype)pick(d, 1, DT_COUNT - 1);
    while (dtype_onnx(from) == 0 || dtype_onnx(to) == 0);
    bool to_float = dtype_kind(to) == DK_FLOAT || dtype_kind(to) == DK_CODE, from_int = dtype_is_int(from) || from == DT_BOOL;
    bool saturate = pick(d, 0, 2) != 0;
    const char *mode = modes[pick(d, 0, 2)];
    d->opset = 26;
    set_int(d, "to", dtype_onnx(to));
    if (!saturate)
        set_int(d, "saturate", 0);
    if (to == DT_E8M0 && (*mode != 'u' || coin(d)))
        set_text(d, "round_mode", mode);
    else
        mode = to == DT_E8M0 ? "up" : mode;
    int64_t n = 48;
    Value *x = tensor(d, from, 1, &n), *y = tensor(d, to, 1, &n);
    for (int64_t k = 0; k < n; k++) {
        x->i[k] = from_int ? edge(d, from) : 0;
        x->f[k] = from_int ? 0 : rounded(from, awkward_float(d));
        if (to == DT_E8M0) { /* nothing is said of negative numbers */
            x->f[k] = fabs(x->f[k]);
            x->i[k] = is_signed(from) && x->i[k] < 0 ? 1 : x->i[k];
        }
        long double v = !from_int ? (long double)x->f[k] : is_signed(from) || from == DT_BOOL ? (long double)x->i[k] : (long double)(uint64_t)x->i[k];
        if (to == DT_BOOL)
            y->i[k] = v != 0;
        else if (to == DT_E8M0)
            y->f[k] = to_e8m0(v, saturate, *mode);
        else if (to_float) {
            const Format *f = formats;
            while (f->type != to)
                f++;
            y->f[k] = to_format(f, v, saturate);
        } else if (from_int)
            y->i[k] = wrapped(to, (uint64_t)x->i[k]);
        else if (!isnan(v)) { /* toward zero, then clamped: what ONNX leaves undefined; of 4 and 2 bits as its data */
            Dtype by = dtype_bits(to) < 8 ? DT_I32 : to;
            long double low = (long double)dtype_int_min(by), high = (long double)dtype_int_max(by);
            v = truncl(v);
            y->i[k] = v <= low ? dtype_int_min(by) : v >= high ? (int64_t)dtype_int_max(by) : v < 0 ? (int64_t)v : (int64_t)(uint64_t)v;
            y->i[k] = wrapped(to, (uint64_t)y->i[k]);
        }
    }
    give(d, pick(d, 0, 7) == 0 && from != DT_E8M0 && (from_int || dtype_bits(from) < 32) ? as_constant(x) : x);
    expect(d, y);
}

static const Row rows[] = {
    {"Div", "int_div", int_div, 24},
    {"Mod", "int_mod", int_mod, 24},
    {"Mod", "int_fmod", int_fmod, 24},
    {"Add", "int_add", int_add, 12},
    {"Sub", "int_sub", int_sub, 12},
    {"Mul", "int_mul", int_mul, 12},
    {"Max", "int_max", int_max, 12},
    {"Min", "int_min", int_min, 12},
    {"Less", "int_less", int_less, 12},
    {"GreaterOrEqual", "int_greater_equal", int_greater_equal, 12},
    {"Equal", "int_equal", int_equal, 12},
    {"BitwiseAnd", "int_and", int_and, 8},
    {"BitwiseXor", "int_xor", int_xor, 8},
    {"Neg", "int_neg", int_neg, 12},
    {"Abs", "int_abs", int_abs, 16},
    {"BitwiseNot", "int_not", int_not, 16},
    {"Sign", "int_sign", int_sign, 16},
    {"BitShift", "shift", shift, 24},
    {"Clip", "clip", clip, 24},
    {"Mod", "float_fmod", float_fmod, 16},
    {"Pow", "int_pow", int_pow, 24},
    {"Cast", "cast", cast, 400},
};

int main(int argc, char **argv)
{
    return oracle_main(argc, argv, rows, sizeof rows / sizeof rows[0]);
}
