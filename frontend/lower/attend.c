/*
 * frontend/lower/attend.c: the statements of attention: scores, their softmax, the weighted sum of values.
 *
 * Keep: keys that a query must not see are left out by conditions of the maximum and the sums, so they cost nothing and
 *       cannot spoil anything; a query that sees no key gives 0.
 */
#include <math.h>

#include "frontend/lower/attention.h"

weir_status attend_open(Lowering *l, Attend *a)
{
    Heads *q = &a->q, *k = &a->k, *v = &a->v;
    if (k->batch != q->batch || v->batch != q->batch || k->heads != v->heads || k->positions != v->positions ||
        k->width != q->width)
        return invalid(l, "queries, keys and values do not fit");
    if (k->heads < 1 || q->heads % k->heads != 0)
        return invalid(l, "%lld query heads, %lld key heads", (long long)q->heads, (long long)k->heads);
    TRY(want_same_type(l, q->op, k->op));
    a->group = q->heads / k->heads;
    a->type = q->op->type;
    Ranks ranks = {0};
    a->b = ranks_add_distinct(l, &ranks, heads_batch(l, q), "b", q->batch);
    a->h = ranks_add_distinct(l, &ranks, q->form == HEADS_APART ? dim_rank(l, q->op, 1) : (RankId){0}, "h", q->heads);
    a->p = ranks_add_distinct(l, &ranks, heads_position(l, q), "p", q->positions);
    a->m = ranks_add_distinct(l, &ranks, heads_position(l, k), "m", k->positions);
    a->e = ranks_add_distinct(l, &ranks, heads_element(l, q), "e", q->width);
    a->f = ranks_add_distinct(l, &ranks, heads_element(l, v), "f", v->width);
    return WEIR_OK;
}

static ExprId key_head(Lowering *l, const Attend *a)
{
    return ix_div(l, rk(l, a->h), a->group);
}

/* ---- who sees whom ---- */

/* A coordinate in a condition, or as a value. */
static ExprId coordinate(Lowering *l, RankId rank, bool value)
{
    return value ? ex_index(l->cs, rank) : rk(l, rank);
}

static ExprId both(Lowering *l, ExprId a, ExprId b)
{
    return a.i == 0 ? b : b.i == 0 ? a : ex2(l, FN_AND, a, b);
}

static void mask_index(Lowering *l, const Attend *a, const Operand *mask, ExprId *out)
{
    const RankId ranks[4] = {a->b, a->h, a->p, a->m};
    uint32_t shift = 4 - mask->n_dims;
    for (uint32_t d = 0; d < mask->n_dims; d++) {
        bool stretched = mask->extent[d] == 1 && extent_of_rank(l, ranks[shift + d]) != 1;
        out[d] = stretched && (d + 1 < mask->n_dims || a->key_bound == 0) ? num(l, 0) : rk(l, ranks[shift + d]);
    }
}

static ExprId mask_at(Lowering *l, const Attend *a, Operand *mask)
{
    ExprId index[MAX_DIMS];
    mask_index(l, a, mask, index);
    if (mask->extent[mask->n_dims - 1] >= a->k.positions || a->key_bound == 0)
        return at_index(l, mask, index);
    return at_pad(l, mask, index, lit(l, mask->type, 0));
}

/* Query p's position among the keys, plus `more`. */
static ExprId query_place(Lowering *l, const Attend *a, bool value, int64_t more)
{
    int64_t shift = a->offset + more;
    ExprId at = coordinate(l, a->p, value);
    if (a->offsets != NULL)
        at = ex2(l, FN_ADD, at, at_ranks(l, a->offsets, &a->b));
    return shift == 0 ? at : ex2(l, FN_ADD, at, num(l, shift));
}

/* The condition that query p sees key m; 0: always. */
static ExprId visible(Lowering *l, const Attend *a, bool value)
{
    ExprId c = {0}, m = coordinate(l, a->m, value);
    int64_t right = a->causal ? 0 : a->right;
    if (a->mask != NULL)
        c = mask_at(l, a, a->mask);
    if (a->key_bound != 0 && a->key_bound < a->k.positions)
        c = both(l, c, ex2(l, FN_LT, m, num(l, a->key_bound)));
    if (right >= 0)
        c = both(l, c, ex2(l, FN_LE, m, query_place(l, a, value, right)));
    if (a->left >= 0)
        c = both(l, c, ex2(l, FN_GE, m, query_place(l, a, value, -a->left)));
    if (a->lengths != NULL)
        c = both(l, c, ex2(l, FN_LT, m, at_ranks(l, a->lengths, &a->b)));
    return c;
}

weir_status attend_mask(Lowering *l, Attend *a, Operand *mask, bool short_keys)
{
    if (mask == NULL)
        return WEIR_OK;
    const int64_t extent[4] = {a->q.batch, a->q.heads, a->q.positions, a->k.positions};
    TRY(want_rank(l, mask, 1, 4));
    TRY(want_static(l, mask));
    uint32_t shift = 4 - mask->n_dims, last = mask->n_dims - 1;
    for (uint32_t d = 0; d < mask->n_dims; d++) {
        bool shorter = short_keys && d == last && mask->extent[d] <= extent[3];
        if (mask->extent[d] != extent[shift + d] && mask->extent[d] != 1 && !shorter)
            return invalid(l, "the mask %s does not broadcast to [%lld,%lld,%lld,%lld]", shape_text(l, mask),
                           (long long)extent[0], (long long)extent[1], (long long)extent[2], (long long)extent[3]);
    }
    tensor_of(l, mask);
    if (short_keys && mask->extent[last] < extent[3])
        a->key_bound = mask->extent[last] == 0 ? -1 : mask->extent[last];
    if (mask->type == DT_BOOL) {
        a->mask = mask;
        return WEIR_OK;
    }
    if (!is_float(mask->type) && !dtype_is_int(mask->type))
        return invalid(l, "a mask of type %s", dtype_text(mask->type));
    ExprId v = cast(l, a->sum_type, mask_at(l, a, mask));
    a->added = a->added.i == 0 ? v : ex2(l, FN_ADD, a->added, v);
    a->may_empty = true;
    return WEIR_OK;
}

/* ---- the statements ---- */

static weir_status scores_out(Lowering *l, const Attend *a, int64_t mode, ExprId v)
{
    Operand *y;
    Ranks ranks = {.n = 4, .at = {a->b, a->h, a->p, a->m}};
    if (a->scores_mode != mode)
        return WEIR_OK;
    TRY(output(l, 3, a->type, &ranks, &y));
    define(l, y, v);
    return WEIR_OK;
}

/* Scores [b, h, p, m] after scale, softcap and what is added. */
static weir_status scores(Lowering *l, const Attend *a, Operand **out)
{
    Ranks ranks = {.n = 4, .at = {a->b, a->h, a->p, a->m}}, over = {.n = 1, .at = {a->e}};
    Operand *raw;
    Dtype type = a->sum_type;
    ExprId b = rk(l, a->b), e = rk(l, a->e);
    TRY(temporary(l, "_qk", type, &ranks, &raw));
    ExprId q = heads_at(l, &a->q, b, rk(l, a->h), rk(l, a->p), e);
    ExprId k = heads_at(l, &a->k, b, key_head(l, a), rk(l, a->m), e);
    reduce(l, raw, RED_SUM, &over, ex2(l, FN_MUL, q, k));
    ExprId v = at_ranks(l, raw, ranks.at);
    if (a->scale != 1)
        v = ex2(l, FN_MUL, v, lit(l, type, a->scale));
    TRY(scores_out(l, a, 0, v));
    if (a->softcap > 0) {
        v = ex1(l, FN_TANH, ex2(l, FN_DIV, v, lit(l, type, a->softcap)));
        v = ex2(l, FN_MUL, v, lit(l, type, a->softcap));
    }
    TRY(scores_out(l, a, 1, v));
    if (a->added.i != 0)
        v = ex2(l, FN_ADD, v, a->added);
    TRY(temporary(l, "_scores", type, &ranks, out));
    define(l, *out, v);
    v = at_ranks(l, *out, ranks.at);
    ExprId seen = visible(l, a, true);
    return scores_out(l, a, 2, seen.i == 0 ? v : ex_select(l->cs, seen, v, lit(l, type, -INFINITY)));
}

/* exp of the scores less their maximum, and its sum. */
static weir_status softmax(Lowering *l, const Attend *a, Operand *s, Operand **out_exp, Operand **out_sum)
{
    Ranks ranks = {.n = 4, .at = {a->b, a->h, a->p, a->m}}, rows = {.n = 3, .at = {a->b, a->h, a->p}};
    Ranks over = {.n = 1, .at = {a->m}};
    Dtype type = a->sum_type;
    Operand *most, *sum;
    TRY(temporary(l, "_max", type, &rows, &most));
    ExprId from = lit(l, type, 0), v;
    only_where(l, reduce(l, most, RED_MAX, &over, at_ranks(l, s, ranks.at)), visible(l, a, false));
    ExprId top = at_ranks(l, most, rows.at);
    if (a->smooth)
        top = ex2(l, FN_MAX, top, from);
    if (a->may_empty)
        top = ex_select(l->cs, ex2(l, FN_EQ, top, lit(l, type, -INFINITY)), from, top);
    TRY(temporary(l, "_exp", type, &ranks, out_exp));
    define(l, *out_exp, ex1(l, FN_EXP, ex2(l, FN_SUB, at_ranks(l, s, ranks.at), top)));
    TRY(temporary(l, "_sum", type, &rows, &sum));
    only_where(l, reduce(l, sum, RED_SUM, &over, at_ranks(l, *out_exp, ranks.at)), visible(l, a, false));
    *out_sum = sum;
    if (!a->smooth)
        return WEIR_OK;
    TRY(temporary(l, "_total", type, &rows, out_sum));
    v = ex2(l, FN_ADD, at_ranks(l, sum, rows.at), ex1(l, FN_EXP, ex2(l, FN_SUB, from, top)));
    define(l, *out_sum, v);
    return WEIR_OK;
}

static ExprId quotient(Lowering *l, ExprId a, ExprId b)
{
    ExprId zero = lit(l, expr_at(l->cs, b)->type, 0);
    return ex_select(l->cs, ex2(l, FN_EQ, b, zero), zero, ex2(l, FN_DIV, a, b));
}

static weir_status result(Lowering *l, const Attend *a, Operand *av, Operand *sum)
{
    Operand *y;
    Ranks rows = {.n = 4, .at = {a->b, a->h, a->p, a->f}};
    int64_t width = a->v.width;
    if (!a->merged) {
        TRY(output(l, 0, a->type, &rows, &y));
        define(l, y, quotient(l, at_ranks(l, av, rows.at), at_ranks(l, sum, rows.at)));
        return WEIR_OK;
    }
    RankId z = new_rank(l, "z", a->q.heads * width);
    Ranks ranks = {.n = 3, .at = {a->b, a->p, z}};
    TRY(output(l, 0, a->type, &ranks, &y));
    const ExprId at[4] = {rk(l, a->b), ix_div(l, rk(l, z), width), rk(l, a->p), ix_mod(l, rk(l, z), width)};
    define(l, y, quotient(l, at_index(l, av, at), at_index(l, sum, at)));
    return WEIR_OK;
}

weir_status attend(Lowering *l, Attend *a)
{
    Operand *s, *e, *sum, *av;
    Ranks ranks = {.n = 4, .at = {a->b, a->h, a->p, a->m}}, rows = {.n = 4, .at = {a->b, a->h, a->p, a->f}};
    Ranks over = {.n = 1, .at = {a->m}};
    TRY(scores(l, a, &s));
    TRY(softmax(l, a, s, &e, &sum));
    TRY(temporary(l, "_av", a->sum_type, &rows, &av));
    ExprId v = heads_at(l, &a->v, rk(l, a->b), key_head(l, a), rk(l, a->m), rk(l, a->f));
    ExprId weight = at_ranks(l, e, ranks.at);
    StatementId id = reduce(l, av, RED_SUM, &over, ex2(l, FN_MUL, weight, cast(l, a->sum_type, v)));
    only_where(l, id, visible(l, a, false));
    ExprId seen = visible(l, a, true), p = quotient(l, weight, at_ranks(l, sum, ranks.at));
    TRY(scores_out(l, a, 3, seen.i == 0 ? p : ex_select(l->cs, seen, p, lit(l, a->sum_type, 0))));
    return result(l, a, av, sum);
}
