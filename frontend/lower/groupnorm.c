/*
 * frontend/lower/groupnorm.c: normalisation by groups of channels, mean-variance and Lp normalisation.
 */
#include <math.h>

#include "frontend/lower/families.h"

typedef struct Group {
    Operand *x, *mean, *deviation, *inverse;
    Dtype type;
    int64_t channels; /* of a group */
    Ranks own, kept, over; /* kept: [n, g]; over: [k, ..] */
} Group;

/* x or the deviation at channel K*g + k. */
static ExprId in_group(Lowering *l, Group *s, Operand *op)
{
    ExprId index[MAX_DIMS];
    for (uint32_t d = 0; d < s->own.n; d++)
        index[d] = rk(l, s->own.at[d]);
    index[1] = ix_add(l, ex_scale(l->cs, s->channels, rk(l, s->kept.at[1])), rk(l, s->over.at[0]));
    return at_index(l, op, index);
}

/* A statistic at the group of channel c. */
static ExprId of_group(Lowering *l, Group *s, Operand *op)
{
    ExprId index[2] = {rk(l, s->own.at[0]), ix_div(l, rk(l, s->own.at[1]), s->channels)};
    return at_index(l, op, index);
}

static weir_status group_statistics(Lowering *l, Group *s, double epsilon)
{
    Operand *sum, *squares;
    double n = (double)s->channels;
    for (uint32_t d = 2; d < s->own.n; d++)
        n *= (double)s->x->extent[d];
    TRY(temporary(l, "_sum", s->type, &s->kept, &sum));
    reduce(l, sum, RED_SUM, &s->over, in_group(l, s, s->x));
    TRY(temporary(l, "_mean", s->type, &s->kept, &s->mean));
    define(l, s->mean, ex2(l, FN_DIV, at_ranks(l, sum, s->kept.at), lit(l, s->type, n)));
    TRY(temporary(l, "_dev", s->type, &s->own, &s->deviation));
    ExprId x = cast(l, s->type, at_ranks(l, s->x, s->own.at));
    define(l, s->deviation, ex2(l, FN_SUB, x, of_group(l, s, s->mean)));
    TRY(temporary(l, "_squares", s->type, &s->kept, &squares));
    ExprId d = in_group(l, s, s->deviation);
    reduce(l, squares, RED_SUM, &s->over, ex2(l, FN_MUL, d, d));
    TRY(temporary(l, "_inv", s->type, &s->kept, &s->inverse));
    ExprId variance = ex2(l, FN_DIV, at_ranks(l, squares, s->kept.at), lit(l, s->type, n));
    define(l, s->inverse, ex1(l, FN_RSQRT, ex2(l, FN_ADD, variance, lit(l, s->type, epsilon))));
    return WEIR_OK;
}

weir_status lower_group_norm(Lowering *l)
{
    Group s = {.x = l->in[0], .type = wide(l->in[0]->type)};
    Operand *y;
    int64_t groups = attr_int(l, "num_groups", 0);
    bool per_group = l->opset < 21;
    TRY(want_float(l, s.x));
    TRY(want_rank(l, s.x, 2, MAX_DIMS));
    TRY(want_static_from(l, s.x, 1));
    if (groups < 1 || s.x->extent[1] % groups != 0)
        return invalid(l, "%lld groups of %lld channels", (long long)groups, (long long)s.x->extent[1]);
    for (uint32_t k = 1; k < 3; k++)
        if (l->in[k]->n_dims != 1 || l->in[k]->extent[0] != (per_group ? groups : s.x->extent[1]))
            return invalid(l, "parameter %u must have an element a %s", k, per_group ? "group" : "channel");
    s.channels = s.x->extent[1] / groups;
    ranks_of(l, s.x, &s.own);
    ranks_add(&s.kept, s.own.at[0]);
    ranks_add(&s.kept, new_rank(l, "g", groups));
    ranks_add(&s.over, new_rank(l, "k", s.channels));
    for (uint32_t d = 2; d < s.own.n; d++)
        ranks_add(&s.over, s.own.at[d]);
    TRY(group_statistics(l, &s, attr_float(l, "epsilon", 1e-5)));
    TRY(output(l, 0, s.x->type, &s.own, &y));
    ExprId v = ex2(l, FN_MUL, at_ranks(l, s.deviation, s.own.at), of_group(l, &s, s.inverse));
    ExprId at = per_group ? ix_div(l, rk(l, s.own.at[1]), s.channels) : rk(l, s.own.at[1]);
    v = ex2(l, FN_MUL, v, cast(l, s.type, at_index(l, l->in[1], &at)));
    define(l, y, ex2(l, FN_ADD, v, cast(l, s.type, at_index(l, l->in[2], &at))));
    return WEIR_OK;
}

/* Own ranks split by axes; `out_n` elements are reduced into one. */
static void split_axes(Lowering *l, Operand *x, const bool *flags, Ranks *own, Ranks *kept, Ranks *over, double *out_n)
{
    ranks_of(l, x, own);
    *out_n = 1;
    for (uint32_t d = 0; d < own->n; d++) {
        ranks_add(flags[d] ? over : kept, own->at[d]);
        *out_n *= flags[d] ? (double)x->extent[d] : 1;
    }
}

weir_status lower_mvn(Lowering *l)
{
    static const int64_t usual[] = {0, 2, 3};
    Operand *x = l->in[0], *sum, *mean, *squares, *deviation, *y;
    Ints axes = attr(l, "axes") == NULL ? (Ints){3, usual} : attr_ints(l, "axes");
    bool flags[MAX_DIMS];
    double n;
    Ranks own, kept = {0}, over = {0};
    TRY(want_float(l, x));
    TRY(want_static(l, x));
    TRY(axes_of(l, axes, x->n_dims, flags));
    Dtype type = wide(x->type);
    split_axes(l, x, flags, &own, &kept, &over, &n);
    TRY(temporary(l, "_sum", type, &kept, &sum));
    reduce(l, sum, RED_SUM, &over, at_ranks(l, x, own.at));
    TRY(temporary(l, "_mean", type, &kept, &mean));
    define(l, mean, ex2(l, FN_DIV, at_ranks(l, sum, kept.at), lit(l, type, n)));
    TRY(temporary(l, "_dev", type, &own, &deviation));
    define(l, deviation, ex2(l, FN_SUB, cast(l, type, at_ranks(l, x, own.at)), at_ranks(l, mean, kept.at)));
    TRY(temporary(l, "_squares", type, &kept, &squares));
    ExprId d = at_ranks(l, deviation, own.at);
    reduce(l, squares, RED_SUM, &over, ex2(l, FN_MUL, d, d));
    TRY(output(l, 0, x->type, &own, &y));
    ExprId variance = ex2(l, FN_DIV, at_ranks(l, squares, kept.at), lit(l, type, n));
    ExprId root = ex2(l, FN_ADD, ex1(l, FN_SQRT, variance), lit(l, type, 1e-9));
    define(l, y, ex2(l, FN_DIV, d, root));
    return WEIR_OK;
}

weir_status lower_lp_norm(Lowering *l)
{
    Operand *x = l->in[0], *sum, *y;
    int64_t p = attr_int(l, "p", 2);
    uint32_t axis;
    bool flags[MAX_DIMS] = {false};
    double n;
    Ranks own, kept = {0}, over = {0};
    TRY(want_float(l, x));
    TRY(axis_of(l, attr_int(l, "axis", -1), x->n_dims, &axis));
    if (p != 1 && p != 2)
        return invalid(l, "p = %lld", (long long)p);
    flags[axis] = true;
    Dtype type = wide(x->type);
    split_axes(l, x, flags, &own, &kept, &over, &n);
    TRY(temporary(l, "_sum", type, &kept, &sum));
    ExprId v = at_ranks(l, x, own.at);
    reduce(l, sum, RED_SUM, &over, p == 1 ? ex1(l, FN_ABS, v) : ex2(l, FN_MUL, v, v));
    TRY(output(l, 0, x->type, &own, &y));
    ExprId norm = at_ranks(l, sum, kept.at);
    norm = p == 1 ? norm : ex1(l, FN_SQRT, norm);
    ExprId zero = lit(l, type, 0), quotient = ex2(l, FN_DIV, cast(l, type, v), norm);
    define(l, y, ex_select(l->cs, ex2(l, FN_EQ, norm, zero), zero, quotient));
    return WEIR_OK;
}
