/*
 * frontend/lower/runtime.c: operators whose result has an extent that only the run knows.
 */
#include "frontend/lower/families.h"

/* The extent of a dimension as an i64. */
static ExprId extent_at(Lowering *l, const Operand *op, uint32_t dim)
{
    return dim_runtime(l, op, dim) ? ex_extent(l->cs, dim_rank(l, op, dim)) : num(l, op->extent[dim]);
}

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

/* Each place reads the operand it falls into. */
weir_status concat_runtime(Lowering *l, uint32_t axis, int64_t bound)
{
    Operand *y, *first = l->in[0];
    Ranks ranks;
    ranks_of(l, first, &ranks);
    for (uint32_t k = 1; k < l->n_in; k++)
        for (uint32_t d = 0; d < first->n_dims; d++)
            if (d != axis && (dim_runtime(l, first, d) || dim_runtime(l, l->in[k], d)) &&
                !rank_same(dim_rank(l, first, d), dim_rank(l, l->in[k], d)))
                return unsupported(l, "operands of different run-time extents");
    ExprId *ends = ARENA_ARRAY(&l->cx->arena, ExprId, l->n_in);
    for (uint32_t k = 0; k < l->n_in; k++) {
        tensor_of(l, l->in[k]);
        ends[k] = extent_at(l, l->in[k], axis);
        if (k != 0)
            ends[k] = ex2(l, FN_ADD, ends[k - 1], ends[k]);
    }
    TRY(runtime_rank(l, "z", bound, ends[l->n_in - 1], &ranks.at[axis]));
    TRY(output(l, 0, first->type, &ranks, &y));
    ExprId v = {0}, index[MAX_DIMS];
    for (uint32_t k = l->n_in; k-- > 0;) {
        for (uint32_t d = 0; d < ranks.n; d++)
            index[d] = rk(l, ranks.at[d]);
        if (k != 0)
            index[axis] = ex2(l, FN_SUB, index[axis], ends[k - 1]);
        ExprId part = at_pad(l, l->in[k], index, lit(l, first->type, 0));
        v = v.i == 0 ? part : ex_select(l->cs, ex2(l, FN_LT, ex_index(l->cs, ranks.at[axis]), ends[k]), part, v);
    }
    define(l, y, v);
    return WEIR_OK;
}
