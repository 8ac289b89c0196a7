/*
 * frontend/lower/host.c: sort-like operators as host statements; results of unknown length have a run-time extent.
 */
#include "frontend/lower/extent.h"
#include "frontend/lower/families.h"

enum { MOST_ARGS = 8 };

typedef struct HostCall {
    uint32_t n_args, n_targets;
    HostArg args[MOST_ARGS];
    Target targets[MOST_ARGS];
} HostCall;

static void host_tensor(Lowering *l, HostCall *call, Operand *op)
{
    Ranks ranks;
    ranks_of(l, op, &ranks);
    call->args[call->n_args++] = (HostArg){.tensor = op->tensor, .n_ranks = ranks.n,
                                           .ranks = arena_copy(&l->cx->arena, ranks.at, ranks.n * sizeof *ranks.at)};
}

static void host_number(Lowering *l, HostCall *call, const char *key, ExprId literal)
{
    call->args[call->n_args++] = (HostArg){.key = intern_text(&l->cx->names, key), .literal = literal};
}

static void host_target(Lowering *l, HostCall *call, const Operand *op)
{
    uint32_t n = tensor_at(l->cs, op->tensor)->n_dims;
    ExprId *index = ARENA_ARRAY(&l->cx->arena, ExprId, n);
    for (uint32_t d = 0; d < n; d++)
        index[d] = rk(l, tensor_at(l->cs, op->tensor)->dims[d].rank);
    call->targets[call->n_targets++] = (Target){op->tensor, n, index};
}

static void host_statement(Lowering *l, HostOp op, const HostCall *call)
{
    Arena *arena = &l->cx->arena;
    Statement st = {.kind = ST_HOST, .hostop = op, .n_args = call->n_args, .n_targets = call->n_targets};
    st.args = arena_copy(arena, call->args, call->n_args * sizeof *call->args);
    st.targets = arena_copy(arena, call->targets, call->n_targets * sizeof *call->targets);
    st.n_provenance = 1;
    st.provenance = arena_copy(arena, &l->provenance, sizeof l->provenance);
    cascade_item(l->cs, cascade_add_statement(l->cs, st));
}

/* A scalar that the host statement sets, and a rank whose extent it is. */
static weir_status counted_rank(Lowering *l, int64_t bound, Operand **out_count, RankId *out_rank)
{
    Ranks none = {0};
    TRY(temporary(l, "_count", DT_I64, &none, out_count));
    Rank rank = {.name = cascade_fresh_name(l->cs, "q"), .kind = RANK_SCALAR, .extent = bound,
                 .scalar = (*out_count)->tensor};
    *out_rank = cascade_add_rank(l->cs, rank);
    cascade_item_rank(l->cs, *out_rank);
    return WEIR_OK;
}

static weir_status output_or_temporary(Lowering *l, uint32_t k, const char *suffix, Dtype type, const Ranks *ranks, Operand **out)
{
    return out_wanted(l, k) ? output(l, k, type, ranks, out) : temporary(l, suffix, type, ranks, out);
}

weir_status lower_topk(Lowering *l)
{
    Operand *x = l->in[0], *values, *places;
    HostCall call = {0};
    Scalars k;
    bool given;
    uint32_t axis;
    if (!is_float(x->type) && !dtype_is_int(x->type))
        return invalid(l, "not defined for type %s", dtype_text(x->type));
    TRY(axis_of(l, attr_int(l, "axis", -1), x->n_dims, &axis));
    Scalar extent = extent_scalar(l, x, axis);
    if (l->opset < 10) {
        const Attribute *a = attr(l, "k");
        given = a != NULL;
        k = (Scalars){1, ARENA_NEW(&l->cx->arena, Scalar)};
        k.at[0] = scalar_int(a == NULL ? 0 : a->i);
    } else {
        TRY(scalars_given(l, 1, "k", &k, &given));
    }
    if (!given || k.n != 1 || k.at[0].high < 0 || k.at[0].low > extent.high)
        return invalid(l, "k must be one number of at most %lld", (long long)x->extent[axis]);
    k.at[0].high = k.at[0].high < extent.high ? k.at[0].high : extent.high; /* more stop the run */
    Ranks own, ranks = {0};
    ranks_of(l, x, &own);
    for (uint32_t d = 0; d < own.n; d++) {
        if (d == axis)
            TRY(ranks_add_scalar(l, &ranks, own.at[d], "k", &k.at[0], l->in[1]));
        else
            ranks_add(&ranks, own.at[d]);
    }
    TRY(output_or_temporary(l, 0, "_values", x->type, &ranks, &values));
    TRY(output_or_temporary(l, 1, "_places", DT_I64, &ranks, &places));
    host_target(l, &call, values);
    host_target(l, &call, places);
    host_tensor(l, &call, x);
    host_number(l, &call, "axis", num(l, axis));
    host_number(l, &call, "largest", num(l, attr_int(l, "largest", 1) != 0));
    host_statement(l, HOSTOP_TOPK, &call);
    return WEIR_OK;
}

weir_status lower_nonzero(Lowering *l)
{
    Operand *x = l->in[0], *count, *places, *y;
    HostCall call = {0};
    RankId q;
    if (dtype_kind(x->type) == DK_CODE)
        return unsupported(l, "type %s", dtype_text(x->type));
    TRY(counted_rank(l, count_of(x), &count, &q));
    Ranks rows = {.n = 2, .at = {q, new_rank(l, "d", x->n_dims)}};
    TRY(temporary(l, "_places", DT_I64, &rows, &places));
    host_target(l, &call, places);
    host_target(l, &call, count);
    host_tensor(l, &call, x);
    host_statement(l, HOSTOP_NONZERO, &call);
    Ranks ranks = {.n = 2, .at = {rows.at[1], q}};
    TRY(output(l, 0, DT_I64, &ranks, &y));
    define(l, y, at_ranks(l, places, rows.at));
    return WEIR_OK;
}

weir_status lower_compress(Lowering *l)
{
    Operand *x = l->in[0], *condition = l->in[1], *count, *y;
    HostCall call = {0};
    uint32_t axis = 0;
    RankId q;
    if (condition->type != DT_BOOL || condition->n_dims != 1)
        return invalid(l, "the condition must be a list of bool");
    TRY(want_static(l, x));
    if (attr(l, "axis") == NULL) { /* of the flattened input */
        int64_t n = count_of(x);
        TRY(reshape_to(l, x, 1, &n, 0));
        x = l->out[0];
        l->out[0] = NULL;
    } else {
        TRY(axis_of(l, attr_int(l, "axis", 0), x->n_dims, &axis));
    }
    TRY(counted_rank(l, x->extent[axis], &count, &q));
    Ranks ranks;
    ranks_of(l, x, &ranks);
    ranks.at[axis] = q;
    TRY(output(l, 0, x->type, &ranks, &y));
    host_target(l, &call, y);
    host_target(l, &call, count);
    host_tensor(l, &call, x);
    host_tensor(l, &call, condition);
    host_number(l, &call, "axis", num(l, axis));
    host_statement(l, HOSTOP_COMPRESS, &call);
    return WEIR_OK;
}

weir_status lower_unique(Lowering *l)
{
    Operand *x = l->in[0], *count, *results[4];
    HostCall call = {0};
    bool flat = attr(l, "axis") == NULL;
    uint32_t axis = 0;
    RankId q;
    TRY(want_static(l, x));
    if (!flat)
        TRY(axis_of(l, attr_int(l, "axis", 0), x->n_dims, &axis));
    int64_t n = flat ? count_of(x) : x->extent[axis];
    TRY(counted_rank(l, n, &count, &q));
    Ranks ranks, found = {.n = 1, .at = {q}}, all = {.n = 1, .at = {new_rank(l, "i", n)}};
    ranks_of(l, x, &ranks);
    if (flat)
        ranks = found;
    else
        ranks.at[axis] = q;
    TRY(output_or_temporary(l, 0, "_values", x->type, &ranks, &results[0]));
    TRY(output_or_temporary(l, 1, "_first", DT_I64, &found, &results[1]));
    TRY(output_or_temporary(l, 2, "_inverse", DT_I64, &all, &results[2]));
    TRY(output_or_temporary(l, 3, "_counts", DT_I64, &found, &results[3]));
    for (uint32_t k = 0; k < 4; k++)
        host_target(l, &call, results[k]);
    host_target(l, &call, count);
    host_tensor(l, &call, x);
    if (!flat)
        host_number(l, &call, "axis", num(l, axis));
    host_number(l, &call, "sorted", num(l, attr_int(l, "sorted", 1) != 0));
    host_statement(l, HOSTOP_UNIQUE, &call);
    return WEIR_OK;
}

/* A number of NonMaxSuppression, which must be known. */
static weir_status known_number(Lowering *l, uint32_t k, double otherwise, double *out)
{
    const Tensor *value;
    *out = otherwise;
    if (input(l, k) == NULL)
        return WEIR_OK;
    TRY(value_of(l, l->in[k], &value));
    if (count_of(l->in[k]) == 0)
        return WEIR_OK;
    *out = is_float(value->type) ? dtype_load_f64(value->type, value->data, 0)
                                 : (double)dtype_load_i64(value->type, value->data, 0);
    return WEIR_OK;
}

weir_status lower_nms(Lowering *l)
{
    Operand *boxes = l->in[0], *scores = l->in[1], *count, *y;
    HostCall call = {0};
    double most, iou, score;
    RankId q;
    TRY(want_rank(l, boxes, 3, 3));
    TRY(want_rank(l, scores, 3, 3));
    TRY(want_static(l, boxes));
    TRY(want_static(l, scores));
    if (boxes->extent[2] != 4 || boxes->extent[0] != scores->extent[0] || boxes->extent[1] != scores->extent[2])
        return invalid(l, "boxes %s do not fit scores %s", shape_text(l, boxes), shape_text(l, scores));
    TRY(known_number(l, 2, 0, &most));
    TRY(known_number(l, 3, 0, &iou));
    TRY(known_number(l, 4, 0, &score));
    double each = most < 0 ? 0 : most < (double)boxes->extent[1] ? most : (double)boxes->extent[1];
    TRY(counted_rank(l, boxes->extent[0] * scores->extent[1] * (int64_t)each, &count, &q));
    Ranks ranks = {.n = 2, .at = {q, new_rank(l, "d", 3)}};
    TRY(output(l, 0, DT_I64, &ranks, &y));
    host_target(l, &call, y);
    host_target(l, &call, count);
    host_tensor(l, &call, boxes);
    host_tensor(l, &call, scores);
    host_number(l, &call, "max_output", num(l, (int64_t)each));
    host_number(l, &call, "iou", lit(l, DT_F64, iou));
    if (input(l, 4) != NULL)
        host_number(l, &call, "score", lit(l, DT_F64, score));
    host_number(l, &call, "center", num(l, attr_int(l, "center_point_box", 0) != 0));
    host_statement(l, HOSTOP_NMS, &call);
    return WEIR_OK;
}

weir_status lower_det(Lowering *l)
{
    Operand *x = l->in[0], *y;
    HostCall call = {0};
    TRY(want_float(l, x));
    TRY(want_rank(l, x, 2, MAX_DIMS));
    TRY(want_static(l, x));
    if (x->extent[x->n_dims - 1] != x->extent[x->n_dims - 2])
        return invalid(l, "the matrices are not square: %s", shape_text(l, x));
    Ranks ranks;
    ranks_of(l, x, &ranks);
    ranks.n -= 2;
    TRY(output(l, 0, x->type, &ranks, &y));
    host_target(l, &call, y);
    host_tensor(l, &call, x);
    host_statement(l, HOSTOP_DET, &call);
    return WEIR_OK;
}
