/*
 * frontend/lower/gather.c: reads and writes at indices that are data: Gather*, Scatter*.
 *
 * Keep: negative indices count from the end where the operator's version allows it; others stay plain accesses,
 *       which trap when they leave the tensor.
 */
#include "frontend/lower/families.h"

static weir_status want_indices(Lowering *l, const Operand *op)
{
    if (op->type != DT_I64 && op->type != DT_I32)
        return invalid(l, "indices must be i32 or i64, not %s", dtype_text(op->type));
    return WEIR_OK;
}

static bool may_be_negative(const Operand *indices)
{
    if (indices->value == NULL)
        return true;
    int64_t n = count_of(indices);
    for (int64_t i = 0; i < n; i++)
        if (dtype_load_i64(indices->type, indices->value->data, (size_t)i) < 0)
            return true;
    return false;
}

/* An index into a dimension: `i < 0 ? i + extent : i`; constants without negatives stay as they are. */
static ExprId wrapped(Lowering *l, const Operand *indices, ExprId i, Operand *data, uint32_t dim)
{
    int64_t value;
    if (expr_is_int(l->cs, i, &value))
        return num(l, value < 0 ? value + data->extent[dim] : value);
    if (l->opset < 11 || !may_be_negative(indices))
        return i;
    ExprId extent = dim_runtime(l, data, dim) ? ex_extent(l->cs, dim_rank(l, data, dim)) : num(l, data->extent[dim]);
    return ex_select(l->cs, ex2(l, FN_LT, i, num(l, 0)), ex2(l, FN_ADD, i, extent), i);
}

/* A constant index outside its dimension is an error now, not a trap later. */
static weir_status check_constant(Lowering *l, const Operand *indices, int64_t extent)
{
    if (indices->value == NULL)
        return WEIR_OK;
    int64_t n = count_of(indices), least = l->opset < 11 ? 0 : -extent;
    for (int64_t i = 0; i < n; i++) {
        int64_t v = dtype_load_i64(indices->type, indices->value->data, (size_t)i);
        if (v < least || v >= extent)
            return invalid(l, "index %lld is outside the extent %lld", (long long)v, (long long)extent);
    }
    return WEIR_OK;
}

weir_status lower_gather(Lowering *l)
{
    Operand *x = l->in[0], *indices = l->in[1], *y;
    uint32_t axis;
    TRY(want_indices(l, indices));
    TRY(want_rank(l, x, 1, MAX_DIMS));
    TRY(axis_of(l, attr_int(l, "axis", 0), x->n_dims, &axis));
    TRY(check_constant(l, indices, x->extent[axis]));
    Ranks ranks = {0}, at = {0}, own;
    ranks_of(l, x, &own);
    for (uint32_t d = 0; d < axis; d++)
        ranks_add(&ranks, own.at[d]);
    for (uint32_t d = 0; d < indices->n_dims; d++)
        ranks_add(&at, ranks_add_distinct(l, &ranks, dim_rank(l, indices, d), "q", indices->extent[d]));
    for (uint32_t d = axis + 1; d < own.n; d++) {
        RankId rank = own.at[d];
        bool clash = ranks_have(&ranks, rank);
        if (clash && rank_at(l->cs, rank)->kind != RANK_STATIC)
            return unsupported(l, "a run-time extent in data and indices");
        ranks_add_distinct(l, &ranks, rank, "d", x->extent[d]);
    }
    TRY(output(l, 0, x->type, &ranks, &y));
    ExprId index[MAX_DIMS];
    for (uint32_t d = 0; d < own.n; d++)
        if (d != axis)
            index[d] = rk(l, ranks.at[d < axis ? d : d + at.n - 1]);
    index[axis] = wrapped(l, indices, at_ranks(l, indices, at.at), x, axis);
    define(l, y, at_index(l, x, index));
    return WEIR_OK;
}

weir_status lower_gather_elements(Lowering *l)
{
    Operand *x = l->in[0], *indices = l->in[1], *y;
    uint32_t axis;
    TRY(want_indices(l, indices));
    TRY(want_rank(l, indices, x->n_dims, x->n_dims));
    TRY(axis_of(l, attr_int(l, "axis", 0), x->n_dims, &axis));
    TRY(check_constant(l, indices, x->extent[axis]));
    for (uint32_t d = 0; d < x->n_dims; d++)
        if (d != axis && indices->extent[d] > x->extent[d])
            return invalid(l, "indices %s are larger than the data", shape_text(l, indices));
    Ranks ranks;
    ranks_of(l, indices, &ranks);
    TRY(output(l, 0, x->type, &ranks, &y));
    ExprId index[MAX_DIMS];
    for (uint32_t d = 0; d < x->n_dims; d++)
        index[d] = rk(l, ranks.at[d]);
    index[axis] = wrapped(l, indices, at_ranks(l, indices, ranks.at), x, axis);
    define(l, y, at_index(l, x, index));
    return WEIR_OK;
}

weir_status lower_gather_nd(Lowering *l)
{
    Operand *x = l->in[0], *indices = l->in[1], *y;
    int64_t batch = attr_int(l, "batch_dims", 0);
    TRY(want_indices(l, indices));
    TRY(want_rank(l, indices, 1, MAX_DIMS));
    if (dim_runtime(l, indices, indices->n_dims - 1))
        return unsupported(l, "tuples of run-time length");
    uint32_t q = indices->n_dims - 1;
    int64_t depth = indices->extent[q];
    if (batch < 0 || batch > q || depth < 1 || depth > (int64_t)x->n_dims - batch)
        return invalid(l, "indices %s and batch_dims %lld do not fit %s", shape_text(l, indices), (long long)batch,
                       shape_text(l, x));
    Ranks ranks = {0}, own;
    ranks_of(l, x, &own);
    for (uint32_t d = 0; d < q; d++) {
        if (d < batch && indices->extent[d] != x->extent[d])
            return invalid(l, "batch dimension %u differs", d);
        ranks_add_distinct(l, &ranks, dim_rank(l, indices, d), "q", indices->extent[d]);
    }
    for (uint32_t d = (uint32_t)(batch + depth); d < own.n; d++)
        ranks_add_distinct(l, &ranks, own.at[d], "d", x->extent[d]);
    TRY(output(l, 0, x->type, &ranks, &y));
    ExprId index[MAX_DIMS], at[MAX_DIMS];
    for (uint32_t d = 0; d < q; d++)
        at[d] = rk(l, ranks.at[d]);
    for (uint32_t d = 0; d < own.n; d++) {
        if (d < batch) {
            index[d] = at[d];
        } else if (d < batch + depth) {
            at[q] = num(l, (int64_t)d - batch);
            index[d] = wrapped(l, indices, at_index(l, indices, at), x, d);
        } else {
            index[d] = rk(l, ranks.at[q + d - (uint32_t)(batch + depth)]);
        }
    }
    define(l, y, at_index(l, x, index));
    return WEIR_OK;
}

/* ---- scatter ---- */

static weir_status scatter_kind(Lowering *l, Reduction *out)
{
    static const struct {
        const char *name;
        Reduction reduction;
    } kinds[] = {{"none", RED_SET}, {"add", RED_SUM}, {"mul", RED_PROD}, {"max", RED_MAX}, {"min", RED_MIN}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (attr_is(l, "reduction", "none", kinds[i].name)) {
            *out = kinds[i].reduction;
            return WEIR_OK;
        }
    }
    return invalid(l, "reduction '%s'", attr_text(l, "reduction", ""));
}

/* Y[..] = X[..] then reduction [index] <- value. */
static weir_status scatter(Lowering *l, Operand *x, Reduction reduction, const ExprId *index, ExprId value)
{
    Operand *y;
    Ranks own;
    ranks_of(l, x, &own);
    TRY(output(l, 0, x->type, &own, &y));
    StatementId id = st_define(l->cs, y->tensor, at_ranks(l, x, own.at), l->provenance);
    Statement *st = statement_at(l->cs, id);
    st->scatter = reduction;
    st->n_scatter = x->n_dims;
    st->scatter_index = arena_copy(&l->cx->arena, index, x->n_dims * sizeof *index);
    st->scatter_value = value;
    return WEIR_OK;
}

static weir_status check_scatter_type(Lowering *l, const Operand *x, Reduction reduction)
{
    if (reduction != RED_SET && !is_float(x->type) && !dtype_is_int(x->type))
        return invalid(l, "a reduction of type %s", dtype_text(x->type));
    return WEIR_OK;
}

weir_status lower_scatter_elements(Lowering *l)
{
    Operand *x = l->in[0], *indices = l->in[1], *updates = l->in[2];
    uint32_t axis;
    Reduction reduction = RED_SET;
    TRY(want_indices(l, indices));
    TRY(want_same_type(l, x, updates));
    TRY(want_rank(l, indices, x->n_dims, x->n_dims));
    TRY(want_rank(l, updates, x->n_dims, x->n_dims));
    TRY(want_rank(l, x, 1, MAX_DIMS));
    TRY(scatter_kind(l, &reduction));
    TRY(check_scatter_type(l, x, reduction));
    TRY(axis_of(l, attr_int(l, "axis", 0), x->n_dims, &axis));
    TRY(check_constant(l, indices, x->extent[axis]));
    for (uint32_t d = 0; d < x->n_dims; d++)
        if (indices->extent[d] != updates->extent[d] || (d != axis && indices->extent[d] > x->extent[d]))
            return invalid(l, "indices %s and updates %s do not fit", shape_text(l, indices), shape_text(l, updates));
    Ranks ranks;
    ranks_of(l, updates, &ranks);
    ExprId index[MAX_DIMS];
    for (uint32_t d = 0; d < x->n_dims; d++)
        index[d] = rk(l, ranks.at[d]);
    index[axis] = wrapped(l, indices, at_ranks(l, indices, ranks.at), x, axis);
    return scatter(l, x, reduction, index, at_ranks(l, updates, ranks.at));
}

weir_status lower_scatter_nd(Lowering *l)
{
    Operand *x = l->in[0], *indices = l->in[1], *updates = l->in[2];
    Reduction reduction = RED_SET;
    TRY(want_indices(l, indices));
    TRY(want_same_type(l, x, updates));
    TRY(want_rank(l, indices, 1, MAX_DIMS));
    if (dim_runtime(l, indices, indices->n_dims - 1))
        return unsupported(l, "tuples of run-time length");
    TRY(scatter_kind(l, &reduction));
    TRY(check_scatter_type(l, x, reduction));
    uint32_t q = indices->n_dims - 1;
    int64_t depth = indices->extent[q];
    if (depth < 1 || depth > x->n_dims || updates->n_dims != q + x->n_dims - (uint32_t)depth)
        return invalid(l, "indices %s and updates %s do not fit", shape_text(l, indices), shape_text(l, updates));
    for (uint32_t d = 0; d < updates->n_dims; d++)
        if (updates->extent[d] != (d < q ? indices->extent[d] : x->extent[d - q + (uint32_t)depth]))
            return invalid(l, "updates %s do not fit", shape_text(l, updates));
    Ranks ranks;
    ranks_of(l, updates, &ranks);
    ExprId index[MAX_DIMS], at[MAX_DIMS];
    for (uint32_t d = 0; d < q; d++)
        at[d] = rk(l, ranks.at[d]);
    for (uint32_t d = 0; d < x->n_dims; d++) {
        if (d < depth) {
            at[q] = num(l, d);
            index[d] = wrapped(l, indices, at_index(l, indices, at), x, d);
        } else {
            index[d] = rk(l, ranks.at[q + d - (uint32_t)depth]);
        }
    }
    return scatter(l, x, reduction, index, at_ranks(l, updates, ranks.at));
}

/* The update's positions along an axis go to a cache from a batch's write index on; circular ones wrap. */
weir_status lower_tensor_scatter(Lowering *l)
{
    Operand *past = l->in[0], *update = l->in[1], *starts = input(l, 2);
    uint32_t axis;
    bool circular = attr_is(l, "mode", "linear", "circular");
    if (!circular && !attr_is(l, "mode", "linear", "linear"))
        return invalid(l, "mode '%s'", attr_text(l, "mode", ""));
    TRY(want_rank(l, past, 2, MAX_DIMS));
    TRY(want_rank(l, update, past->n_dims, past->n_dims));
    TRY(want_same_type(l, past, update));
    TRY(want_static(l, past));
    TRY(axis_of(l, attr_int(l, "axis", -2), past->n_dims, &axis));
    if (axis == 0)
        return invalid(l, "the axis is the batch");
    for (uint32_t d = 0; d < past->n_dims; d++)
        if (d == axis ? update->extent[d] > past->extent[d] : update->extent[d] != past->extent[d])
            return invalid(l, "the update %s does not fit %s", shape_text(l, update), shape_text(l, past));
    if (starts != NULL) {
        TRY(want_indices(l, starts));
        if (starts->n_dims != 1 || starts->extent[0] != past->extent[0])
            return invalid(l, "write_indices %s do not fit", shape_text(l, starts));
    }
    Ranks ranks;
    ranks_of(l, update, &ranks);
    ExprId index[MAX_DIMS];
    for (uint32_t d = 0; d < past->n_dims; d++)
        index[d] = rk(l, ranks.at[d]);
    if (starts != NULL)
        index[axis] = ex2(l, FN_ADD, at_ranks(l, starts, &ranks.at[0]), index[axis]);
    if (circular)
        index[axis] = ix_mod(l, index[axis], past->extent[axis]);
    return scatter(l, past, RED_SET, index, at_ranks(l, update, ranks.at));
}
