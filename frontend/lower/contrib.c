/*
 * frontend/lower/contrib.c: operators of com.microsoft that are compositions of others.
 */
#include <math.h>
#include <string.h>

#include "frontend/lower/families.h"

/* FastGelu, BiasGelu: Gelu of the sum with a bias. */
weir_status lower_bias_gelu(Lowering *l)
{
    Operand *x = l->in[0], *bias = input(l, 1), *y;
    TRY(want_float(l, x));
    Ranks ranks;
    ranks_of(l, x, &ranks);
    Dtype type = wide(x->type);
    ExprId v = cast(l, type, at_ranks(l, x, ranks.at));
    if (bias != NULL) {
        TRY(want_same_type(l, x, bias));
        if (bias->n_dims != 1 || x->n_dims == 0 || bias->extent[0] != x->extent[x->n_dims - 1])
            return invalid(l, "the bias %s does not fit", shape_text(l, bias));
        v = ex2(l, FN_ADD, v, cast(l, type, at_ranks(l, bias, &ranks.at[ranks.n - 1])));
    }
    TRY(output(l, 0, x->type, &ranks, &y));
    TRY(activation(l, strcmp(l->row->name, "FastGelu") == 0 ? "FastGelu" : "Gelu", NAN, NAN, v, &v));
    define(l, y, v);
    return WEIR_OK;
}

/* Layer normalisation of X + skip (+ bias); output 3 is that sum. The parameter: 1: without mean (RMS). */
weir_status lower_skip_layer_norm(Lowering *l)
{
    bool rms = l->row->parameter == 1;
    Operand *terms[3] = {l->in[0], l->in[1], input(l, rms ? 3 : 4)}, *sum;
    uint32_t n = terms[2] == NULL ? 2 : 3;
    TRY(want_float(l, terms[0]));
    Ranks ranks;
    TRY(broadcast(l, n, terms, &ranks));
    for (uint32_t k = 1; k < n; k++)
        TRY(want_same_type(l, terms[0], terms[k]));
    if (out_wanted(l, 3))
        TRY(output(l, 3, terms[0]->type, &ranks, &sum));
    else
        TRY(temporary(l, "_skip", terms[0]->type, &ranks, &sum));
    Dtype type = wide(sum->type);
    ExprId v = cast(l, type, at_broadcast(l, terms[0], &ranks));
    for (uint32_t k = 1; k < n; k++)
        v = ex2(l, FN_ADD, v, cast(l, type, at_broadcast(l, terms[k], &ranks)));
    define(l, sum, v);
    Lowering inner = *l;
    Operand *in[3] = {sum, l->in[2], rms ? NULL : input(l, 3)};
    inner.in = in;
    inner.n_in = 3;
    return lower_layer_norm(&inner);
}

/* ---- losses ---- */

typedef struct Loss {
    Operand *x, *target, *weight; /* x: log probabilities [n, c, ..] */
    Ranks own, points;            /* of x; of the target [n, ..] */
    bool ignores;
    int64_t ignored;
} Loss;

static ExprId target_at(Lowering *l, const Loss *s)
{
    return at_ranks(l, s->target, s->points.at);
}

/* The weight of a point's class: 0 where it is ignored. */
static ExprId weight_at(Lowering *l, const Loss *s)
{
    ExprId t = target_at(l, s), one = lit(l, s->x->type, 1), w = one;
    if (s->weight != NULL)
        w = at_pad(l, s->weight, &t, lit(l, s->x->type, 0));
    if (!s->ignores)
        return w;
    ExprId out = ex2(l, FN_EQ, cast(l, DT_I64, t), num(l, s->ignored));
    return ex_select(l->cs, out, lit(l, s->x->type, 0), w);
}

static weir_status loss_points(Lowering *l, Loss *s, const char *reduction)
{
    Operand *each, *total, *weights, *y;
    Ranks none = {0};
    bool all = strcmp(reduction, "none") == 0, mean = strcmp(reduction, "mean") == 0;
    if (!all && !mean && strcmp(reduction, "sum") != 0)
        return invalid(l, "reduction '%s'", reduction);
    Dtype type = s->x->type;
    if (all)
        TRY(output(l, 0, type, &s->points, &each));
    else
        TRY(temporary(l, "_loss", type, &s->points, &each));
    ExprId index[MAX_DIMS], t = target_at(l, s);
    for (uint32_t d = 0; d < s->own.n; d++)
        index[d] = rk(l, s->points.at[d < 1 ? d : d - 1]);
    index[1] = t;
    ExprId picked = at_pad(l, s->x, index, lit(l, type, 0)), w = weight_at(l, s);
    ExprId loss = ex2(l, FN_MUL, ex1(l, FN_NEG, picked), w);
    if (s->ignores) /* an ignored class is outside the scores, which may be infinite */
        loss = ex_select(l->cs, ex2(l, FN_EQ, cast(l, DT_I64, t), num(l, s->ignored)), lit(l, type, 0), loss);
    define(l, each, loss);
    if (all)
        return WEIR_OK;
    Dtype wider = wide(type);
    TRY(temporary(l, "_total", wider, &none, &total));
    reduce(l, total, RED_SUM, &s->points, at_ranks(l, each, s->points.at));
    if (mean) {
        TRY(temporary(l, "_weights", wider, &none, &weights));
        reduce(l, weights, RED_SUM, &s->points, weight_at(l, s));
    }
    TRY(output(l, 0, type, &none, &y));
    ExprId v = at_ranks(l, total, NULL);
    define(l, y, mean ? ex2(l, FN_DIV, v, at_ranks(l, weights, NULL)) : v);
    return WEIR_OK;
}

static weir_status loss_of(Lowering *l, Operand *x, Loss *s)
{
    *s = (Loss){.x = x, .target = l->in[1], .weight = input(l, 2), .ignores = attr(l, "ignore_index") != NULL,
                .ignored = attr_int(l, "ignore_index", 0)};
    TRY(want_rank(l, x, 2, MAX_DIMS));
    TRY(want_rank(l, s->target, x->n_dims - 1, x->n_dims - 1));
    for (uint32_t d = 0; d < s->target->n_dims; d++)
        if (s->target->extent[d] != x->extent[d < 1 ? d : d + 1])
            return invalid(l, "the targets %s do not fit %s", shape_text(l, s->target), shape_text(l, x));
    if (s->target->type != DT_I32 && s->target->type != DT_I64)
        return invalid(l, "the targets must be i32 or i64");
    if (s->weight != NULL) {
        TRY(want_same_type(l, x, s->weight));
        if (s->weight->n_dims != 1 || s->weight->extent[0] != x->extent[1])
            return invalid(l, "the weights %s do not fit", shape_text(l, s->weight));
    }
    ranks_of(l, x, &s->own);
    for (uint32_t d = 0; d < s->own.n; d++)
        if (d != 1)
            ranks_add(&s->points, s->own.at[d]);
    return WEIR_OK;
}

weir_status lower_nll_loss(Lowering *l)
{
    Loss s;
    TRY(want_float(l, l->in[0]));
    TRY(loss_of(l, l->in[0], &s));
    return loss_points(l, &s, attr_text(l, "reduction", "mean"));
}

weir_status lower_softmax_loss(Lowering *l)
{
    Operand *x = l->in[0], *m, *shifted, *sum, *logs;
    TRY(want_float(l, x));
    TRY(want_rank(l, x, 2, MAX_DIMS));
    Dtype type = wide(x->type);
    Ranks own, kept = {0}, over = {0};
    ranks_of(l, x, &own);
    for (uint32_t d = 0; d < own.n; d++)
        ranks_add(d == 1 ? &over : &kept, own.at[d]);
    TRY(temporary(l, "_max", x->type, &kept, &m));
    reduce(l, m, RED_MAX, &over, at_ranks(l, x, own.at));
    TRY(temporary(l, "_shift", type, &own, &shifted));
    define(l, shifted, ex2(l, FN_SUB, cast(l, type, at_ranks(l, x, own.at)), cast(l, type, at_ranks(l, m, kept.at))));
    TRY(temporary(l, "_sum", type, &kept, &sum));
    reduce(l, sum, RED_SUM, &over, ex1(l, FN_EXP, at_ranks(l, shifted, own.at)));
    if (out_wanted(l, 1))
        TRY(output(l, 1, x->type, &own, &logs));
    else
        TRY(temporary(l, "_logs", x->type, &own, &logs));
    define(l, logs, ex2(l, FN_SUB, at_ranks(l, shifted, own.at), ex1(l, FN_LOG, at_ranks(l, sum, kept.at))));
    Loss s;
    TRY(loss_of(l, logs, &s));
    return loss_points(l, &s, attr_text(l, "reduction", "mean"));
}
