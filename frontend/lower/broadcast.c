/*
 * frontend/lower/broadcast.c: numpy broadcasting: whose ranks a result has, how an operand is read for a point of it.
 */
#include "frontend/lower/extent.h"

static weir_status extents(Lowering *l, uint32_t n, Operand *const *ops, uint32_t n_dims, int64_t *out)
{
    for (uint32_t d = 0; d < n_dims; d++)
        out[d] = 1;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t shift = n_dims - ops[k]->n_dims;
        for (uint32_t d = 0; d < ops[k]->n_dims; d++) {
            int64_t e = ops[k]->extent[d];
            if (e == 1 || e == out[shift + d])
                continue;
            if (out[shift + d] != 1)
                return invalid(l, "shapes do not broadcast: %s has extent %lld where another operand has %lld",
                               shape_text(l, ops[k]), (long long)e, (long long)out[shift + d]);
            out[shift + d] = e;
        }
    }
    return WEIR_OK;
}

static bool full_size(const Lowering *l, const Operand *op, uint32_t n_dims, const int64_t *extent)
{
    if (op->n_dims != n_dims || op->tensor.i == 0)
        return false;
    for (uint32_t d = 0; d < n_dims; d++)
        if (op->extent[d] != extent[d])
            return false;
    (void)l;
    return true;
}

/* ---- at run time ---- */

static bool may_be_one(const Scalar *s)
{
    return s->low <= 1 && s->high >= 1;
}

bool broadcast_extent(Lowering *l, Scalar x, Scalar y, Scalar *out)
{
    Scalar one = scalar_int(1), never = scalar_int(-1);
    *out = scalar_is(&x, 1) ? y : x;
    if (scalar_is(&x, 1) || scalar_is(&y, 1) || scalar_same(l, &x, &y))
        return true;
    if (scalar_known(&x) && scalar_known(&y))
        return false;
    if (scalar_known(&x) || scalar_known(&y)) { /* the other is equal or 1 */
        *out = scalar_known(&x) ? x : y;
        return true;
    }
    Scalar otherwise = may_be_one(&x) ? scalar_pick(l, FN_EQ, x, one, y, never) : never;
    Scalar is_one = may_be_one(&y) ? scalar_pick(l, FN_EQ, y, one, x, otherwise) : otherwise;
    *out = scalar_pick(l, FN_EQ, x, y, x, is_one);
    return true;
}

static bool any_runtime(const Lowering *l, uint32_t n, Operand *const *ops)
{
    for (uint32_t k = 0; k < n; k++)
        for (uint32_t d = 0; d < ops[k]->n_dims; d++)
            if (dim_runtime(l, ops[k], d))
                return true;
    return false;
}

static weir_status broadcast_runtime(Lowering *l, uint32_t n, Operand *const *ops, uint32_t n_dims, Ranks *out)
{
    out->n = 0;
    for (uint32_t d = 0; d < n_dims; d++) {
        Scalar extent = scalar_int(1);
        const Operand *source = NULL;
        for (uint32_t k = 0; k < n; k++) {
            uint32_t shift = n_dims - ops[k]->n_dims;
            if (d >= shift && !broadcast_extent(l, extent, extent_scalar(l, ops[k], d - shift), &extent))
                return invalid(l, "shapes do not broadcast: %s has extent %lld where another operand has %lld",
                               shape_text(l, ops[k]), (long long)ops[k]->extent[d - shift], (long long)extent.b);
            source = source == NULL && d >= shift && dim_runtime(l, ops[k], d - shift) ? ops[k] : source;
        }
        RankId like = {0};
        for (uint32_t k = 0; like.i == 0 && k < n; k++) {
            uint32_t shift = n_dims - ops[k]->n_dims;
            if (d < shift)
                continue;
            Scalar own = extent_scalar(l, ops[k], d - shift);
            RankId rank = dim_rank(l, ops[k], d - shift);
            if (scalar_same(l, &own, &extent) && rank.i != 0 && !ranks_have(out, rank))
                like = rank;
        }
        TRY(ranks_add_scalar(l, out, like, "n", &extent, source));
    }
    return WEIR_OK;
}

weir_status broadcast(Lowering *l, uint32_t n, Operand *const *ops, Ranks *out)
{
    static const char *const names[] = {"n", "c", "h", "w"};
    uint32_t n_dims = 0;
    int64_t extent[MAX_DIMS];
    for (uint32_t k = 0; k < n; k++)
        n_dims = ops[k]->n_dims > n_dims ? ops[k]->n_dims : n_dims;
    if (any_runtime(l, n, ops))
        return broadcast_runtime(l, n, ops, n_dims, out);
    TRY(extents(l, n, ops, n_dims, extent));
    uint32_t first = 0;
    while (first < n && !full_size(l, ops[first], n_dims, extent))
        first++;
    out->n = 0;
    for (uint32_t d = 0; d < n_dims; d++) {
        RankId rank = first < n ? dim_rank(l, ops[first], d) : (RankId){0};
        for (uint32_t k = 0; rank.i == 0 && k < n; k++) {
            uint32_t shift = n_dims - ops[k]->n_dims;
            if (d >= shift && ops[k]->extent[d - shift] == extent[d])
                rank = dim_rank(l, ops[k], d - shift);
            if (rank.i != 0 && ranks_have(out, rank))
                rank.i = 0;
        }
        ranks_add_distinct(l, out, rank, names[d % 4], extent[d]);
    }
    return WEIR_OK;
}

/* The coordinate in dimension d of a point whose coordinate there is that of `rank`; what fits neither stops the run. */
static ExprId broadcast_index(Lowering *l, const Operand *op, uint32_t d, RankId rank)
{
    if (!dim_runtime(l, op, d)) {
        bool stretched = op->extent[d] == 1 && extent_of_rank(l, rank) != 1;
        return stretched ? num(l, 0) : rk(l, rank);
    }
    Scalar own = extent_scalar(l, op, d), of = rank_scalar(l, rank);
    if (scalar_same(l, &own, &of))
        return rk(l, rank);
    ExprId extent = ex_extent(l->cs, dim_rank(l, op, d));
    ExprId there = rank_at(l->cs, rank)->kind == RANK_STATIC ? num(l, of.b) : ex_extent(l->cs, rank);
    ExprId same = ex_select(l->cs, ex2(l, FN_EQ, extent, there), rk(l, rank), num(l, -1));
    return may_be_one(&own) ? ex_select(l->cs, ex2(l, FN_EQ, extent, num(l, 1)), num(l, 0), same) : same;
}

ExprId at_broadcast(Lowering *l, Operand *op, const Ranks *ranks)
{
    ExprId index[MAX_DIMS];
    uint32_t shift = ranks->n - op->n_dims;
    if (!is_splat_one(op))
        declare_over(l, op, ranks->at + shift);
    for (uint32_t d = 0; d < op->n_dims; d++)
        index[d] = broadcast_index(l, op, d, ranks->at[shift + d]);
    return at_index(l, op, index);
}

void ranks_of(Lowering *l, Operand *op, Ranks *out)
{
    TensorId tensor = tensor_of(l, op);
    out->n = 0;
    for (uint32_t d = 0; d < op->n_dims; d++)
        ranks_add(out, tensor_at(l->cs, tensor)->dims[d].rank);
}
