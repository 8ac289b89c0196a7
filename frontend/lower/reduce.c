/*
 * frontend/lower/reduce.c: Reduce* and ArgMax, ArgMin: a function of the element, a reduction, a function of the result.
 */
#include <math.h>

#include "frontend/lower/extent.h"
#include "frontend/lower/families.h"

typedef struct Reduce {
    Operand *x;
    ReduceKind kind;
    Dtype type; /* in which it is computed */
    Ranks own, ranks, over;
    double n; /* elements reduced into one */
} Reduce;

/* Splits the ranks: `flags` are reduced; kept dimensions become a rank of extent 1. */
static void split_ranks(Lowering *l, Reduce *r, const bool *flags, bool keep)
{
    ranks_of(l, r->x, &r->own);
    r->n = 1;
    for (uint32_t d = 0; d < r->own.n; d++) {
        if (!flags[d]) {
            ranks_add(&r->ranks, r->own.at[d]);
            continue;
        }
        ranks_add(&r->over, r->own.at[d]);
        r->n *= (double)r->x->extent[d];
        if (keep)
            ranks_add(&r->ranks, new_rank(l, "one", 1));
    }
}

static weir_status reduced_axes(Lowering *l, const Operand *x, bool *flags, bool *out_noop)
{
    Ints axes;
    bool given;
    TRY(ints_of(l, 1, "axes", &axes, &given));
    *out_noop = false;
    if (axes.n != 0)
        return axes_of(l, axes, x->n_dims, flags);
    *out_noop = attr_int(l, "noop_with_empty_axes", 0) != 0;
    for (uint32_t d = 0; d < MAX_DIMS; d++)
        flags[d] = !*out_noop;
    return WEIR_OK;
}

static ExprId before(Lowering *l, const Reduce *r, ExprId v)
{
    if (r->kind == REDUCE_L1)
        return ex1(l, FN_ABS, v);
    if (r->kind == REDUCE_L2 || r->kind == REDUCE_SUM_SQUARE)
        return ex2(l, FN_MUL, v, v);
    return v;
}

/* How many elements a mean is of. */
static ExprId points(Lowering *l, const Reduce *r, Dtype type)
{
    Scalar n = scalar_int(1);
    for (uint32_t k = 0; k < r->over.n; k++)
        n = scalar_2(l, FN_MUL, n, rank_scalar(l, r->over.at[k]));
    return scalar_known(&n) ? lit(l, type, r->n) : cast(l, type, scalar_expr(l, &n));
}

static ExprId after(Lowering *l, const Reduce *r, ExprId v)
{
    Dtype type = expr_at(l->cs, v)->type;
    Dtype wider = is_float(type) ? type : DT_F64;
    if (r->kind == REDUCE_MEAN && is_float(type))
        return ex2(l, FN_DIV, v, points(l, r, type));
    if (r->kind == REDUCE_MEAN)
        return ex2(l, FN_IDIV, v, points(l, r, type));
    if (r->kind == REDUCE_L2)
        return ex1(l, FN_SQRT, cast(l, wider, v));
    if (r->kind == REDUCE_LOG_SUM)
        return ex1(l, FN_LOG, cast(l, wider, v));
    return v;
}

static bool has_after(const Reduce *r)
{
    return r->kind == REDUCE_MEAN || r->kind == REDUCE_L2 || r->kind == REDUCE_LOG_SUM;
}

static Reduction reduction_of(const Reduce *r)
{
    bool logical = r->x->type == DT_BOOL;
    if (r->kind == REDUCE_MAX)
        return logical ? RED_ANY : RED_MAX;
    if (r->kind == REDUCE_MIN)
        return logical ? RED_ALL : RED_MIN;
    return r->kind == REDUCE_PROD ? RED_PROD : RED_SUM;
}

/* log(sum(exp(x - m))) + m with the maximum m, 0 where all are -inf. */
static weir_status log_sum_exp(Lowering *l, Reduce *r)
{
    Operand *m, *finite, *sum, *y;
    Dtype type = is_float(r->x->type) ? r->type : DT_F64;
    TRY(temporary(l, "_max", type, &r->ranks, &m));
    reduce(l, m, RED_MAX, &r->over, cast(l, type, at_ranks(l, r->x, r->own.at)));
    TRY(temporary(l, "_finite", type, &r->ranks, &finite));
    ExprId v = at_ranks(l, m, r->ranks.at);
    define(l, finite, ex_select(l->cs, ex2(l, FN_EQ, v, lit(l, type, -INFINITY)), lit(l, type, 0), v));
    TRY(temporary(l, "_sum", type, &r->ranks, &sum));
    ExprId shift = at_ranks(l, finite, r->ranks.at);
    reduce(l, sum, RED_SUM, &r->over,
           ex1(l, FN_EXP, ex2(l, FN_SUB, cast(l, type, at_ranks(l, r->x, r->own.at)), shift)));
    TRY(output(l, 0, r->x->type, &r->ranks, &y));
    define(l, y, ex2(l, FN_ADD, ex1(l, FN_LOG, at_ranks(l, sum, r->ranks.at)), at_ranks(l, finite, r->ranks.at)));
    return WEIR_OK;
}

/* Without axes nothing is reduced, but the functions of element and result still apply. */
static weir_status elementwise_only(Lowering *l, Reduce *r)
{
    Operand *y;
    r->n = 1;
    if (r->kind != REDUCE_L1 && r->kind != REDUCE_L2 && r->kind != REDUCE_SUM_SQUARE && r->kind != REDUCE_LOG_SUM) {
        output_alias(l, 0, r->x);
        return WEIR_OK;
    }
    ranks_of(l, r->x, &r->own);
    TRY(output(l, 0, r->x->type, &r->own, &y));
    define(l, y, after(l, r, before(l, r, cast(l, r->type, at_ranks(l, r->x, r->own.at)))));
    return WEIR_OK;
}

weir_status lower_reduce(Lowering *l)
{
    Reduce r = {.x = l->in[0], .kind = (ReduceKind)l->row->parameter, .type = wide(l->in[0]->type)};
    bool flags[MAX_DIMS], noop;
    Operand *sum, *y;
    bool arithmetic = is_float(r.x->type) || dtype_is_int(r.x->type);
    bool logical = r.x->type == DT_BOOL && (r.kind == REDUCE_MAX || r.kind == REDUCE_MIN);
    if (!arithmetic && !logical)
        return invalid(l, "not defined for type %s", dtype_text(r.x->type));
    TRY(reduced_axes(l, r.x, flags, &noop));
    if (noop)
        return elementwise_only(l, &r);
    bool order = r.kind == REDUCE_MAX || r.kind == REDUCE_MIN;
    split_ranks(l, &r, flags, attr_int(l, "keepdims", 1) != 0);
    if (r.kind == REDUCE_LOG_SUM_EXP)
        return log_sum_exp(l, &r);
    Dtype type = order ? r.x->type : r.type;
    bool final = !has_after(&r) && type == r.x->type;
    if (final)
        TRY(output(l, 0, type, &r.ranks, &sum));
    else
        TRY(temporary(l, "_sum", type, &r.ranks, &sum));
    reduce(l, sum, reduction_of(&r), &r.over, before(l, &r, at_ranks(l, r.x, r.own.at)));
    if (final)
        return WEIR_OK;
    TRY(output(l, 0, r.x->type, &r.ranks, &y));
    define(l, y, after(l, &r, at_ranks(l, sum, r.ranks.at)));
    return WEIR_OK;
}

weir_status lower_arg(Lowering *l)
{
    Reduce r = {.x = l->in[0]};
    Operand *y;
    uint32_t axis;
    bool flags[MAX_DIMS] = {false};
    if (!is_float(r.x->type) && !dtype_is_int(r.x->type))
        return invalid(l, "not defined for type %s", dtype_text(r.x->type));
    TRY(axis_of(l, attr_int(l, "axis", 0), r.x->n_dims, &axis));
    flags[axis] = true;
    split_ranks(l, &r, flags, attr_int(l, "keepdims", 1) != 0);
    TRY(output(l, 0, DT_I64, &r.ranks, &y));
    StatementId id = reduce(l, y, (Reduction)l->row->parameter, &r.over, at_ranks(l, r.x, r.own.at));
    if (attr_int(l, "select_last_index", 0) != 0)
        statement_at(l->cs, id)->order = ORDER_LAST;
    return WEIR_OK;
}
