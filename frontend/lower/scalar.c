/*
 * frontend/lower/scalar.c: arithmetic on integers that only the run knows: intervals and linear forms.
 *
 * Keep: a result is never narrower than what the run can compute; what is not followed is an atom with its type's range.
 */
#include <math.h>

#include "frontend/lower/extent.h"

#define EXACT 0x1p53 /* integers beyond it are not told apart by doubles */

Scalar scalar_int(int64_t value)
{
    return (Scalar){.type = DT_I64, .low = (double)value, .high = (double)value, .b = value};
}

static bool integral(Dtype type)
{
    return dtype_is_int(type);
}

bool scalar_same(const Lowering *l, const Scalar *x, const Scalar *y)
{
    if (scalar_known(x) || scalar_known(y))
        return scalar_known(x) && scalar_known(y) && x->b == y->b && x->low == y->low;
    return x->a == y->a && x->b == y->b && expr_equal(l->cs, x->atom, y->atom);
}

ExprId scalar_expr(Lowering *l, const Scalar *s)
{
    if (!integral(s->type)) {
        if (!scalar_known(s))
            return s->atom;
        return s->type == DT_BOOL ? ex_literal_int(l->cs, DT_BOOL, s->b) : lit(l, s->type, s->low);
    }
    if (scalar_known(s))
        return ex_literal_int(l->cs, s->type, s->b);
    ExprId e = ex_offset(l->cs, ex_scale(l->cs, s->a, s->atom), s->b);
    return s->type == DT_I64 ? e : cast(l, s->type, e);
}

/* ---- intervals ---- */

void scalar_type_range(Dtype type, double *out_low, double *out_high)
{
    *out_low = -HUGE_VAL;
    *out_high = HUGE_VAL;
    uint32_t bits = dtype_bits(type);
    if (type == DT_BOOL) {
        *out_low = 0;
        *out_high = 1;
    } else if (integral(type) && bits < 53) {
        bool is_signed = dtype_kind(type) == DK_SIGNED;
        *out_low = is_signed ? -ldexp(1, (int)bits - 1) : 0;
        *out_high = ldexp(1, (int)bits - (is_signed ? 1 : 0)) - 1;
    } else if (integral(type) && dtype_kind(type) != DK_SIGNED) {
        *out_low = 0;
    }
}

/* Rounds the ends as the type would, or away from each other. */
static void settle(Scalar *s)
{
    if (s->type == DT_F32) {
        s->low = (double)(float)s->low;
        s->high = (double)(float)s->high;
    } else if (is_float(s->type) && s->type != DT_F64) {
        s->low -= fabs(s->low) * 0x1p-7;
        s->high += fabs(s->high) * 0x1p-7;
    }
    if (isnan(s->low))
        s->low = -HUGE_VAL;
    if (isnan(s->high))
        s->high = HUGE_VAL;
    if (!integral(s->type))
        return;
    double low, high;
    scalar_type_range(s->type, &low, &high);
    bool outside = s->low < low || s->high > high || s->low < -EXACT || s->high > EXACT;
    if (outside && s->type != DT_I64) { /* it may have wrapped */
        s->low = low;
        s->high = high;
    }
    s->low = s->low < -EXACT ? -HUGE_VAL : s->low;
    s->high = s->high > EXACT ? HUGE_VAL : s->high;
}

static double times(double a, double b)
{
    return a == 0 || b == 0 ? 0 : a * b;
}

typedef double (*Pair)(double, double);

static double quotient(double a, double b)
{
    return isinf(b) ? 0 : a / b;
}

/* The hull of f at the four corners. */
static void corners(Scalar *out, const Scalar *x, const Scalar *y, Pair f)
{
    double v[4] = {f(x->low, y->low), f(x->low, y->high), f(x->high, y->low), f(x->high, y->high)};
    out->low = out->high = v[0];
    for (uint32_t i = 1; i < 4; i++) {
        out->low = fmin(out->low, v[i]);
        out->high = fmax(out->high, v[i]);
    }
}

static void interval_divide(Scalar *out, Fn fn, const Scalar *x, const Scalar *y)
{
    if (y->low <= 0)
        return;
    corners(out, x, y, quotient);
    if (fn == FN_IDIV) {
        out->low = trunc(out->low);
        out->high = trunc(out->high);
    } else if (fn == FN_FLOORDIV) {
        out->low = floor(out->low);
        out->high = floor(out->high);
    }
}

static void interval_unary(Scalar *out, Fn fn, const Scalar *x)
{
    double (*f)(double) = fn == FN_FLOOR ? floor : fn == FN_CEIL ? ceil : fn == FN_TRUNC ? trunc : fn == FN_ROUND_EVEN ? rint : NULL;
    if (f != NULL) {
        out->low = f(x->low);
        out->high = f(x->high);
    } else if (fn == FN_NEG) {
        out->low = -x->high;
        out->high = -x->low;
    } else if (fn == FN_ABS) {
        out->low = x->low > 0 ? x->low : x->high < 0 ? -x->high : 0;
        out->high = fmax(-x->low, x->high);
    } else if (fn == FN_SQRT && x->low >= 0) {
        out->low = sqrt(x->low);
        out->high = sqrt(x->high);
    } else if (fn == FN_SIGN) {
        out->low = x->low > 0 ? 1 : x->low == 0 ? 0 : -1;
        out->high = x->high < 0 ? -1 : x->high == 0 ? 0 : 1;
    }
}

static void interval(Scalar *out, Fn fn, const Scalar *x)
{
    switch (fn) {
    case FN_ADD:
        out->low = x[0].low + x[1].low;
        out->high = x[0].high + x[1].high;
        break;
    case FN_SUB:
        out->low = x[0].low - x[1].high;
        out->high = x[0].high - x[1].low;
        break;
    case FN_MUL:
        corners(out, &x[0], &x[1], times);
        break;
    case FN_DIV:
    case FN_IDIV:
    case FN_FLOORDIV:
        interval_divide(out, fn, &x[0], &x[1]);
        break;
    case FN_MIN:
        out->low = fmin(x[0].low, x[1].low);
        out->high = fmin(x[0].high, x[1].high);
        break;
    case FN_MAX:
        out->low = fmax(x[0].low, x[1].low);
        out->high = fmax(x[0].high, x[1].high);
        break;
    case FN_SELECT:
        out->low = fmin(x[1].low, x[2].low);
        out->high = fmax(x[1].high, x[2].high);
        break;
    case FN_FLOORMOD:
    case FN_IREM:
        if (x[1].low > 0 && (fn == FN_FLOORMOD || x[0].low >= 0)) {
            out->low = 0;
            out->high = x[1].high - 1;
        }
        break;
    default:
        interval_unary(out, fn, &x[0]);
        break;
    }
    settle(out);
}

/* ---- values that are known ---- */

static bool compare_known(Fn fn, double a, double b)
{
    switch (fn) {
    case FN_EQ: return a == b;
    case FN_NE: return a != b;
    case FN_LT: return a < b;
    case FN_LE: return a <= b;
    case FN_GT: return a > b;
    default: return a >= b;
    }
}

static int64_t floor_quotient(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static bool fold_int(Fn fn, int64_t a, int64_t b, int64_t *out)
{
    bool divides = b != 0 && !(a == INT64_MIN && b == -1);
    switch (fn) {
    case FN_ADD: return !__builtin_add_overflow(a, b, out);
    case FN_SUB: return !__builtin_sub_overflow(a, b, out);
    case FN_MUL: return !__builtin_mul_overflow(a, b, out);
    case FN_NEG: return !__builtin_sub_overflow(0, a, out);
    case FN_MIN: *out = a < b ? a : b; return true;
    case FN_MAX: *out = a > b ? a : b; return true;
    case FN_ABS: *out = a < 0 ? -a : a; return a != INT64_MIN;
    case FN_SIGN: *out = (a > 0) - (a < 0); return true;
    case FN_IDIV: *out = divides ? a / b : 0; return divides;
    case FN_IREM: *out = divides ? a % b : 0; return divides;
    case FN_FLOORDIV: *out = divides ? floor_quotient(a, b) : 0; return divides;
    case FN_FLOORMOD: *out = divides ? a - b * floor_quotient(a, b) : 0; return divides;
    default: return false;
    }
}

static bool is_comparison(Fn fn)
{
    return fn == FN_EQ || fn == FN_NE || fn == FN_LT || fn == FN_LE || fn == FN_GT || fn == FN_GE;
}

static Scalar known_bool(bool value)
{
    return (Scalar){.type = DT_BOOL, .low = value, .high = value, .b = value};
}

/* A comparison that the intervals or the linear forms decide. */
static bool decided(const Lowering *l, Fn fn, const Scalar *x, const Scalar *y, Scalar *out)
{
    double low = x->low - y->high, high = x->high - y->low;
    bool ints = integral(x->type);
    if (ints && scalar_known(x) && scalar_known(y)) {
        low = high = (double)((x->b > y->b) - (x->b < y->b));
    } else if (ints && x->atom.i != 0 && y->atom.i != 0 && x->a == y->a && expr_equal(l->cs, x->atom, y->atom)) {
        low = high = (double)((x->b > y->b) - (x->b < y->b));
    }
    if (isnan(low) || isnan(high) || !(low == high || low > 0 || high < 0 || (low == 0 && (fn == FN_GE || fn == FN_LT)) ||
                                       (high == 0 && (fn == FN_LE || fn == FN_GT))))
        return false;
    bool at_low = compare_known(fn, low, 0), at_high = compare_known(fn, high, 0);
    if (at_low != at_high || (!ints && low == high))
        return false;
    *out = known_bool(at_low);
    return true;
}

/* ---- linear forms ---- */

static bool linear(Lowering *l, Fn fn, const Scalar *x, const Scalar *y, Scalar *out)
{
    bool kx = scalar_known(x), ky = scalar_known(y);
    *out = *x;
    if (fn == FN_MUL && kx && !ky)
        return linear(l, fn, y, x, out);
    if (fn == FN_ADD && kx && !ky)
        return linear(l, fn, y, x, out);
    if ((fn == FN_MUL || fn == FN_IDIV || fn == FN_FLOORDIV) && ky) {
        int64_t c = y->b;
        if (fn == FN_MUL)
            return c != 0 && !__builtin_mul_overflow(x->a, c, &out->a) && !__builtin_mul_overflow(x->b, c, &out->b);
        if (c <= 0 || x->a % c != 0 || x->b % c != 0)
            return false;
        out->a /= c;
        out->b /= c;
        return true;
    }
    if (fn != FN_ADD && fn != FN_SUB)
        return false;
    if (ky)
        return !(fn == FN_ADD ? __builtin_add_overflow(x->b, y->b, &out->b) : __builtin_sub_overflow(x->b, y->b, &out->b));
    if (kx || !expr_equal(l->cs, x->atom, y->atom))
        return false;
    bool fits = fn == FN_ADD ? !__builtin_add_overflow(x->a, y->a, &out->a) && !__builtin_add_overflow(x->b, y->b, &out->b)
                             : !__builtin_sub_overflow(x->a, y->a, &out->a) && !__builtin_sub_overflow(x->b, y->b, &out->b);
    if (fits && out->a == 0)
        out->atom.i = 0;
    return fits;
}

static Scalar atom_of(Lowering *l, Scalar s, ExprId e)
{
    bool exact = integral(s.type) || s.type == DT_BOOL || s.type == DT_F32 || s.type == DT_F64;
    if (exact && s.low == s.high && fabs(s.low) < EXACT) { /* one point is a value */
        s.b = is_float(s.type) ? 0 : (int64_t)s.low;
        return s;
    }
    s.a = 1;
    s.b = 0;
    s.atom = integral(s.type) && s.type != DT_I64 ? cast(l, DT_I64, e) : e;
    return s;
}

Scalar scalar_atom(Lowering *l, Dtype type, ExprId e)
{
    Scalar s = {.type = type};
    scalar_type_range(type, &s.low, &s.high);
    return atom_of(l, s, e);
}

/* One of the operands, where the intervals or the linear forms tell which. */
static bool chosen(Lowering *l, Fn fn, const Scalar *x, Scalar *out)
{
    Scalar less;
    if (fn == FN_SELECT && scalar_known(&x[0])) {
        *out = x[0].b != 0 ? x[1] : x[2];
        return true;
    }
    if (fn == FN_SELECT && scalar_same(l, &x[1], &x[2])) {
        *out = x[1];
        return true;
    }
    if ((fn != FN_MIN && fn != FN_MAX) || !integral(x[0].type))
        return false;
    bool first = decided(l, FN_LE, &x[0], &x[1], &less);
    if (!first && !decided(l, FN_LT, &x[1], &x[0], &less) && !decided(l, FN_LE, &x[1], &x[0], &less))
        return false;
    bool first_is_less = first == (less.b != 0);
    *out = first_is_less == (fn == FN_MIN) ? x[0] : x[1];
    return true;
}

Scalar scalar_call(Lowering *l, Fn fn, uint32_t n, const Scalar *x)
{
    static const Scalar zero = {.type = DT_I64};
    const Scalar *y = n > 1 ? &x[1] : &zero;
    Scalar out;
    if (chosen(l, fn, x, &out))
        return out;
    if (is_comparison(fn) && decided(l, fn, &x[0], y, &out))
        return out;
    Dtype type = is_comparison(fn) || fn == FN_AND || fn == FN_OR || fn == FN_NOT ? DT_BOOL : x[n - 1].type;
    double low, high;
    scalar_type_range(type, &low, &high);
    Scalar free = {.type = type, .low = low, .high = high};
    if (type != DT_BOOL)
        interval(&free, fn, x);
    if (integral(type) && n <= 2) {
        int64_t value;
        if (scalar_known(&x[0]) && scalar_known(y) && fold_int(fn, x[0].b, y->b, &value) &&
            (type == DT_I64 || ((double)value >= low && (double)value <= high)))
            return (Scalar){.type = type, .low = (double)value, .high = (double)value, .b = value};
        if (n == 2 && linear(l, fn, &x[0], y, &out) && (scalar_known(&out) || type == DT_I64 || free.low > low || free.high < high)) {
            out.type = type;
            out.low = scalar_known(&out) ? (double)out.b : free.low;
            out.high = scalar_known(&out) ? (double)out.b : free.high;
            return out;
        }
    }
    ExprId args[3];
    for (uint32_t k = 0; k < n; k++)
        args[k] = scalar_expr(l, &x[k]);
    return atom_of(l, free, ex_call(l->cs, fn, n, args));
}

Scalar scalar_2(Lowering *l, Fn fn, Scalar x, Scalar y)
{
    const Scalar both[2] = {x, y};
    return scalar_call(l, fn, 2, both);
}

Scalar scalar_pick(Lowering *l, Fn fn, Scalar p, Scalar q, Scalar x, Scalar y)
{
    const Scalar all[3] = {scalar_2(l, fn, p, q), x, y};
    return scalar_call(l, FN_SELECT, 3, all);
}

Scalar scalar_cast(Lowering *l, Dtype to, CastMode mode, const Scalar *x)
{
    double low, high;
    scalar_type_range(to, &low, &high);
    if (to == x->type)
        return *x;
    Scalar out = {.type = to, .low = low, .high = high};
    if (integral(to) && integral(x->type) && (to == DT_I64 || (x->low >= low && x->high <= high))) {
        out = *x;
        out.type = to;
        return out;
    }
    if (mode == CAST_PLAIN && is_float(to)) {
        out.low = x->low;
        out.high = x->high;
        settle(&out);
    } else if (mode == CAST_PLAIN && integral(to) && is_float(x->type)) { /* clamps; NaN gives 0 */
        bool finite = isfinite(x->low) && isfinite(x->high);
        out.low = fmax(low, finite ? trunc(x->low) : fmin(0, trunc(x->low)));
        out.high = fmin(high, finite ? trunc(x->high) : fmax(0, trunc(x->high)));
        settle(&out);
    } else if (mode == CAST_PLAIN && integral(to) && x->type == DT_BOOL) {
        out.low = x->low;
        out.high = x->high;
    } else if (to == DT_BOOL && (x->low > 0 || x->high < 0 || (x->low == 0 && x->high == 0))) {
        return known_bool(x->low != 0 || x->high != 0);
    }
    return atom_of(l, out, ex_cast(l->cs, to, mode, scalar_expr(l, x)));
}
