/*
 * frontend/lower/conv.c: convolution: one sum of products over channels and taps, the bias as a second statement.
 *
 * Keep: one formula for all extents; the border is `?0` where an index can leave the input. One group reads the
 *       input's own channels; a depthwise convolution reads `o + g` with g of extent 1; other groups are computed as
 *       [n, g, og, ..] and moved to [n, o, ..].
 */
#include <math.h>
#include <string.h>

#include "frontend/lower/families.h"
#include "frontend/lower/product.h"

weir_status conv_check(Lowering *l, Conv *c)
{
    TRY(want_rank(l, c->x, 2, MAX_DIMS));
    TRY(want_rank(l, c->w, c->x->n_dims, c->x->n_dims));
    c->groups = attr_int(l, "group", 1);
    c->outputs = c->w->extent[0];
    c->inputs = c->w->extent[1];
    if (c->groups < 1 || c->outputs % c->groups != 0 || c->inputs > INT64_MAX / c->groups ||
        c->inputs * c->groups != c->x->extent[1])
        return invalid(l, "%lld groups do not fit input %s and weights %s", (long long)c->groups,
                       shape_text(l, c->x), shape_text(l, c->w));
    if (c->b != NULL) {
        if (c->b->n_dims != 1 || c->b->extent[0] != c->outputs)
            return invalid(l, "the bias %s does not fit %lld output channels", shape_text(l, c->b),
                           (long long)c->outputs);
    }
    return window_of(l, c->x, c->w->extent + 2, &c->window);
}

static void make_ranks(Lowering *l, Conv *c, bool new_channels)
{
    tensor_of(l, c->x);
    c->n = dim_rank(l, c->x, 0);
    c->o = dim_rank(l, c->w, 0);
    if (new_channels && (c->o.i == 0 || rank_same(c->o, c->n) || rank_same(c->o, dim_rank(l, c->x, 1))))
        c->o = new_rank(l, "o", c->outputs);
    for (uint32_t d = 0; d < c->window.n; d++) {
        ranks_add(&c->out, new_rank(l, spatial_names[d], c->window.out[d]));
        ranks_add(&c->taps, new_rank(l, tap_names[d], c->window.kernel[d]));
    }
}

/* X[n, channel, i*s + r*d - p ..], with `?0` where needed. */
static ExprId input_at(Lowering *l, Conv *c, ExprId channel)
{
    ExprId index[MAX_DIMS] = {rk(l, c->n), channel};
    for (uint32_t d = 0; d < c->window.n; d++)
        index[d + 2] = window_index(l, &c->window, d, c->out.at[d], c->taps.at[d]);
    bool leaves = window_leaves(&c->window);
    if (c->zero_x == NULL)
        return leaves ? at_pad(l, c->x, index, lit(l, c->x->type, 0)) : at_index(l, c->x, index);
    /* the border is the zero point, so that it adds nothing */
    TensorId zero = tensor_of(l, c->zero_x);
    ExprId v = leaves ? ex_access_pad_tensor(l->cs, tensor_of(l, c->x), c->x->n_dims, index, zero)
                      : at_index(l, c->x, index);
    return ex2(l, FN_SUB, v, ex_access(l->cs, zero, 0, NULL));
}

static ExprId weight_at(Lowering *l, Conv *c, ExprId o, RankId o_rank, RankId channel)
{
    RankId hint[MAX_DIMS] = {o_rank, channel};
    ExprId index[MAX_DIMS] = {o, rk(l, channel)};
    for (uint32_t d = 0; d < c->window.n; d++) {
        hint[d + 2] = c->taps.at[d];
        index[d + 2] = rk(l, c->taps.at[d]);
    }
    declare_over(l, c->w, hint);
    ExprId v = at_index(l, c->w, index);
    if (c->zero_w == NULL)
        return v;
    declare_over(l, c->zero_w, c->zero_w->n_dims == 1 && count_of(c->zero_w) != 1 ? &o_rank : NULL);
    ExprId at = count_of(c->zero_w) == 1 ? num(l, 0) : o;
    return ex2(l, FN_SUB, v, at_index(l, c->zero_w, &at));
}

static weir_status result(Lowering *l, Conv *c, const Ranks *ranks, bool final, const char *suffix, Operand **out)
{
    return final ? output(l, 0, c->sum_type, ranks, out) : temporary(l, suffix, c->sum_type, ranks, out);
}

static weir_status one_statement(Lowering *l, Conv *c, bool final)
{
    bool depthwise = c->groups > 1;
    RankId channel = dim_rank(l, c->x, 1);
    Ranks ranks = {0}, over = {0};
    RankId o = depthwise ? channel : c->o;
    RankId reduced = depthwise ? new_rank(l, "g", 1) : channel;
    ranks_add(&ranks, c->n);
    ranks_add(&ranks, o);
    ranks_add(&over, reduced);
    for (uint32_t d = 0; d < c->window.n; d++) {
        ranks_add(&ranks, c->out.at[d]);
        ranks_add(&over, c->taps.at[d]);
    }
    TRY(result(l, c, &ranks, final, "_conv", &c->z));
    ExprId x = input_at(l, c, depthwise ? ix_add(l, rk(l, o), rk(l, reduced)) : rk(l, reduced));
    ExprId w = weight_at(l, c, rk(l, o), o, reduced);
    reduce(l, c->z, RED_SUM, &over, ex2(l, FN_MUL, x, w));
    return WEIR_OK;
}

/* [n, g, og, i, j], then moved to [n, o, i, j]. */
static weir_status grouped(Lowering *l, Conv *c, bool final)
{
    int64_t per_group = c->outputs / c->groups;
    RankId g = new_rank(l, "g", c->groups), og = new_rank(l, "og", per_group), cg = new_rank(l, "cg", c->inputs);
    Ranks ranks = {.n = 3, .at = {c->n, g, og}}, moved = {.n = 2, .at = {c->n, c->o}}, over = {.n = 1, .at = {cg}};
    for (uint32_t d = 0; d < c->window.n; d++) {
        ranks_add(&ranks, c->out.at[d]);
        ranks_add(&moved, c->out.at[d]);
        ranks_add(&over, c->taps.at[d]);
    }
    Operand *y;
    TRY(temporary(l, "_groups", c->sum_type, &ranks, &y));
    ExprId channel = ix_add(l, ex_scale(l->cs, c->inputs, rk(l, g)), rk(l, cg));
    ExprId x = input_at(l, c, channel);
    ExprId o = ix_add(l, ex_scale(l->cs, per_group, rk(l, g)), rk(l, og));
    ExprId w = weight_at(l, c, o, c->o, cg);
    reduce(l, y, RED_SUM, &over, ex2(l, FN_MUL, x, w));
    TRY(result(l, c, &moved, final, "_conv", &c->z));
    ExprId index[MAX_DIMS] = {rk(l, c->n), ix_div(l, rk(l, c->o), per_group), ix_mod(l, rk(l, c->o), per_group)};
    for (uint32_t d = 0; d < c->window.n; d++)
        index[d + 3] = rk(l, c->out.at[d]);
    define(l, c->z, at_index(l, y, index));
    return WEIR_OK;
}

/* Bias, addend Z and activation (com.microsoft FusedConv) after the sum. */
static weir_status epilogue(Lowering *l, Conv *c, Operand *addend, const char *act)
{
    Operand *y;
    Ranks ranks;
    ranks_of(l, c->z, &ranks);
    TRY(output(l, 0, c->type, &ranks, &y));
    ExprId v = at_ranks(l, c->z, ranks.at);
    if (c->b != NULL)
        v = ex2(l, FN_ADD, v, cast(l, c->sum_type, at_ranks(l, c->b, &ranks.at[1])));
    if (addend != NULL) {
        if (addend->n_dims != ranks.n || memcmp(addend->extent, y->extent, sizeof y->extent) != 0)
            return invalid(l, "the addend has shape %s, the result %s", shape_text(l, addend), shape_text(l, y));
        v = ex2(l, FN_ADD, v, cast(l, c->sum_type, at_ranks(l, addend, ranks.at)));
    }
    if (strcmp(act, "Clip") == 0) {
        const Attribute *a = attr(l, "activation_params");
        if (a == NULL || a->n != 2)
            return invalid(l, "Clip needs two activation_params");
        v = ex2(l, FN_MAX, v, lit(l, c->sum_type, (double)a->floats[0]));
        v = ex2(l, FN_MIN, v, lit(l, c->sum_type, (double)a->floats[1]));
    } else if (act[0] != 0) {
        const Attribute *a = attr(l, "activation_params");
        double alpha = a == NULL || a->n < 1 ? (double)NAN : (double)a->floats[0];
        double beta = a == NULL || a->n < 2 ? (double)NAN : (double)a->floats[1];
        TRY(activation(l, act, alpha, beta, v, &v));
    }
    define(l, y, v);
    return WEIR_OK;
}

weir_status conv_sum(Lowering *l, Conv *c, bool final)
{
    bool depthwise = c->groups > 1 && c->inputs == 1 && c->outputs == c->groups;
    make_ranks(l, c, !depthwise);
    return c->groups == 1 || depthwise ? one_statement(l, c, final) : grouped(l, c, final);
}

weir_status lower_conv(Lowering *l)
{
    Conv c = {.x = l->in[0], .w = l->in[1], .b = input(l, 2), .type = l->in[0]->type};
    Operand *addend = input(l, 3);
    const char *act = attr_text(l, "activation", "");
    c.sum_type = wide(c.type);
    TRY(want_float(l, c.x));
    TRY(want_same_type(l, c.x, c.w));
    if (c.b != NULL)
        TRY(want_same_type(l, c.x, c.b));
    TRY(conv_check(l, &c));
    bool final = c.b == NULL && addend == NULL && act[0] == 0 && c.sum_type == c.type;
    TRY(conv_sum(l, &c, final));
    return final ? WEIR_OK : epilogue(l, &c, addend, act);
}

weir_status lower_lrn(Lowering *l)
{
    Operand *x = l->in[0], *q, *y;
    int64_t size = attr_int(l, "size", 0);
    TRY(want_float(l, x));
    TRY(want_rank(l, x, 2, MAX_DIMS));
    if (size < 1 || size > 1 << 20)
        return invalid(l, "size %lld", (long long)size);
    Dtype in = wide(x->type);
    Ranks ranks, over = {0};
    ranks_of(l, x, &ranks);
    RankId k = ranks_add_distinct(l, &over, (RankId){0}, "k", size);
    TRY(temporary(l, "_squares", in, &ranks, &q));
    ExprId index[MAX_DIMS];
    for (uint32_t d = 0; d < ranks.n; d++)
        index[d] = rk(l, ranks.at[d]);
    index[1] = ex_offset(l->cs, ix_add(l, index[1], rk(l, k)), -((size - 1) / 2));
    ExprId v = at_pad(l, x, index, lit(l, x->type, 0));
    reduce(l, q, RED_SUM, &over, ex2(l, FN_MUL, v, v));
    TRY(output(l, 0, x->type, &ranks, &y));
    double alpha = attr_float(l, "alpha", 0.0001), beta = attr_float(l, "beta", 0.75);
    ExprId scaled = ex2(l, FN_MUL, lit(l, in, alpha / (double)size), at_ranks(l, q, ranks.at));
    ExprId base = ex2(l, FN_ADD, lit(l, in, attr_float(l, "bias", 1)), scaled);
    ExprId root = ex2(l, FN_POW, base, lit(l, in, beta));
    define(l, y, ex2(l, FN_DIV, cast(l, in, at_ranks(l, x, ranks.at)), root));
    return WEIR_OK;
}
