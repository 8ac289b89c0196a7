/*
 * frontend/lower/linear.c: layers with a state: LinearAttention as an iteration over the positions, CausalConvWithState
 * as a convolution behind the state. SwiGLU.
 */
#include <math.h>
#include <string.h>

#include "frontend/lower/attention.h"
#include "frontend/lower/families.h"
#include "frontend/lower/region.h"

/* ---- LinearAttention ---- */

typedef struct Linear {
    Heads q, k, v;
    Operand *past, *decay, *beta;
    int64_t group;
    bool per_key; /* the decay has an entry for each key element */
    double scale;
    RankId b, h, g, e, f, t; /* key head, query head, key element, value element, step */
    Dtype type;
    TensorId state;
} Linear;

static weir_status linear_form(Lowering *l, Linear *a)
{
    const char *rule = attr_text(l, "update_rule", "gated_delta");
    bool gated = strcmp(rule, "gated") == 0 || strcmp(rule, "gated_delta") == 0;
    bool delta = strcmp(rule, "delta") == 0 || strcmp(rule, "gated_delta") == 0;
    if (!gated && !delta && strcmp(rule, "linear") != 0)
        return invalid(l, "update_rule '%s'", rule);
    if (gated != (a->decay != NULL) || delta != (a->beta != NULL))
        return invalid(l, "update_rule '%s' does not fit the inputs decay and beta", rule);
    int64_t heads = attr_int(l, "q_num_heads", 0), kv = attr_int(l, "kv_num_heads", 0);
    for (uint32_t k = 0; k < 3; k++)
        TRY(want_rank(l, l->in[k], 3, 3));
    TRY(heads_of(l, l->in[0], heads, &a->q));
    TRY(heads_of(l, l->in[1], kv, &a->k));
    TRY(heads_of(l, l->in[2], kv, &a->v));
    int64_t b = a->q.batch, s = a->q.positions;
    if (heads % kv != 0 || a->k.batch != b || a->v.batch != b || a->k.positions != s || a->v.positions != s ||
        a->k.width != a->q.width)
        return invalid(l, "queries, keys and values do not fit");
    a->group = heads / kv;
    const Operand *p = a->past, *d = a->decay, *beta = a->beta;
    if (p != NULL && (p->n_dims != 4 || p->extent[0] != b || p->extent[1] != kv || p->extent[2] != a->k.width ||
                      p->extent[3] != a->v.width || !is_float(p->type)))
        return invalid(l, "the state %s does not fit", shape_text(l, p));
    a->per_key = d != NULL && d->n_dims == 3 && d->extent[2] != kv;
    if (d != NULL && (d->n_dims != 3 || d->extent[0] != b || d->extent[1] != s || !is_float(d->type) ||
                      (d->extent[2] != kv && d->extent[2] != kv * a->k.width)))
        return invalid(l, "the decay %s does not fit", shape_text(l, d));
    if (beta != NULL && (beta->n_dims != 3 || beta->extent[0] != b || beta->extent[1] != s || !is_float(beta->type) ||
                         (beta->extent[2] != kv && beta->extent[2] != 1)))
        return invalid(l, "beta %s does not fit", shape_text(l, beta));
    a->scale = attr_float(l, "scale", 0);
    if (a->scale == 0)
        a->scale = 1 / sqrt((double)a->k.width);
    a->type = DT_F32;
    return WEIR_OK;
}

static ExprId step_at(Lowering *l, const Linear *a, const Heads *x, ExprId head, RankId element)
{
    return cast(l, a->type, heads_at(l, x, rk(l, a->b), head, rk(l, a->t), rk(l, element)));
}

/* What a key adds: v, or beta (v - the value that the state holds for the key). */
static weir_status update(Lowering *l, Linear *a, Operand *decayed, Operand **out)
{
    Ranks rows = {.n = 3, .at = {a->b, a->h, a->f}}, over = {.n = 1, .at = {a->e}};
    const RankId all[4] = {a->b, a->h, a->e, a->f};
    ExprId v = step_at(l, a, &a->v, rk(l, a->h), a->f);
    if (a->beta != NULL) {
        Operand *held;
        TRY(temporary(l, "_held", a->type, &rows, &held));
        ExprId key = step_at(l, a, &a->k, rk(l, a->h), a->e);
        reduce(l, held, RED_SUM, &over, ex2(l, FN_MUL, at_ranks(l, decayed, all), key));
        const ExprId at[3] = {rk(l, a->b), rk(l, a->t), a->beta->extent[2] == 1 ? num(l, 0) : rk(l, a->h)};
        ExprId rate = cast(l, a->type, at_index(l, a->beta, at));
        v = ex2(l, FN_MUL, rate, ex2(l, FN_SUB, v, at_ranks(l, held, rows.at)));
    }
    TRY(temporary(l, "_update", a->type, &rows, out));
    define(l, *out, v);
    return WEIR_OK;
}

static weir_status linear_step(Lowering *l, Linear *a, Operand *rows)
{
    Ranks state = {.n = 4, .at = {a->b, a->h, a->e, a->f}}, over = {.n = 1, .at = {a->e}};
    Operand *decayed, *add;
    ExprId v = at_carried(l, a->state, rk(l, a->t), state.at);
    TRY(temporary(l, "_decayed", a->type, &state, &decayed));
    if (a->decay != NULL) {
        ExprId column = rk(l, a->h);
        if (a->per_key)
            column = ix_add(l, ex_scale(l->cs, a->k.width, column), rk(l, a->e));
        const ExprId at[3] = {rk(l, a->b), rk(l, a->t), column};
        v = ex2(l, FN_MUL, ex1(l, FN_EXP, cast(l, a->type, at_index(l, a->decay, at))), v);
    }
    define(l, decayed, v);
    TRY(update(l, a, decayed, &add));
    const RankId row[3] = {a->b, a->h, a->f};
    ExprId key = step_at(l, a, &a->k, rk(l, a->h), a->e);
    v = ex2(l, FN_ADD, at_ranks(l, decayed, state.at), ex2(l, FN_MUL, key, at_ranks(l, add, row)));
    define_carried(l, a->state, next_step(l, a->t), v);
    const ExprId read[5] = {next_step(l, a->t), rk(l, a->b), ix_div(l, rk(l, a->g), a->group), rk(l, a->e), rk(l, a->f)};
    v = ex2(l, FN_MUL, step_at(l, a, &a->q, rk(l, a->g), a->e), ex_access(l->cs, a->state, 5, read));
    const ExprId target[4] = {rk(l, a->t), rk(l, a->b), rk(l, a->g), rk(l, a->f)};
    reduce_at(l, rows, target, RED_SUM, &over, v);
    return WEIR_OK;
}

weir_status lower_linear_attention(Lowering *l)
{
    Linear a = {.past = input(l, 3), .decay = input(l, 4), .beta = input(l, 5)};
    Operand *y;
    TRY(linear_form(l, &a));
    a.b = dim_rank(l, a.q.op, 0);
    a.h = new_rank(l, "h", a.k.heads);
    a.g = new_rank(l, "g", a.q.heads);
    a.e = new_rank(l, "e", a.k.width);
    a.f = new_rank(l, "f", a.v.width);
    Operand *const read[] = {a.q.op, a.k.op, a.v.op, a.past, a.decay, a.beta};
    for (size_t k = 0; k < sizeof read / sizeof *read; k++)
        if (read[k] != NULL)
            tensor_of(l, read[k]);
    Ranks state = {.n = 4, .at = {a.b, a.h, a.e, a.f}}, out = {.n = 3, .at = {a.b, a.g, a.f}};
    a.t = iterate_open(l, a.q.positions);
    a.state = carried(l, "_state", a.type, a.t, true, &state);
    define_carried(l, a.state, num(l, 0), a.past == NULL ? lit(l, a.type, 0) : cast(l, a.type, at_ranks(l, a.past, state.at)));
    Operand rows = {.type = a.type, .n_dims = 4, .tensor = carried(l, "_rows", a.type, a.t, false, &out)};
    weir_status status = linear_step(l, &a, &rows);
    iterate_close(l, a.t, (TensorId){0}, (ExprId){0});
    TRY(status);
    RankId s = new_rank(l, "s", a.q.positions), z = new_rank(l, "z", a.q.heads * a.v.width);
    Ranks ranks = {.n = 3, .at = {a.b, s, z}};
    TRY(output(l, 0, l->in[0]->type, &ranks, &y));
    const ExprId at[4] = {rk(l, s), rk(l, a.b), ix_div(l, rk(l, z), a.v.width), ix_mod(l, rk(l, z), a.v.width)};
    define(l, y, ex2(l, FN_MUL, lit(l, a.type, a.scale), ex_access(l->cs, rows.tensor, 4, at)));
    if (!out_wanted(l, 1))
        return WEIR_OK;
    TRY(output(l, 1, a.past == NULL ? l->in[0]->type : a.past->type, &state, &y));
    define(l, y, at_carried(l, a.state, ex_count(l->cs, a.t), state.at));
    return WEIR_OK;
}

/* ---- CausalConvWithState ---- */

weir_status lower_causal_conv(Lowering *l)
{
    Operand *x = l->in[0], *w = l->in[1], *bias = input(l, 2), *past = input(l, 3), *all, *sum, *y;
    const char *act = attr_text(l, "activation", "none");
    bool silu = strcmp(act, "silu") == 0 || strcmp(act, "swish") == 0;
    if (!silu && strcmp(act, "none") != 0)
        return invalid(l, "activation '%s'", act);
    TRY(want_float(l, x));
    TRY(want_same_type(l, x, w));
    TRY(want_rank(l, x, 3, 3));
    TRY(want_rank(l, w, 3, 3));
    TRY(want_static(l, x));
    int64_t before = w->extent[2] - 1, length = x->extent[2];
    if (w->extent[0] != x->extent[1] || w->extent[1] != 1 || before < 0)
        return invalid(l, "the weights %s do not fit", shape_text(l, w));
    if (past != NULL && (past->n_dims != 3 || past->type != x->type || past->extent[0] != x->extent[0] ||
                         past->extent[1] != x->extent[1] || past->extent[2] != before))
        return invalid(l, "the state %s does not fit", shape_text(l, past));
    if (bias != NULL && (bias->n_dims != 1 || bias->type != x->type || bias->extent[0] != x->extent[1]))
        return invalid(l, "the bias %s does not fit", shape_text(l, bias));
    Ranks own, ranks;
    ranks_of(l, x, &own);
    Dtype type = wide(x->type);
    RankId b = own.at[0], c = own.at[1], i = own.at[2], p = new_rank(l, "p", before), r = new_rank(l, "r", before + 1);
    ranks = (Ranks){.n = 3, .at = {b, c, new_rank(l, "z", before + length)}};
    TRY(temporary(l, "_padded", x->type, &ranks, &all));
    declare_line(l, all);
    ExprId at[3] = {rk(l, b), rk(l, c), rk(l, p)};
    if (before != 0)
        define_at(l, all, at, past == NULL ? lit(l, x->type, 0) : at_index(l, past, at));
    at[2] = ix_affine(l, 1, i, before);
    define_at(l, all, at, at_ranks(l, x, own.at));
    Ranks over = {.n = 1, .at = {r}};
    TRY(temporary(l, "_conv", type, &own, &sum));
    at[2] = ix_add(l, rk(l, i), rk(l, r));
    const ExprId weight[3] = {rk(l, c), num(l, 0), rk(l, r)};
    reduce(l, sum, RED_SUM, &over, ex2(l, FN_MUL, at_index(l, w, weight), at_index(l, all, at)));
    TRY(output(l, 0, x->type, &own, &y));
    ExprId v = at_ranks(l, sum, own.at);
    if (bias != NULL)
        v = ex2(l, FN_ADD, v, cast(l, type, at_ranks(l, bias, &c)));
    if (silu)
        v = ex2(l, FN_MUL, v, ex1(l, FN_SIGMOID, v));
    define(l, y, v);
    if (!out_wanted(l, 1))
        return WEIR_OK;
    ranks.at[2] = p;
    TRY(output(l, 1, x->type, &ranks, &y));
    at[2] = ix_affine(l, 1, p, length);
    define(l, y, at_index(l, all, at));
    return WEIR_OK;
}

/* ---- SwiGLU ---- */

weir_status lower_swiglu(Lowering *l)
{
    Operand *ops[2] = {l->in[0], l->in[1]}, *y;
    Ranks ranks;
    ExprId v;
    TRY(want_float(l, ops[0]));
    TRY(want_same_type(l, ops[0], ops[1]));
    TRY(broadcast(l, 2, ops, &ranks));
    Dtype type = wide(ops[0]->type);
    TRY(output(l, 0, ops[0]->type, &ranks, &y));
    TRY(activation(l, "Swish", attr_float(l, "alpha", 1), NAN, cast(l, type, at_broadcast(l, ops[0], &ranks)), &v));
    define(l, y, ex2(l, FN_MUL, v, cast(l, type, at_broadcast(l, ops[1], &ranks))));
    return WEIR_OK;
}
