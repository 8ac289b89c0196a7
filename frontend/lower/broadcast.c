/*
 * frontend/lower/broadcast.c: numpy broadcasting: whose ranks a result has, how an operand is read for a point of it.
 */
#include "frontend/lower/walk.h"

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

/* Run-time extents agree only if they are one rank. */
static weir_status check_runtime(Lowering *l, uint32_t n, Operand *const *ops, const Ranks *ranks)
{
    for (uint32_t k = 0; k < n; k++) {
        uint32_t shift = ranks->n - ops[k]->n_dims;
        for (uint32_t d = 0; d < ops[k]->n_dims; d++) {
            RankId own = dim_rank(l, ops[k], d), of = ranks->at[shift + d];
            bool runtime = dim_runtime(l, ops[k], d) || rank_at(l->cs, of)->kind != RANK_STATIC;
            if (!runtime || rank_same(own, of) || (ops[k]->extent[d] == 1 && !dim_runtime(l, ops[k], d)))
                continue;
            if (own.i != 0 && rank_at(l->cs, own)->kind == rank_at(l->cs, of)->kind &&
                rank_at(l->cs, own)->scalar.i == rank_at(l->cs, of)->scalar.i &&
                rank_at(l->cs, own)->count_of.i == rank_at(l->cs, of)->count_of.i)
                continue;
            return unsupported(l, "operands of different run-time extents");
        }
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
    return check_runtime(l, n, ops, out);
}

ExprId at_broadcast(Lowering *l, Operand *op, const Ranks *ranks)
{
    ExprId index[MAX_DIMS];
    uint32_t shift = ranks->n - op->n_dims;
    if (!is_splat_one(op))
        declare_over(l, op, ranks->at + shift);
    for (uint32_t d = 0; d < op->n_dims; d++) {
        RankId rank = ranks->at[shift + d];
        bool stretched = op->extent[d] == 1 && extent_of_rank(l, rank) != 1;
        index[d] = stretched ? num(l, 0) : rk(l, rank);
    }
    return at_index(l, op, index);
}

void ranks_of(Lowering *l, Operand *op, Ranks *out)
{
    TensorId tensor = tensor_of(l, op);
    out->n = 0;
    for (uint32_t d = 0; d < op->n_dims; d++)
        ranks_add(out, tensor_at(l->cs, tensor)->dims[d].rank);
}
