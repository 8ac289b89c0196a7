/*
 * frontend/lower/expand.c: Expand and Tile: every element of the result is read from a place of the operand.
 */
#include "frontend/lower/extent.h"
#include "frontend/lower/families.h"

weir_status lower_expand(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Scalars shape;
    TRY(scalars_of(l, l->in[1], &shape));
    if (shape.n > MAX_DIMS)
        return unsupported(l, "%u dimensions", shape.n);
    uint32_t n = shape.n > x->n_dims ? shape.n : x->n_dims;
    Ranks ranks = {0};
    bool same = n == x->n_dims;
    for (uint32_t d = 0; d < n; d++) {
        bool has = d + x->n_dims >= n;
        uint32_t from = d + x->n_dims - n;
        Scalar own = has ? extent_scalar(l, x, from) : scalar_int(1), result;
        Scalar to = d + shape.n < n ? scalar_int(1) : shape.at[d + shape.n - n];
        if (scalar_known(&to) && to.b < 0)
            return invalid(l, "extent %lld", (long long)to.b);
        if (!broadcast_extent(l, own, to, &result))
            return invalid(l, "dimension %u: %lld does not expand to %lld", d, (long long)own.b, (long long)to.b);
        RankId like = has && scalar_same(l, &own, &result) ? dim_rank(l, x, from) : (RankId){0};
        same = same && scalar_same(l, &own, &result);
        TRY(ranks_add_scalar(l, &ranks, like, "x", &result, l->in[1]));
    }
    if (same) {
        output_alias(l, 0, x);
        return WEIR_OK;
    }
    TRY(output(l, 0, x->type, &ranks, &y));
    define(l, y, at_broadcast(l, x, &ranks));
    return WEIR_OK;
}

weir_status index_modulo(Lowering *l, RankId rank, const Scalar *by, ExprId *out)
{
    if (scalar_known(by)) {
        *out = by->b <= 1 ? num(l, 0) : ix_mod(l, rk(l, rank), by->b);
        return WEIR_OK;
    }
    Operand *place;
    Ranks over = {.n = 1, .at = {rank}};
    TRY(temporary(l, "_place", DT_I64, &over, &place));
    define(l, place, ex2(l, FN_FLOORMOD, ex_index(l->cs, rank), scalar_expr(l, by)));
    *out = at_ranks(l, place, &rank);
    return WEIR_OK;
}

weir_status lower_tile(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Scalars repeats;
    TRY(scalars_of(l, l->in[1], &repeats));
    if (repeats.n != x->n_dims)
        return invalid(l, "%u repeats for %s", repeats.n, shape_text(l, x));
    Ranks own, ranks = {0};
    ExprId index[MAX_DIMS];
    ranks_of(l, x, &own);
    for (uint32_t d = 0; d < x->n_dims; d++) {
        int64_t extent;
        Scalar *repeat = &repeats.at[d], old = extent_scalar(l, x, d);
        if (scalar_known(repeat) && (repeat->b < 0 || __builtin_mul_overflow(x->extent[d], repeat->b, &extent)))
            return invalid(l, "repeat %lld", (long long)repeat->b);
        Scalar result = scalar_2(l, FN_MUL, old, *repeat);
        RankId like = scalar_is(repeat, 1) ? own.at[d] : (RankId){0};
        TRY(ranks_add_scalar(l, &ranks, like, rank_name(l->cs, own.at[d]), &result, l->in[1]));
    }
    for (uint32_t d = 0; d < x->n_dims; d++) {
        Scalar old = extent_scalar(l, x, d);
        index[d] = rk(l, ranks.at[d]);
        if (!scalar_is(&repeats.at[d], 1))
            TRY(index_modulo(l, ranks.at[d], &old, &index[d]));
    }
    TRY(output(l, 0, x->type, &ranks, &y));
    define(l, y, count_of(y) == 0 && dtype_kind(y->type) != DK_CODE ? lit(l, y->type, 0) : at_index(l, x, index));
    return WEIR_OK;
}
