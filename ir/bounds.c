/*
 * ir/bounds.c: upper bounds of linear forms over a box, sharpened by adding multiples of constraints (each c <= 0, so
 * p*L <= p*L - q*c for p, q > 0), which cancels one atom at a time.
 */
#include "ir/bounds.h"
#include "support/integer.h"

#include <string.h>

/* Ends of intervals up to 2^62 and coefficients up to 2^40 are reckoned with; sums of them stay far below UNKNOWN. */
#define UNKNOWN ((Wide)1 << 110)
#define MOST_END ((Wide)1 << 62)
#define MOST_COEFFICIENT ((int64_t)1 << 40)

/* What proofs may cost: hostile texts must not make them long. */
enum { PROOF_DEPTH = 3, PROOF_STEPS = 20000, ALL_STEPS = 200000, ALL_NODES = 4000 };

static bool linear_of(Bounds *b, ExprId id, Linear *out);

void bounds_init(Bounds *b, const Cascade *cs)
{
    b->cs = cs;
    b->n_atoms = b->n_constraints = 0;
    b->steps = 0;
    b->budget = ALL_STEPS;
    b->nodes = ALL_NODES;
}

/* ---- linear forms ---- */

static bool add_term(Linear *l, uint32_t atom, int64_t coefficient)
{
    uint32_t i = 0;
    while (i < l->n && l->atom[i] != atom)
        i++;
    if (i == BOUNDS_TERMS)
        return false;
    if (i == l->n) {
        l->atom[l->n] = atom;
        l->coefficient[l->n++] = 0;
    }
    if (__builtin_add_overflow(l->coefficient[i], coefficient, &l->coefficient[i]))
        return false;
    if (l->coefficient[i] == 0) {
        l->n--;
        l->atom[i] = l->atom[l->n];
        l->coefficient[i] = l->coefficient[l->n];
    }
    return true;
}

/* to += factor * from */
static bool add_scaled(Linear *to, const Linear *from, int64_t factor)
{
    int64_t product;
    if (__builtin_mul_overflow(from->constant, factor, &product) ||
        __builtin_add_overflow(to->constant, product, &to->constant))
        return false;
    for (uint32_t i = 0; i < from->n; i++)
        if (__builtin_mul_overflow(from->coefficient[i], factor, &product) || !add_term(to, from->atom[i], product))
            return false;
    return true;
}

static Wide box_upper(const Bounds *b, const Linear *l)
{
    Wide sum = l->constant;
    for (uint32_t i = 0; i < l->n; i++) {
        const Atom *a = &b->atoms[l->atom[i]];
        Wide end = l->coefficient[i] > 0 ? a->high : a->low;
        if (end > MOST_END || end < -MOST_END || l->coefficient[i] > MOST_COEFFICIENT || l->coefficient[i] < -MOST_COEFFICIENT)
            return UNKNOWN;
        sum += (Wide)l->coefficient[i] * end;
    }
    return sum < UNKNOWN ? sum : UNKNOWN;
}

static Wide floor_div(Wide a, Wide b)
{
    Wide q = a / b;
    return q * b != a && (a < 0) != (b < 0) ? q - 1 : q;
}

static Wide upper(Bounds *b, const Linear *l, Wide enough, unsigned depth);

/* The bound by cancelling term i with constraint k. */
static Wide cancelled(Bounds *b, const Linear *l, uint32_t i, const Linear *c, uint32_t k, Wide enough, unsigned depth)
{
    int64_t common = common_divisor(l->coefficient[i], c->coefficient[k]);
    int64_t p = c->coefficient[k] / common, q = l->coefficient[i] / common;
    Linear sum = {0};
    if (p == INT64_MIN || q == INT64_MIN)
        return UNKNOWN;
    p = p < 0 ? -p : p;
    q = q < 0 ? -q : q;
    if (!add_scaled(&sum, l, p) || !add_scaled(&sum, c, -q))
        return UNKNOWN;
    Wide target = enough > UNKNOWN / p ? UNKNOWN : enough < -UNKNOWN / p ? -UNKNOWN : enough * p + (p - 1);
    Wide bound = upper(b, &sum, target, depth - 1);
    return bound >= UNKNOWN ? UNKNOWN : floor_div(bound, p);
}

/* An upper bound; stops as soon as one is `enough`. */
static Wide upper(Bounds *b, const Linear *l, Wide enough, unsigned depth)
{
    Wide best = box_upper(b, l);
    for (uint32_t i = 0; i < l->n && depth != 0; i++) {
        for (uint32_t j = 0; j < b->n_constraints && best > enough; j++) {
            const Linear *c = &b->constraints[j];
            uint32_t k = 0;
            while (k < c->n && c->atom[k] != l->atom[i])
                k++;
            if (k == c->n || (c->coefficient[k] > 0) != (l->coefficient[i] > 0) || b->steps == 0)
                continue;
            b->steps--;
            Wide bound = cancelled(b, l, i, c, k, enough, depth);
            best = bound < best ? bound : best;
        }
    }
    return best;
}

static Wide proven_upper(Bounds *b, const Linear *l, Wide enough)
{
    uint32_t most = b->budget < PROOF_STEPS ? b->budget : PROOF_STEPS;
    b->steps = most;
    Wide bound = upper(b, l, enough, PROOF_DEPTH);
    b->budget -= most - b->steps;
    return bound;
}

static bool range_of(Bounds *b, const Linear *l, Wide *out_low, Wide *out_high)
{
    Linear minus = {0};
    *out_high = proven_upper(b, l, -UNKNOWN);
    if (!add_scaled(&minus, l, -1))
        return false;
    Wide low = proven_upper(b, &minus, -UNKNOWN);
    *out_low = -low;
    return true;
}

/* ---- atoms ---- */

static bool single(uint32_t atom, Linear *out)
{
    *out = (Linear){.n = 1, .atom = {atom}, .coefficient = {1}};
    return true;
}

static bool rank_atom(Bounds *b, RankId rank, int64_t most, ExprId expr, Linear *out)
{
    for (uint32_t i = 0; i < b->n_atoms; i++)
        if (expr.i == 0 && rank_same(b->atoms[i].rank, rank))
            return single(i, out);
    if (b->n_atoms == BOUNDS_ATOMS)
        return false;
    b->atoms[b->n_atoms] = (Atom){expr.i == 0 ? rank : (RankId){0}, expr, 0, most};
    return single(b->n_atoms++, out);
}

static bool known_atom(Bounds *b, ExprId expr, Linear *out)
{
    for (uint32_t i = 0; i < b->n_atoms; i++)
        if (b->atoms[i].expr.i != 0 && expr_equal(b->cs, b->atoms[i].expr, expr))
            return single(i, out);
    return false;
}

static bool new_atom(Bounds *b, ExprId expr, Wide low, Wide high, Linear *out)
{
    if (b->n_atoms == BOUNDS_ATOMS)
        return false;
    b->atoms[b->n_atoms] = (Atom){{0}, expr, low, high};
    return single(b->n_atoms++, out);
}

/* Notes a - b + constant <= 0. */
static void note(Bounds *b, const Linear *left, const Linear *right, int64_t constant)
{
    Linear sum = *left;
    if (b->n_constraints < BOUNDS_CONSTRAINTS && add_scaled(&sum, right, -1) &&
        !__builtin_add_overflow(sum.constant, constant, &sum.constant))
        b->constraints[b->n_constraints++] = sum;
}

static bool positive(const Bounds *b, ExprId id, int64_t *out_value)
{
    return expr_is_int(b->cs, id, out_value) && *out_value > 0;
}

/* The quotient of l / c: its own atom q with c*q <= l <= c*q + c-1. `expr` names it: l / c, or l % c. */
static bool quotient(Bounds *b, ExprId expr, const Linear *l, int64_t c, Linear *out)
{
    Wide low, high;
    Linear scaled = {0};
    if (!range_of(b, l, &low, &high))
        return false;
    low = low <= -UNKNOWN ? -UNKNOWN : floor_div(low, c);
    high = high >= UNKNOWN ? UNKNOWN : floor_div(high, c);
    if (!new_atom(b, expr, low, high, out) || !add_scaled(&scaled, out, c))
        return false;
    note(b, &scaled, l, 0);
    note(b, l, &scaled, 1 - c);
    return true;
}

static bool division(Bounds *b, ExprId id, Linear *out)
{
    Linear l;
    int64_t c;
    if (!positive(b, expr_arg(b->cs, id, 1), &c) || !linear_of(b, expr_arg(b->cs, id, 0), &l))
        return false;
    return known_atom(b, id, out) || quotient(b, id, &l, c, out);
}

/* The quotient that goes with a remainder, if the text has it too. */
static bool same_quotient(Bounds *b, ExprId mod, Linear *out)
{
    for (uint32_t i = 0; i < b->n_atoms; i++) {
        ExprId e = b->atoms[i].expr;
        if (e.i == 0 || expr_at(b->cs, e)->kind != EX_CALL || expr_at(b->cs, e)->fn != FN_DIV)
            continue;
        if (expr_equal(b->cs, expr_arg(b->cs, e, 0), expr_arg(b->cs, mod, 0)) &&
            expr_equal(b->cs, expr_arg(b->cs, e, 1), expr_arg(b->cs, mod, 1)))
            return single(i, out);
    }
    return false;
}

static bool remainder_of(Bounds *b, ExprId id, Linear *out)
{
    Linear l, q, back;
    int64_t c;
    Wide low, high;
    if (!positive(b, expr_arg(b->cs, id, 1), &c) || !linear_of(b, expr_arg(b->cs, id, 0), &l))
        return false;
    if (known_atom(b, id, out))
        return true;
    if (!range_of(b, &l, &low, &high))
        return false;
    if (low > -UNKNOWN && high < UNKNOWN && floor_div(low, c) == floor_div(high, c)) {
        *out = l;
        Wide constant = (Wide)l.constant - floor_div(low, c) * c;
        out->constant = (int64_t)constant;
        return constant == out->constant;
    }
    if (!new_atom(b, id, 0, c - 1, out))
        return false;
    if (!same_quotient(b, id, &q))
        return true;
    back = *out;
    if (add_scaled(&back, &q, c)) {
        note(b, &back, &l, 0);
        note(b, &l, &back, 0);
    }
    return true;
}

static bool extreme(Bounds *b, ExprId id, bool is_max, Linear *out)
{
    Linear x, y;
    Wide low_x, high_x, low_y, high_y;
    if (!linear_of(b, expr_arg(b->cs, id, 0), &x) || !linear_of(b, expr_arg(b->cs, id, 1), &y))
        return false;
    if (known_atom(b, id, out))
        return true;
    if (!range_of(b, &x, &low_x, &high_x) || !range_of(b, &y, &low_y, &high_y))
        return false;
    Wide low = (low_x < low_y) != is_max ? low_x : low_y, high = (high_x < high_y) != is_max ? high_x : high_y;
    if (!new_atom(b, id, low, high, out))
        return false;
    note(b, is_max ? &x : out, is_max ? out : &x, 0);
    note(b, is_max ? &y : out, is_max ? out : &y, 0);
    return true;
}

static bool arm_range(Bounds *b, ExprId condition, bool holds, ExprId arm, Wide *out_low, Wide *out_high)
{
    Linear l;
    uint32_t n_atoms = b->n_atoms, n_constraints = b->n_constraints;
    bounds_assume(b, condition, holds);
    bool known = linear_of(b, arm, &l) && range_of(b, &l, out_low, out_high);
    b->n_atoms = n_atoms;
    b->n_constraints = n_constraints;
    return known;
}

/* Each arm under its own condition. */
static bool selection(Bounds *b, ExprId id, Linear *out)
{
    Wide low, high, other_low, other_high;
    ExprId condition = expr_arg(b->cs, id, 0);
    if (known_atom(b, id, out))
        return true;
    if (!arm_range(b, condition, true, expr_arg(b->cs, id, 1), &low, &high) ||
        !arm_range(b, condition, false, expr_arg(b->cs, id, 2), &other_low, &other_high))
        return false;
    return new_atom(b, id, low < other_low ? low : other_low, high > other_high ? high : other_high, out);
}

static bool product(Bounds *b, ExprId id, Linear *out)
{
    Linear x, y;
    Wide low_x, high_x, low_y, high_y;
    if (!linear_of(b, expr_arg(b->cs, id, 0), &x) || !linear_of(b, expr_arg(b->cs, id, 1), &y))
        return false;
    *out = (Linear){0};
    if (x.n == 0 || y.n == 0)
        return add_scaled(out, x.n == 0 ? &y : &x, x.n == 0 ? x.constant : y.constant);
    if (known_atom(b, id, out))
        return true;
    if (!range_of(b, &x, &low_x, &high_x) || !range_of(b, &y, &low_y, &high_y))
        return false;
    const Wide most = (Wide)1 << 48;
    if (low_x < -most || low_y < -most || high_x > most || high_y > most)
        return new_atom(b, id, -UNKNOWN, UNKNOWN, out);
    const Wide corner[4] = {low_x * low_y, low_x * high_y, high_x * low_y, high_x * high_y};
    Wide low = corner[0], high = corner[0];
    for (int i = 1; i < 4; i++) {
        low = corner[i] < low ? corner[i] : low;
        high = corner[i] > high ? corner[i] : high;
    }
    return new_atom(b, id, low, high, out);
}

static bool linear_call(Bounds *b, ExprId id, Linear *out)
{
    Linear other;
    Fn fn = expr_at(b->cs, id)->fn;
    if (fn == FN_DIV)
        return division(b, id, out);
    if (fn == FN_MOD)
        return remainder_of(b, id, out);
    if (fn == FN_MIN || fn == FN_MAX)
        return extreme(b, id, fn == FN_MAX, out);
    if (fn == FN_SELECT)
        return selection(b, id, out);
    if (fn == FN_MUL)
        return product(b, id, out);
    if (fn == FN_NEG) {
        *out = (Linear){0};
        return linear_of(b, expr_arg(b->cs, id, 0), &other) && add_scaled(out, &other, -1);
    }
    if (fn != FN_ADD && fn != FN_SUB)
        return false;
    return linear_of(b, expr_arg(b->cs, id, 0), out) && linear_of(b, expr_arg(b->cs, id, 1), &other) &&
           add_scaled(out, &other, fn == FN_ADD ? 1 : -1);
}

/* The values an integer type can have. */
static bool access_atom(Bounds *b, ExprId id, Dtype type, Linear *out)
{
    if (known_atom(b, id, out))
        return true;
    bool narrow = dtype_is_int(type) && dtype_bits(type) <= 32;
    return new_atom(b, id, narrow ? dtype_int_min(type) : -UNKNOWN, narrow ? (Wide)dtype_int_max(type) : UNKNOWN, out);
}

static bool linear_of(Bounds *b, ExprId id, Linear *out)
{
    const Expr *e = expr_at(b->cs, id);
    int64_t extent = e->rank.i != 0 ? rank_at(b->cs, e->rank)->extent : 0;
    if (b->nodes == 0)
        return false;
    b->nodes--;
    switch (e->kind) {
    case EX_LITERAL:
        *out = (Linear){.constant = e->i};
        return !e->decimal;
    case EX_RANK:
    case EX_INDEX:
        return rank_atom(b, e->rank, extent - 1, (ExprId){0}, out);
    case EX_EXTENT:
        if (rank_at(b->cs, e->rank)->kind == RANK_STATIC || rank_at(b->cs, e->rank)->kind == RANK_ITERATIVE) {
            *out = (Linear){.constant = extent};
            return true;
        }
        return known_atom(b, id, out) || rank_atom(b, e->rank, extent, id, out);
    case EX_COUNT:
        return known_atom(b, id, out) || rank_atom(b, e->rank, extent, id, out);
    case EX_ACCESS:
        return access_atom(b, id, e->type, out);
    case EX_CALL:
        return linear_call(b, id, out);
    case EX_CAST:
    case EX_NONE:
        break;
    }
    return false;
}

/* ---- conditions ---- */

static Fn opposite(Fn fn)
{
    switch (fn) {
    case FN_LT:
        return FN_GE;
    case FN_LE:
        return FN_GT;
    case FN_GT:
        return FN_LE;
    case FN_GE:
        return FN_LT;
    case FN_NE:
        return FN_EQ;
    default:
        return FN_NONE;
    }
}

static void assume_comparison(Bounds *b, ExprId id, bool holds)
{
    Linear x, y;
    Fn fn = expr_at(b->cs, id)->fn;
    if (!linear_of(b, expr_arg(b->cs, id, 0), &x) || !linear_of(b, expr_arg(b->cs, id, 1), &y))
        return;
    fn = holds ? fn : opposite(fn);
    if (fn == FN_LT || fn == FN_LE || fn == FN_EQ)
        note(b, &x, &y, fn == FN_LT ? 1 : 0);
    if (fn == FN_GT || fn == FN_GE || fn == FN_EQ)
        note(b, &y, &x, fn == FN_GT ? 1 : 0);
}

void bounds_assume(Bounds *b, ExprId condition, bool holds)
{
    const Expr *e = expr_at(b->cs, condition);
    if (condition.i == 0 || e->kind != EX_CALL)
        return;
    if (fn_info(e->fn)->rule == RULE_COMPARE) {
        assume_comparison(b, condition, holds);
    } else if (e->fn == FN_NOT) {
        bounds_assume(b, expr_arg(b->cs, condition, 0), !holds);
    } else if (e->fn == (holds ? FN_AND : FN_OR)) {
        bounds_assume(b, expr_arg(b->cs, condition, 0), holds);
        bounds_assume(b, expr_arg(b->cs, condition, 1), holds);
    }
}

/* ---- proofs ---- */

bool bounds_within(Bounds *b, ExprId index, int64_t low, int64_t high)
{
    Linear l, minus = {0};
    if (!linear_of(b, index, &l) || !add_scaled(&minus, &l, -1))
        return false;
    return proven_upper(b, &l, high) <= high && proven_upper(b, &minus, -(Wide)low) <= -(Wide)low;
}

bool bounds_at_most(Bounds *b, ExprId index, RankId rank, int64_t offset)
{
    Linear l, r;
    if (!linear_of(b, index, &l) || !rank_atom(b, rank, rank_at(b->cs, rank)->extent - 1, (ExprId){0}, &r) ||
        !add_scaled(&l, &r, -1))
        return false;
    return proven_upper(b, &l, offset) <= offset;
}

bool bounds_interval(Bounds *b, ExprId index, int64_t *out_low, int64_t *out_high)
{
    Linear l;
    Wide low, high;
    if (!linear_of(b, index, &l) || !range_of(b, &l, &low, &high))
        return false;
    *out_low = (int64_t)low;
    *out_high = (int64_t)high;
    return *out_low == low && *out_high == high;
}
