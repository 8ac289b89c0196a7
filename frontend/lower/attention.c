/*
 * frontend/lower/attention.c: Attention and RotaryEmbedding of ai.onnx.
 */
#include <math.h>

#include "frontend/lower/attention.h"
#include "frontend/lower/control.h"
#include "frontend/lower/families.h"

/* ---- RotaryEmbedding ---- */

/* A cache at position s and column `u`. */
static ExprId cache_at(Lowering *l, const Rotary *r, Operand *cache, RankId b, RankId s, RankId u)
{
    Operand *positions = r->positions;
    ExprId column = rk(l, u), place = rk(l, s);
    if (cache->n_dims == 3)
        return at_index(l, cache, (ExprId[]){cache->extent[0] == 1 ? num(l, 0) : rk(l, b), place, column});
    if (positions != NULL) {
        ExprId row = positions->n_dims > 0 && positions->extent[0] == 1 ? num(l, 0) : rk(l, b);
        if (positions->n_dims == 2)
            place = at_index(l, positions, (ExprId[]){row, place});
        else
            place = ex2(l, FN_ADD, at_index(l, positions, &row), place);
    }
    return at_index(l, cache, (ExprId[]){place, column});
}

static weir_status check_caches(Lowering *l, const Heads *x, const Rotary *r, int64_t width)
{
    const Operand *caches[2] = {r->cosine, r->sine}, *positions = r->positions;
    for (int k = 0; k < 2; k++) {
        const Operand *c = caches[k];
        TRY(want_same_type(l, x->op, c));
        TRY(want_rank(l, c, 2, 3));
        TRY(want_static(l, c));
        bool fits = c->extent[c->n_dims - 1] == width / 2;
        if (c->n_dims == 3)
            fits = fits && positions == NULL && (c->extent[0] == x->batch || c->extent[0] == 1) &&
                   c->extent[1] == x->positions;
        else if (positions == NULL)
            fits = fits && c->extent[0] >= x->positions;
        if (!fits)
            return invalid(l, "the cache %s does not fit", shape_text(l, c));
    }
    if (positions == NULL)
        return WEIR_OK;
    TRY(want_rank(l, positions, 1, 2));
    bool fits = positions->extent[0] == x->batch || positions->extent[0] == 1;
    if (!fits || !dtype_is_int(positions->type) || (positions->n_dims == 2 && positions->extent[1] != x->positions))
        return invalid(l, "the positions %s do not fit", shape_text(l, positions));
    return WEIR_OK;
}

weir_status rotate(Lowering *l, const Heads *x, const Rotary *r, Operand **out)
{
    int64_t width = r->width == 0 ? x->width : r->width;
    if (width < 2 || width > x->width || width % 2 != 0)
        return invalid(l, "%lld rotated elements of %lld", (long long)width, (long long)x->width);
    TRY(check_caches(l, x, r, width));
    Ranks ranks = {0};
    RankId b = ranks_add_distinct(l, &ranks, heads_batch(l, x), "b", x->batch);
    RankId h = ranks_add_distinct(l, &ranks, x->form == HEADS_APART ? dim_rank(l, x->op, 1) : (RankId){0}, "h", x->heads);
    RankId s = ranks_add_distinct(l, &ranks, heads_position(l, x), "p", x->positions);
    ranks_add_distinct(l, &ranks, heads_element(l, x), "e", x->width);
    RankId u = new_rank(l, "u", width / 2);
    Dtype type = wide(x->op->type);
    TRY(temporary(l, "_rotated", x->op->type, &ranks, out));
    declare_line(l, *out);
    ExprId first = r->interleaved ? ix_affine(l, 2, u, 0) : rk(l, u);
    ExprId second = r->interleaved ? ix_affine(l, 2, u, 1) : ix_affine(l, 1, u, width / 2);
    ExprId at[4] = {rk(l, b), rk(l, h), rk(l, s), first};
    ExprId re = cast(l, type, heads_at(l, x, at[0], at[1], at[2], first));
    ExprId im = cast(l, type, heads_at(l, x, at[0], at[1], at[2], second));
    ExprId c = cast(l, type, cache_at(l, r, r->cosine, b, s, u)), v = cast(l, type, cache_at(l, r, r->sine, b, s, u));
    define_at(l, *out, at, ex2(l, FN_SUB, ex2(l, FN_MUL, c, re), ex2(l, FN_MUL, v, im)));
    at[3] = second;
    define_at(l, *out, at, ex2(l, FN_ADD, ex2(l, FN_MUL, v, re), ex2(l, FN_MUL, c, im)));
    if (width == x->width)
        return WEIR_OK;
    at[3] = ix_affine(l, 1, new_rank(l, "u", x->width - width), width);
    define_at(l, *out, at, heads_at(l, x, at[0], at[1], at[2], at[3]));
    return WEIR_OK;
}

/* The parameter: 1: com.microsoft, whose inputs are x, positions, cosines, sines. */
weir_status lower_rotary_embedding(Lowering *l)
{
    bool contrib = l->row->parameter == 1;
    Heads x;
    Operand *y;
    Rotary r = {.cosine = l->in[contrib ? 2 : 1], .sine = l->in[contrib ? 3 : 2], .positions = input(l, contrib ? 1 : 3)};
    r.width = attr_int(l, "rotary_embedding_dim", 0);
    r.interleaved = attr_int(l, "interleaved", 0) != 0;
    if (attr_int(l, "is_packed_batching", 0) != 0 || attr_float(l, "scale", 1) != 1)
        return unsupported(l, "packed batches or a scale");
    int64_t heads = attr_int(l, "num_heads", 0);
    if (heads == 0 && contrib && l->in[0]->n_dims == 3) { /* the caches tell the width */
        int64_t width = r.cosine->n_dims == 2 ? 2 * r.cosine->extent[1] : 0;
        heads = width > 0 && r.width == 0 ? l->in[0]->extent[2] / width : 0;
    }
    TRY(heads_of(l, l->in[0], l->in[0]->n_dims == 4 ? 0 : heads, &x));
    TRY(rotate(l, &x, &r, &y));
    if (x.form == HEADS_MERGED)
        return heads_merge(l, y);
    output_alias(l, 0, y);
    return WEIR_OK;
}

/* ---- Attention ---- */

static weir_status softmax_type(Lowering *l, Dtype *out)
{
    Dtype given = dtype_from_onnx((int)attr_int(l, "softmax_precision", 1));
    if (!is_float(given))
        return invalid(l, "softmax_precision");
    *out = given == DT_F64 ? DT_F64 : wide(l->in[0]->type);
    return WEIR_OK;
}

weir_status lower_attention(Lowering *l)
{
    int64_t q_heads = attr_int(l, "q_num_heads", 0), kv_heads = attr_int(l, "kv_num_heads", 0);
    Operand *past = input(l, 4), *lengths = input(l, 6);
    Attend a = {.scores_mode = -1, .merged = l->in[0]->n_dims == 3, .causal = attr_int(l, "is_causal", 0) != 0};
    if ((past == NULL) != (input(l, 5) == NULL))
        return invalid(l, "a past of keys without one of values");
    TRY(softmax_type(l, &a.sum_type));
    TRY(heads_of(l, l->in[0], q_heads, &a.q));
    TRY(heads_of(l, l->in[1], kv_heads, &a.k));
    TRY(heads_of(l, l->in[2], kv_heads, &a.v));
    TRY(heads_join(l, &a.k, past, 1));
    TRY(heads_join(l, &a.v, input(l, 5), 2));
    TRY(attend_open(l, &a));
    a.offset = past == NULL ? 0 : past->extent[2];
    a.left = attr_int(l, "left_window_size", -1);
    a.right = attr_int(l, "right_window_size", -1);
    a.scale = attr(l, "scale") == NULL ? 1 / sqrt((double)a.q.width) : attr_float(l, "scale", 1);
    a.softcap = attr_float(l, "softcap", 0);
    if (out_wanted(l, 3))
        a.scores_mode = attr_int(l, "qk_matmul_output_mode", 0);
    if (a.scores_mode < -1 || a.scores_mode > 3)
        return invalid(l, "qk_matmul_output_mode %lld", (long long)a.scores_mode);
    TRY(attend_mask(l, &a, input(l, 3), true));
    if (lengths != NULL) {
        TRY(lengths_plus(l, a.b, "_length", lengths, 0, &a.lengths));
        if (past == NULL && (a.causal || a.left >= 0 || a.right >= 0))
            TRY(lengths_plus(l, a.b, "_offset", lengths, -a.q.positions, &a.offsets));
    }
    return attend(l, &a);
}

/* ---- FlexAttention ---- */

/* x through the graph that an attribute holds, if there is one. */
static weir_status modified(Lowering *l, const char *name, Operand **x)
{
    const Attribute *a = attr(l, name);
    Operand *y = NULL;
    if (a == NULL)
        return WEIR_OK;
    if (a->graph->n_inputs != 1 || a->graph->n_outputs != 1)
        return invalid(l, "the graph '%s' must have one input and one output", name);
    TRY(walk_subgraph(l, a->graph, 1, x, &y));
    if (y->poisoned)
        return WEIR_UNSUPPORTED; /* reported */
    bool same = y->type == (*x)->type && y->n_dims == 4;
    for (uint32_t d = 0; same && d < 4; d++)
        same = y->extent[d] == (*x)->extent[d] && !dim_runtime(l, y, d);
    if (!same)
        return invalid(l, "the graph '%s' gives %s for %s", name, shape_text(l, y), shape_text(l, *x));
    *x = y;
    return WEIR_OK;
}

weir_status lower_flex_attention(Lowering *l)
{
    Attend a = {.sum_type = wide(l->in[0]->type)};
    Operand *raw, *s, *p, *sum, *y;
    for (uint32_t k = 0; k < 3; k++)
        TRY(want_rank(l, l->in[k], 4, 4));
    TRY(softmax_type(l, &a.sum_type));
    TRY(heads_of(l, l->in[0], 0, &a.q));
    TRY(heads_of(l, l->in[1], 0, &a.k));
    TRY(heads_of(l, l->in[2], 0, &a.v));
    TRY(attend_open(l, &a));
    a.scale = attr(l, "scale") == NULL ? 1 / sqrt((double)a.q.width) : attr_float(l, "scale", 1);
    Ranks points = {.n = 4, .at = {a.b, a.h, a.p, a.m}}, rows = {.n = 4, .at = {a.b, a.h, a.p, a.f}};
    Ranks over_e = {.n = 1, .at = {a.e}}, over_m = {.n = 1, .at = {a.m}};
    ExprId b = rk(l, a.b), h = rk(l, a.h), m = rk(l, a.m), key = ix_div(l, h, a.group);
    TRY(temporary(l, "_qk", a.sum_type, &points, &raw));
    ExprId q = heads_at(l, &a.q, b, h, rk(l, a.p), rk(l, a.e)), k = heads_at(l, &a.k, b, key, m, rk(l, a.e));
    reduce(l, raw, RED_SUM, &over_e, ex2(l, FN_MUL, cast(l, a.sum_type, q), cast(l, a.sum_type, k)));
    TRY(temporary(l, "_scores", a.type, &points, &s));
    define(l, s, ex2(l, FN_MUL, at_ranks(l, raw, points.at), lit(l, a.sum_type, a.scale)));
    TRY(modified(l, "score_mod", &s));
    Lowering inner = *l;
    inner.opset = 13;
    TRY(compose(&inner, "Softmax", lower_softmax, SOFTMAX, 1, &s, &p));
    TRY(modified(l, "prob_mod", &p));
    TRY(temporary(l, "_av", a.sum_type, &rows, &sum));
    ExprId v = heads_at(l, &a.v, b, key, m, rk(l, a.f));
    v = ex2(l, FN_MUL, cast(l, a.sum_type, at_ranks(l, p, points.at)), cast(l, a.sum_type, v));
    reduce(l, sum, RED_SUM, &over_m, v);
    TRY(output(l, 0, a.type, &rows, &y));
    define(l, y, at_ranks(l, sum, rows.at));
    return WEIR_OK;
}
