/*
 * frontend/lower/rearrange.c: movement with conditions or arithmetic on coordinates, and running sums.
 */
#include <string.h>

#include "frontend/lower/families.h"

weir_status lower_depth_to_space(Lowering *l)
{
    Operand *x = l->in[0], *y;
    int64_t b = attr_int(l, "blocksize", 0);
    bool crd = attr_is(l, "mode", "DCR", "CRD");
    TRY(want_rank(l, x, 4, 4));
    TRY(want_static(l, x));
    if (!crd && !attr_is(l, "mode", "DCR", "DCR"))
        return invalid(l, "mode '%s'", attr_text(l, "mode", ""));
    if (b < 1 || b > 1 << 20 || x->extent[1] % (b * b) != 0)
        return invalid(l, "blocks of %lld for %s", (long long)b, shape_text(l, x));
    int64_t channels = x->extent[1] / (b * b), height, width;
    if (__builtin_mul_overflow(x->extent[2], b, &height) || __builtin_mul_overflow(x->extent[3], b, &width))
        return invalid(l, "too large");
    Ranks ranks;
    ranks_of(l, x, &ranks);
    RankId c = ranks.at[1] = new_rank(l, "c", channels);
    RankId i = ranks.at[2] = new_rank(l, "i", height);
    RankId j = ranks.at[3] = new_rank(l, "j", width);
    TRY(output(l, 0, x->type, &ranks, &y));
    ExprId block = ix_add(l, ex_scale(l->cs, b, ix_mod(l, rk(l, i), b)), ix_mod(l, rk(l, j), b));
    ExprId channel = crd ? ix_add(l, ex_scale(l->cs, b * b, rk(l, c)), block)
                         : ix_add(l, ex_scale(l->cs, channels, block), rk(l, c));
    ExprId index[4] = {rk(l, ranks.at[0]), channel, ix_div(l, rk(l, i), b), ix_div(l, rk(l, j), b)};
    define(l, y, at_index(l, x, index));
    return WEIR_OK;
}

weir_status lower_space_to_depth(Lowering *l)
{
    Operand *x = l->in[0], *y;
    int64_t b = attr_int(l, "blocksize", 0), channels;
    TRY(want_rank(l, x, 4, 4));
    TRY(want_static(l, x));
    if (b < 1 || b > 1 << 20 || x->extent[2] % b != 0 || x->extent[3] % b != 0 ||
        __builtin_mul_overflow(x->extent[1], b * b, &channels))
        return invalid(l, "blocks of %lld for %s", (long long)b, shape_text(l, x));
    Ranks ranks;
    ranks_of(l, x, &ranks);
    RankId k = ranks.at[1] = new_rank(l, "k", channels);
    RankId i = ranks.at[2] = new_rank(l, "i", x->extent[2] / b);
    RankId j = ranks.at[3] = new_rank(l, "j", x->extent[3] / b);
    TRY(output(l, 0, x->type, &ranks, &y));
    int64_t c = x->extent[1] == 0 ? 1 : x->extent[1];
    ExprId block = ix_div(l, rk(l, k), c);
    ExprId index[4] = {rk(l, ranks.at[0]), ix_mod(l, rk(l, k), c),
                       ix_add(l, ex_scale(l->cs, b, rk(l, i)), ix_div(l, block, b)),
                       ix_add(l, ex_scale(l->cs, b, rk(l, j)), ix_mod(l, block, b))};
    define(l, y, at_index(l, x, index));
    return WEIR_OK;
}

/* A scalar operand's value expression, or a number. */
static weir_status scalar_of(Lowering *l, uint32_t k, int64_t otherwise, ExprId *out)
{
    Operand *op = input(l, k);
    if (op == NULL) {
        *out = num(l, otherwise);
        return WEIR_OK;
    }
    if (count_of(op) != 1 || !dtype_is_int(op->type))
        return invalid(l, "operand %u must be one integer", k);
    ExprId zero[MAX_DIMS];
    for (uint32_t d = 0; d < op->n_dims; d++)
        zero[d] = num(l, 0);
    *out = cast(l, DT_I64, at_index(l, op, zero));
    return WEIR_OK;
}

weir_status lower_trilu(Lowering *l)
{
    Operand *x = l->in[0], *y;
    bool upper = attr_int(l, "upper", 1) != 0;
    ExprId k = {0};
    TRY(want_rank(l, x, 2, MAX_DIMS));
    if (dtype_kind(x->type) == DK_CODE)
        return unsupported(l, "type %s", dtype_text(x->type));
    TRY(scalar_of(l, 1, 0, &k));
    Ranks ranks;
    ranks_of(l, x, &ranks);
    TRY(output(l, 0, x->type, &ranks, &y));
    ExprId offset = ex2(l, FN_SUB, ex_index(l->cs, ranks.at[ranks.n - 1]), ex_index(l->cs, ranks.at[ranks.n - 2]));
    ExprId keep = ex2(l, upper ? FN_GE : FN_LE, offset, k);
    define(l, y, ex_select(l->cs, keep, at_ranks(l, x, ranks.at), lit(l, x->type, 0)));
    return WEIR_OK;
}

weir_status lower_center_crop_pad(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Ints shape, axes = attr_ints(l, "axes");
    bool flags[MAX_DIMS];
    TRY(value_ints(l, l->in[1], &shape));
    TRY(want_static(l, x));
    TRY(axes_of(l, axes, x->n_dims, flags));
    uint32_t n = axes.n != 0 ? axes.n : x->n_dims;
    if (shape.n != n || dtype_kind(x->type) == DK_CODE)
        return invalid(l, "%u extents for %u axes", shape.n, n);
    Ranks ranks;
    ExprId index[MAX_DIMS];
    bool leaves = false;
    ranks_of(l, x, &ranks);
    for (uint32_t d = 0; d < x->n_dims; d++)
        index[d] = rk(l, ranks.at[d]);
    for (uint32_t k = 0; k < n; k++) {
        uint32_t axis = k;
        if (axes.n != 0)
            TRY(axis_of(l, axes.at[k], x->n_dims, &axis));
        int64_t from = x->extent[axis], to = shape.at[k];
        if (to < 0)
            return invalid(l, "extent %lld", (long long)to);
        if (from == to)
            continue;
        ranks.at[axis] = new_rank(l, rank_name(l->cs, ranks.at[axis]), to);
        index[axis] = ix_affine(l, 1, ranks.at[axis], from > to ? (from - to) / 2 : -((to - from) / 2));
        leaves = leaves || to > from;
    }
    TRY(output(l, 0, x->type, &ranks, &y));
    define(l, y, leaves ? at_pad(l, x, index, lit(l, x->type, 0)) : at_index(l, x, index));
    return WEIR_OK;
}

weir_status lower_reverse_sequence(Lowering *l)
{
    Operand *x = l->in[0], *lengths = l->in[1], *y;
    int64_t batch = attr_int(l, "batch_axis", 1), time = attr_int(l, "time_axis", 0);
    TRY(want_rank(l, x, 2, MAX_DIMS));
    if (batch + time != 1 || batch < 0 || time < 0)
        return invalid(l, "batch_axis %lld, time_axis %lld", (long long)batch, (long long)time);
    if (lengths->n_dims != 1 || lengths->extent[0] != x->extent[batch] || lengths->type != DT_I64)
        return invalid(l, "the lengths %s do not fit", shape_text(l, lengths));
    Ranks ranks;
    ExprId index[MAX_DIMS];
    ranks_of(l, x, &ranks);
    TRY(output(l, 0, x->type, &ranks, &y));
    for (uint32_t d = 0; d < ranks.n; d++)
        index[d] = rk(l, ranks.at[d]);
    ExprId length = at_ranks(l, lengths, &ranks.at[batch]), t = index[time];
    ExprId reversed = ex2(l, FN_SUB, ex2(l, FN_SUB, length, num(l, 1)), t);
    index[time] = ex_select(l->cs, ex2(l, FN_LT, t, length), reversed, t);
    define(l, y, at_index(l, x, index));
    return WEIR_OK;
}

weir_status lower_one_hot(Lowering *l)
{
    Operand *indices = l->in[0], *depth = l->in[1], *values = l->in[2], *y;
    const Tensor *value;
    uint32_t axis;
    TRY(value_of(l, depth, &value));
    if (count_of(depth) != 1 || values->n_dims != 1 || values->extent[0] != 2)
        return invalid(l, "depth must be a scalar and values a pair");
    int64_t n = is_float(value->type) ? (int64_t)dtype_load_f64(value->type, value->data, 0)
                                      : dtype_load_i64(value->type, value->data, 0);
    if (n < 0 || (!is_float(indices->type) && !dtype_is_int(indices->type)))
        return invalid(l, "depth %lld", (long long)n);
    TRY(axis_of(l, attr_int(l, "axis", -1), indices->n_dims + 1, &axis));
    Ranks own, ranks = {0};
    ranks_of(l, indices, &own);
    RankId d = new_rank(l, "d", n);
    for (uint32_t k = 0; k <= own.n; k++)
        ranks_add(&ranks, k == axis ? d : own.at[k < axis ? k : k - 1]);
    TRY(output(l, 0, values->type, &ranks, &y));
    ExprId at = cast(l, DT_I64, at_ranks(l, indices, own.at)), here = ex_index(l->cs, d), off[1], on[1];
    off[0] = num(l, 0);
    on[0] = num(l, 1);
    ExprId hit = ex2(l, FN_EQ, here, at), wrapped = ex2(l, FN_EQ, here, ex2(l, FN_ADD, at, num(l, n)));
    define(l, y, ex_select(l->cs, ex2(l, FN_OR, hit, wrapped), at_index(l, values, on), at_index(l, values, off)));
    return WEIR_OK;
}

/* CumSum, CumProd: a reduction with a triangular condition. */
weir_status lower_cumulative(Lowering *l)
{
    Operand *x = l->in[0], *sum, *y;
    Ints axes;
    uint32_t axis;
    bool exclusive = attr_int(l, "exclusive", 0) != 0, reverse = attr_int(l, "reverse", 0) != 0;
    if (!is_float(x->type) && !dtype_is_int(x->type))
        return invalid(l, "not defined for type %s", dtype_text(x->type));
    TRY(value_ints(l, l->in[1], &axes));
    if (axes.n != 1)
        return invalid(l, "the axis must be one integer");
    TRY(axis_of(l, axes.at[0], x->n_dims, &axis));
    TRY(want_static(l, x));
    Dtype type = wide(x->type);
    Ranks own, ranks, over = {0};
    ranks_of(l, x, &own);
    ranks = own;
    ranks.at[axis] = new_rank(l, rank_name(l->cs, own.at[axis]), x->extent[axis]);
    ranks_add(&over, own.at[axis]);
    if (type == x->type)
        TRY(output(l, 0, type, &ranks, &sum));
    else
        TRY(temporary(l, "_sum", type, &ranks, &sum));
    StatementId id = reduce(l, sum, (Reduction)l->row->parameter, &over, at_ranks(l, x, own.at));
    Fn fn = reverse ? (exclusive ? FN_GT : FN_GE) : (exclusive ? FN_LT : FN_LE);
    ExprId condition = ex2(l, fn, rk(l, own.at[axis]), rk(l, ranks.at[axis]));
    statement_at(l->cs, id)->condition = condition;
    if (type == x->type)
        return WEIR_OK;
    TRY(output(l, 0, x->type, &ranks, &y));
    define(l, y, at_ranks(l, sum, ranks.at));
    return WEIR_OK;
}
