/*
 * isa/host/loops_index.c: index arithmetic in a normal form.
 *
 * In:   i64 expressions. Out: constant + sum of coefficient * atom, the atoms in the order of their numbers; an atom is
 *       anything that is no sum or multiple by a constant.
 * Keep: the value is the same for all values of the variables within their ranges; nothing overflows that did not before.
 */
#include "isa/host/loops.h"

#include <string.h>

enum { MOST_TERMS = 48 };

typedef struct Linear {
    int64_t constant;
    uint32_t n;
    LoopExprId atom[MOST_TERMS];
    int64_t coefficient[MOST_TERMS];
} Linear;

static void add_term(LoopProgram *p, Linear *l, LoopExprId atom, int64_t coefficient)
{
    uint32_t k = 0;
    while (k < l->n && l->atom[k].i < atom.i)
        k++;
    if (k < l->n && l->atom[k].i == atom.i) {
        l->coefficient[k] += coefficient;
        if (l->coefficient[k] == 0) {
            l->n--;
            memmove(&l->atom[k], &l->atom[k + 1], (l->n - k) * sizeof l->atom[0]);
            memmove(&l->coefficient[k], &l->coefficient[k + 1], (l->n - k) * sizeof l->coefficient[0]);
        }
        return;
    }
    if (l->n == MOST_TERMS)
        weir_bug(p->cx, "an index of more than %d terms", MOST_TERMS);
    memmove(&l->atom[k + 1], &l->atom[k], (l->n - k) * sizeof l->atom[0]);
    memmove(&l->coefficient[k + 1], &l->coefficient[k], (l->n - k) * sizeof l->coefficient[0]);
    l->atom[k] = atom;
    l->coefficient[k] = coefficient;
    l->n++;
}

static void collect(LoopProgram *p, LoopExprId e, int64_t factor, Linear *l)
{
    const LoopExpr *x = loop_expr(p, e);
    if (factor == 0)
        return;
    if (x->op == LOOP_CONST) {
        l->constant += factor * x->i;
    } else if (x->op == LOOP_ADD) {
        LoopExprId a = loop_arg(p, e, 0), b = loop_arg(p, e, 1);
        collect(p, a, factor, l);
        collect(p, b, factor, l);
    } else if (x->op == LOOP_MUL && loop_expr(p, loop_arg(p, e, 1))->op == LOOP_CONST) {
        collect(p, loop_arg(p, e, 0), factor * loop_expr(p, loop_arg(p, e, 1))->i, l);
    } else {
        add_term(p, l, e, factor);
    }
}

static LoopExprId plain(LoopProgram *p, LoopOp op, LoopExprId a, LoopExprId b)
{
    return loop_push(p, (LoopExpr){.op = op, .type = DT_I64, .lanes = 1}, 2, (LoopExprId[]){a, b});
}

static LoopExprId build(LoopProgram *p, const Linear *l)
{
    LoopExprId sum = {0};
    for (uint32_t k = 0; k < l->n; k++) {
        LoopExprId term = l->atom[k];
        if (l->coefficient[k] != 1)
            term = plain(p, LOOP_MUL, term, loop_int(p, l->coefficient[k]));
        sum = sum.i == 0 ? term : plain(p, LOOP_ADD, sum, term);
    }
    if (sum.i == 0)
        return loop_int(p, l->constant);
    return l->constant == 0 ? sum : plain(p, LOOP_ADD, sum, loop_int(p, l->constant));
}

LoopExprId loop_index_add(LoopProgram *p, const LoopFunction *f, LoopExprId a, LoopExprId b)
{
    (void)f;
    Linear l = {0};
    collect(p, a, 1, &l);
    collect(p, b, 1, &l);
    return build(p, &l);
}

LoopExprId loop_index_scale(LoopProgram *p, const LoopFunction *f, LoopExprId a, int64_t factor)
{
    (void)f;
    Linear l = {0};
    collect(p, a, factor, &l);
    return build(p, &l);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

/* l = by * quotient + rest, with the rest of smallest terms. */
static void divide(const Linear *l, int64_t by, Linear *quotient, Linear *rest)
{
    memset(quotient, 0, sizeof *quotient);
    memset(rest, 0, sizeof *rest);
    for (uint32_t k = 0; k < l->n; k++) {
        Linear *to = l->coefficient[k] % by == 0 ? quotient : rest;
        to->atom[to->n] = l->atom[k];
        to->coefficient[to->n++] = to == quotient ? l->coefficient[k] / by : l->coefficient[k];
    }
    quotient->constant = floor_div(l->constant, by);
    rest->constant = l->constant - by * quotient->constant;
}

LoopExprId loop_index_div(LoopProgram *p, const LoopFunction *f, LoopExprId a, int64_t by)
{
    if (by == 1)
        return a;
    Linear l = {0}, q, r;
    collect(p, a, 1, &l);
    divide(&l, by, &q, &r);
    LoopExprId rest = build(p, &r);
    int64_t least, most;
    if (loop_index_range(p, f, rest, &least, &most) && floor_div(least, by) == floor_div(most, by)) {
        q.constant += floor_div(least, by);
        return build(p, &q);
    }
    LoopExprId part = plain(p, LOOP_FLOORDIV, rest, loop_int(p, by));
    return loop_index_add(p, f, build(p, &q), part);
}

LoopExprId loop_index_mod(LoopProgram *p, const LoopFunction *f, LoopExprId a, int64_t by)
{
    if (by == 1)
        return loop_int(p, 0);
    Linear l = {0}, q, r;
    collect(p, a, 1, &l);
    divide(&l, by, &q, &r);
    LoopExprId rest = build(p, &r);
    int64_t least, most;
    if (loop_index_range(p, f, rest, &least, &most) && floor_div(least, by) == floor_div(most, by))
        return loop_index_add(p, f, rest, loop_int(p, -by * floor_div(least, by)));
    return plain(p, LOOP_FLOORMOD, rest, loop_int(p, by));
}

/* Ranges stay within 2^61, so that a sum of two fits. */
static bool bounded(int64_t least, int64_t most, int64_t *out_least, int64_t *out_most)
{
    const int64_t limit = (int64_t)1 << 61;
    *out_least = least;
    *out_most = most;
    return least <= most && least >= -limit && most <= limit;
}

static bool range_product(int64_t least, int64_t most, int64_t factor, int64_t *out_least, int64_t *out_most)
{
    int64_t a, b;
    if (__builtin_mul_overflow(least, factor, &a) || __builtin_mul_overflow(most, factor, &b))
        return false;
    return bounded(a < b ? a : b, a < b ? b : a, out_least, out_most);
}

static bool range_binary(LoopOp op, const int64_t *lo, const int64_t *hi, int64_t *out_least, int64_t *out_most)
{
    switch (op) {
    case LOOP_ADD:
        return bounded(lo[0] + lo[1], hi[0] + hi[1], out_least, out_most);
    case LOOP_SUB:
        return bounded(lo[0] - hi[1], hi[0] - lo[1], out_least, out_most);
    case LOOP_MUL:
        return lo[1] == hi[1] && range_product(lo[0], hi[0], lo[1], out_least, out_most);
    case LOOP_FLOORDIV:
        return lo[1] == hi[1] && lo[1] > 0 && bounded(floor_div(lo[0], lo[1]), floor_div(hi[0], lo[1]), out_least, out_most);
    case LOOP_FLOORMOD:
        return lo[1] == hi[1] && lo[1] > 0 && bounded(0, lo[1] - 1, out_least, out_most);
    case LOOP_MIN:
        return bounded(lo[0] < lo[1] ? lo[0] : lo[1], hi[0] < hi[1] ? hi[0] : hi[1], out_least, out_most);
    case LOOP_MAX:
        return bounded(lo[0] > lo[1] ? lo[0] : lo[1], hi[0] > hi[1] ? hi[0] : hi[1], out_least, out_most);
    default:
        return false;
    }
}

bool loop_index_range(const LoopProgram *p, const LoopFunction *f, LoopExprId e, int64_t *out_least, int64_t *out_most)
{
    const LoopExpr *x = loop_expr(p, e);
    int64_t lo[2], hi[2];
    switch (x->op) {
    case LOOP_CONST:
        return bounded(x->i, x->i, out_least, out_most);
    case LOOP_VAR:
        return f->vars.at[x->ref].ranged && bounded(f->vars.at[x->ref].least, f->vars.at[x->ref].most, out_least, out_most);
    case LOOP_COND:
    case LOOP_SELECT:
        for (uint32_t k = 0; k < 2; k++)
            if (!loop_index_range(p, f, loop_arg(p, e, k + 1), &lo[k], &hi[k]))
                return false;
        return bounded(lo[0] < lo[1] ? lo[0] : lo[1], hi[0] > hi[1] ? hi[0] : hi[1], out_least, out_most);
    default:
        if (x->n_args != 2 || x->type != DT_I64)
            return false;
        for (uint32_t k = 0; k < 2; k++)
            if (!loop_index_range(p, f, loop_arg(p, e, k), &lo[k], &hi[k]))
                return x->op == LOOP_FLOORMOD && k == 0 && loop_index_range(p, f, loop_arg(p, e, 1), &lo[1], &hi[1]) &&
                       lo[1] == hi[1] && bounded(0, lo[1] - 1, out_least, out_most);
        return range_binary(x->op, lo, hi, out_least, out_most);
    }
}

bool loop_index_linear(LoopProgram *p, const LoopFunction *f, LoopExprId e, uint32_t var, int64_t *out_coefficient,
                  LoopExprId *out_rest)
{
    (void)f;
    Linear l = {0}, rest = {0};
    collect(p, e, 1, &l);
    *out_coefficient = 0;
    rest.constant = l.constant;
    for (uint32_t k = 0; k < l.n; k++) {
        const LoopExpr *x = loop_expr(p, l.atom[k]);
        if (x->op == LOOP_VAR && x->ref == var) {
            *out_coefficient = l.coefficient[k];
        } else if (loop_uses_var(p, l.atom[k], var)) {
            return false;
        } else {
            rest.atom[rest.n] = l.atom[k];
            rest.coefficient[rest.n++] = l.coefficient[k];
        }
    }
    *out_rest = build(p, &rest);
    return true;
}
