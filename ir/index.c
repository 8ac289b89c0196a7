/*
 * ir/index.c: normal form and ranges of index expressions.
 *
 * A linear form is a constant plus terms coefficient * atom; an atom is a rank or an expression that is not linear
 * (a division, a remainder, a gather ..). Division by c splits off the terms whose coefficients c divides;
 * what is left vanishes if its range lies between two multiples of c.
 */
#include "ir/index.h"
#include "support/integer.h"

#include <limits.h>

enum { MAX_TERMS = 24 };

typedef struct Linear {
    int64_t constant;
    uint32_t n;
    ExprId atom[MAX_TERMS];
    int64_t coefficient[MAX_TERMS];
} Linear;

static int64_t floor_div(int64_t a, int64_t c)
{
    int64_t q = a / c;
    return a % c != 0 && (a < 0) != (c < 0) ? q - 1 : q;
}

bool index_is_rank(const Cascade *cs, ExprId e, RankId *out_rank)
{
    if (expr_at(cs, e)->kind != EX_RANK)
        return false;
    *out_rank = expr_at(cs, e)->rank;
    return true;
}

/* ---- ranges ---- */

static bool safe_range(int64_t low, int64_t high)
{
    const int64_t most = (int64_t)1 << 55;
    return low >= -most && high <= most;
}

static bool product_range(int64_t al, int64_t ah, int64_t bl, int64_t bh, int64_t *low, int64_t *high)
{
    int64_t p[4];
    if (__builtin_mul_overflow(al, bl, &p[0]) || __builtin_mul_overflow(al, bh, &p[1]) ||
        __builtin_mul_overflow(ah, bl, &p[2]) || __builtin_mul_overflow(ah, bh, &p[3]))
        return false;
    *low = *high = p[0];
    for (int i = 1; i < 4; i++) {
        *low = p[i] < *low ? p[i] : *low;
        *high = p[i] > *high ? p[i] : *high;
    }
    return safe_range(*low, *high);
}

static bool binary_range(Fn fn, int64_t al, int64_t ah, int64_t bl, int64_t bh, int64_t *low, int64_t *high)
{
    switch ((int)fn) {
    case FN_ADD:
        *low = al + bl;
        *high = ah + bh;
        return safe_range(*low, *high);
    case FN_SUB:
        *low = al - bh;
        *high = ah - bl;
        return safe_range(*low, *high);
    case FN_MUL:
        return product_range(al, ah, bl, bh, low, high);
    case FN_MIN:
        *low = al < bl ? al : bl;
        *high = ah < bh ? ah : bh;
        return true;
    case FN_MAX:
        *low = al > bl ? al : bl;
        *high = ah > bh ? ah : bh;
        return true;
    case FN_DIV:
        if (bl != bh || bl <= 0)
            return false;
        *low = floor_div(al, bl);
        *high = floor_div(ah, bl);
        return true;
    case FN_MOD:
        if (bl != bh || bl <= 0)
            return false;
        *low = 0;
        *high = bl - 1;
        if (floor_div(al, bl) == floor_div(ah, bl)) {
            *low = al - floor_div(al, bl) * bl;
            *high = ah - floor_div(ah, bl) * bl;
        }
        return true;
    default:
        return false;
    }
}

static bool call_range(const Cascade *cs, ExprId e, int64_t *low, int64_t *high)
{
    const Expr *x = expr_at(cs, e);
    int64_t al, ah, bl = 0, bh = 0;
    uint32_t first = x->fn == FN_SELECT ? 1 : 0;
    if (!expr_range(cs, expr_arg(cs, e, first), &al, &ah))
        return false;
    if (x->n_args == 1) {
        *low = -ah;
        *high = -al;
        return x->fn == FN_NEG;
    }
    if (!expr_range(cs, expr_arg(cs, e, first + 1), &bl, &bh))
        return false;
    if (x->fn == FN_SELECT) {
        *low = al < bl ? al : bl;
        *high = ah > bh ? ah : bh;
        return true;
    }
    return binary_range(x->fn, al, ah, bl, bh, low, high);
}

bool expr_range(const Cascade *cs, ExprId e, int64_t *out_low, int64_t *out_high)
{
    const Expr *x = expr_at(cs, e);
    switch (x->kind) {
    case EX_LITERAL:
        *out_low = *out_high = x->i;
        return !x->decimal && safe_range(x->i, x->i);
    case EX_RANK:
    case EX_INDEX:
        *out_low = 0;
        *out_high = rank_at(cs, x->rank)->extent - 1;
        if (*out_high < 0)
            *out_high = 0;
        return safe_range(0, *out_high);
    case EX_EXTENT:
        *out_high = rank_at(cs, x->rank)->extent;
        *out_low = rank_at(cs, x->rank)->kind == RANK_STATIC ? *out_high : 0;
        return safe_range(0, *out_high);
    case EX_COUNT:
        *out_low = 0;
        *out_high = rank_at(cs, x->rank)->extent;
        return safe_range(0, *out_high);
    case EX_CALL:
        return call_range(cs, e, out_low, out_high);
    case EX_NONE:
    case EX_ACCESS:
    case EX_CAST:
        break;
    }
    return false;
}

/* ---- linear forms ---- */

static bool linear_add_atom(const Cascade *cs, Linear *l, ExprId atom, int64_t coefficient)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (expr_equal(cs, l->atom[i], atom)) {
            l->coefficient[i] += coefficient;
            return true;
        }
    }
    if (l->n == MAX_TERMS)
        return false;
    l->atom[l->n] = atom;
    l->coefficient[l->n++] = coefficient;
    return true;
}

static ExprId simplify_atom(Cascade *cs, ExprId e);

static bool linear_add(Cascade *cs, Linear *l, ExprId e, int64_t factor)
{
    Expr x = *expr_at(cs, e);
    int64_t value;
    if (x.kind == EX_LITERAL && !x.decimal) {
        l->constant += factor * x.i;
        return true;
    }
    if (x.kind == EX_EXTENT && rank_at(cs, x.rank)->kind == RANK_STATIC) {
        l->constant += factor * rank_at(cs, x.rank)->extent;
        return true;
    }
    if (x.kind == EX_CALL && (x.fn == FN_ADD || x.fn == FN_SUB)) {
        ExprId left = expr_arg(cs, e, 0), right = expr_arg(cs, e, 1);
        return linear_add(cs, l, left, factor) && linear_add(cs, l, right, x.fn == FN_ADD ? factor : -factor);
    }
    if (x.kind == EX_CALL && x.fn == FN_NEG)
        return linear_add(cs, l, expr_arg(cs, e, 0), -factor);
    if (x.kind == EX_CALL && x.fn == FN_MUL) {
        ExprId left = expr_arg(cs, e, 0), right = expr_arg(cs, e, 1);
        if (expr_is_int(cs, left, &value))
            return linear_add(cs, l, right, factor * value);
        if (expr_is_int(cs, right, &value))
            return linear_add(cs, l, left, factor * value);
    }
    ExprId atom = simplify_atom(cs, e);
    const Expr *y = expr_at(cs, atom);
    if (y->kind == EX_LITERAL || (y->kind == EX_CALL && (y->fn == FN_ADD || y->fn == FN_SUB || y->fn == FN_MUL)))
        return atom.i == e.i ? linear_add_atom(cs, l, atom, factor) : linear_add(cs, l, atom, factor);
    return linear_add_atom(cs, l, atom, factor);
}

static ExprId linear_build(Cascade *cs, const Linear *l)
{
    ExprId sum = {0};
    for (uint32_t i = 0; i < l->n; i++) {
        int64_t c = l->coefficient[i];
        if (c == 0)
            continue;
        if (sum.i == 0)
            sum = ex_scale(cs, c, l->atom[i]);
        else if (c > 0)
            sum = ex_binary(cs, FN_ADD, sum, ex_scale(cs, c, l->atom[i]));
        else
            sum = ex_binary(cs, FN_SUB, sum, ex_scale(cs, -c, l->atom[i]));
    }
    return sum.i == 0 ? ex_int(cs, l->constant) : ex_offset(cs, sum, l->constant);
}

static bool linear_range(const Cascade *cs, const Linear *l, int64_t *low, int64_t *high)
{
    *low = *high = l->constant;
    for (uint32_t i = 0; i < l->n; i++) {
        int64_t al, ah, pl, ph;
        if (!expr_range(cs, l->atom[i], &al, &ah) ||
            !product_range(al, ah, l->coefficient[i], l->coefficient[i], &pl, &ph))
            return false;
        *low += pl;
        *high += ph;
        if (!safe_range(*low, *high))
            return false;
    }
    return true;
}

/* Splits l into c * quotient + rest, with a rest constant in 0..c-1. */
static void linear_split(const Linear *l, int64_t c, Linear *quotient, Linear *rest)
{
    *quotient = *rest = (Linear){0};
    quotient->constant = floor_div(l->constant, c);
    rest->constant = l->constant - quotient->constant * c;
    for (uint32_t i = 0; i < l->n; i++) {
        Linear *to = l->coefficient[i] % c == 0 ? quotient : rest;
        to->atom[to->n] = l->atom[i];
        to->coefficient[to->n++] = to == quotient ? l->coefficient[i] / c : l->coefficient[i];
    }
}

static ExprId simplify_div_mod(Cascade *cs, Fn fn, const Linear *l, int64_t c)
{
    Linear quotient, rest;
    linear_split(l, c, &quotient, &rest);
    int64_t low, high;
    if (linear_range(cs, &rest, &low, &high) && floor_div(low, c) == floor_div(high, c)) {
        int64_t q = floor_div(low, c);
        quotient.constant += q;
        rest.constant -= q * c;
        return linear_build(cs, fn == FN_DIV ? &quotient : &rest);
    }
    int64_t g = c;
    for (uint32_t i = 0; i < rest.n; i++)
        g = common_divisor(g, rest.coefficient[i]);
    int64_t fraction = g > 1 ? rest.constant % g : 0;
    if (g > 1) {
        for (uint32_t i = 0; i < rest.n; i++)
            rest.coefficient[i] /= g;
        rest.constant = floor_div(rest.constant, g);
    }
    ExprId inner = linear_build(cs, &rest);
    if (fn == FN_DIV) {
        ExprId d = ex_binary(cs, FN_DIV, inner, ex_int(cs, c / g));
        if (quotient.n == 0)
            return ex_offset(cs, d, quotient.constant);
        if (quotient.n == MAX_TERMS)
            return ex_binary(cs, FN_ADD, linear_build(cs, &quotient), d);
        quotient.atom[quotient.n] = d;
        quotient.coefficient[quotient.n++] = 1;
        return linear_build(cs, &quotient);
    }
    ExprId m = ex_binary(cs, FN_MOD, inner, ex_int(cs, c / g));
    return ex_offset(cs, ex_scale(cs, g, m), fraction);
}

static ExprId simplify_args(Cascade *cs, ExprId e)
{
    Expr x = *expr_at(cs, e);
    ExprId args[CASCADE_MAX_RANKS];
    bool changed = false;
    for (uint32_t k = 0; k < x.n_args; k++) {
        ExprId old = expr_arg(cs, e, k);
        bool index = expr_at(cs, old)->type == DT_I64;
        args[k] = index ? index_simplify(cs, old) : simplify_args(cs, old);
        changed = changed || args[k].i != old.i;
    }
    return changed ? ex_push(cs, x, x.n_args, args) : e;
}

static ExprId simplify_atom(Cascade *cs, ExprId e)
{
    Expr x = *expr_at(cs, e);
    int64_t c;
    if (x.kind == EX_CALL && (x.fn == FN_DIV || x.fn == FN_MOD) && expr_is_int(cs, expr_arg(cs, e, 1), &c) && c > 0) {
        Linear l = {0};
        if (linear_add(cs, &l, expr_arg(cs, e, 0), 1))
            return simplify_div_mod(cs, x.fn, &l, c);
    }
    return x.n_args == 0 ? e : simplify_args(cs, e);
}

ExprId index_simplify(Cascade *cs, ExprId e)
{
    const Expr *x = expr_at(cs, e);
    if (x->kind == EX_LITERAL || x->kind == EX_RANK || x->type != DT_I64)
        return e;
    Linear l = {0};
    if (!linear_add(cs, &l, e, 1))
        return e;
    ExprId built = linear_build(cs, &l);
    return expr_equal(cs, built, e) ? e : built;
}
