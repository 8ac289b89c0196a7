/*
 * frontend/lower/runtime.c: operators whose result has an extent that only the run knows.
 */
#include "frontend/lower/extent.h"
#include "frontend/lower/families.h"

weir_status runtime_rank(Lowering *l, const char *base, int64_t bound, ExprId extent, RankId *out_rank)
{
    Operand *scalar;
    Ranks none = {0};
    TRY(temporary(l, "_extent", DT_I64, &none, &scalar));
    define(l, scalar, extent);
    Rank rank = {.name = cascade_fresh_name(l->cs, base), .kind = RANK_SCALAR, .extent = bound, .scalar = scalar->tensor};
    *out_rank = cascade_add_rank(l->cs, rank);
    cascade_item_rank(l->cs, *out_rank);
    return WEIR_OK;
}

/* The dimensions but the axis: extents that only the run knows must be the first operand's; where they are not, reads stop the run. */
static weir_status other_dims(Lowering *l, uint32_t axis, Ranks *ranks, const Scalar *along)
{
    for (uint32_t d = 0; d < l->in[0]->n_dims; d++) {
        Scalar extent = d == axis ? *along : extent_scalar(l, l->in[0], d);
        RankId like = d == axis ? (RankId){0} : dim_rank(l, l->in[0], d);
        for (uint32_t k = 1; d != axis && k < l->n_in; k++) {
            Scalar own = extent_scalar(l, l->in[k], d);
            if (scalar_same(l, &own, &extent))
                continue;
            extent = scalar_known(&own) ? scalar_pick(l, FN_EQ, extent, own, own, scalar_int(-1))
                                        : scalar_pick(l, FN_EQ, own, extent, extent, scalar_int(-1));
            like.i = 0;
        }
        TRY(ranks_add_scalar(l, ranks, like, "z", &extent, l->in[0]));
    }
    return WEIR_OK;
}

/* Each place reads the operand it falls into. */
weir_status concat_runtime(Lowering *l, uint32_t axis)
{
    Operand *y, *first = l->in[0];
    Scalar *ends = ARENA_ARRAY(&l->cx->arena, Scalar, l->n_in), sum = scalar_int(0);
    for (uint32_t k = 0; k < l->n_in; k++) {
        tensor_of(l, l->in[k]);
        ends[k] = sum = scalar_2(l, FN_ADD, sum, extent_scalar(l, l->in[k], axis));
    }
    Ranks ranks = {0};
    TRY(other_dims(l, axis, &ranks, &sum));
    ExprId v = {0}, index[MAX_DIMS], *begin = ARENA_ARRAY(&l->cx->arena, ExprId, l->n_in);
    begin[0] = num(l, 0);
    for (uint32_t k = 1; k < l->n_in; k++)
        TRY(scalar_index(l, &ends[k - 1], &begin[k]));
    TRY(output(l, 0, first->type, &ranks, &y));
    for (uint32_t k = l->n_in; k-- > 0;) {
        for (uint32_t d = 0; d < ranks.n; d++)
            index[d] = rk(l, ranks.at[d]);
        if (k != 0)
            index[axis] = ex2(l, FN_SUB, index[axis], begin[k]);
        ExprId part = at_pad(l, l->in[k], index, lit(l, first->type, 0));
        ExprId here = ex2(l, FN_LT, ex_index(l->cs, ranks.at[axis]), scalar_expr(l, &ends[k]));
        v = v.i == 0 ? part : ex_select(l->cs, here, part, v);
    }
    define(l, y, v);
    return WEIR_OK;
}
