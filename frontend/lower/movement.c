/*
 * frontend/lower/movement.c: operators that move elements: one statement with an index map each.
 */
#include <string.h>

#include "frontend/lower/families.h"

weir_status lower_transpose(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Ints perm = attr_ints(l, "perm");
    uint32_t from[MAX_DIMS];
    bool seen[MAX_DIMS] = {false}, moves = false;
    if (attr(l, "perm") != NULL && perm.n != x->n_dims)
        return invalid(l, "perm has %u entries for %s", perm.n, shape_text(l, x));
    for (uint32_t d = 0; d < x->n_dims; d++) {
        from[d] = x->n_dims - 1 - d;
        if (perm.n != 0)
            TRY(axis_of(l, perm.at[d], x->n_dims, &from[d]));
        if (seen[from[d]])
            return invalid(l, "perm is no permutation");
        seen[from[d]] = true;
        moves = moves || from[d] != d;
    }
    if (!moves) {
        output_alias(l, 0, x);
        return WEIR_OK;
    }
    Ranks own, ranks = {0};
    ranks_of(l, x, &own);
    for (uint32_t d = 0; d < x->n_dims; d++)
        ranks_add(&ranks, own.at[from[d]]);
    TRY(output(l, 0, x->type, &ranks, &y));
    define(l, y, at_ranks(l, x, own.at));
    return WEIR_OK;
}

/* ---- Concat ---- */

static weir_status concat_extents(Lowering *l, uint32_t axis, int64_t *out_along, bool *out_runtime)
{
    const Operand *first = l->in[0];
    *out_along = 0;
    *out_runtime = false;
    for (uint32_t k = 0; k < l->n_in; k++) {
        const Operand *x = l->in[k];
        if (x == NULL)
            return invalid(l, "input %u is missing", k);
        TRY(want_same_type(l, first, x));
        TRY(want_rank(l, x, first->n_dims, first->n_dims));
        for (uint32_t d = 0; d < x->n_dims; d++)
            if (d != axis && x->extent[d] != first->extent[d])
                return invalid(l, "dimension %u: %lld and %lld", d, (long long)first->extent[d], (long long)x->extent[d]);
        *out_runtime = *out_runtime || dim_runtime(l, x, axis);
        if (__builtin_add_overflow(*out_along, x->extent[axis], out_along))
            return invalid(l, "too large");
    }
    return WEIR_OK;
}

weir_status lower_concat(Lowering *l)
{
    Operand *first = l->in[0], *y;
    uint32_t axis;
    int64_t along, offset = 0;
    TRY(want_rank(l, first, 1, MAX_DIMS));
    TRY(axis_of(l, attr_int(l, "axis", l->opset < 4 ? 1 : 0), first->n_dims, &axis));
    bool runtime;
    TRY(concat_extents(l, axis, &along, &runtime));
    if (runtime)
        return concat_runtime(l, axis, along);
    Operand *model = first; /* gives the other dimensions their ranks */
    for (uint32_t k = 0; k < l->n_in && model->tensor.i == 0; k++)
        model = l->in[k];
    Ranks ranks, own;
    ranks_of(l, model, &ranks);
    ranks.at[axis] = new_rank(l, "z", along);
    TRY(output(l, 0, first->type, &ranks, &y));
    declare_line(l, y);
    for (uint32_t k = 0; k < l->n_in; k++) {
        Operand *x = l->in[k];
        if (x->extent[axis] == 0)
            continue;
        ExprId to[MAX_DIMS], from[MAX_DIMS];
        own = ranks;
        RankId part = dim_rank(l, x, axis);
        if (part.i == 0 || ranks_have(&ranks, part))
            part = new_rank(l, "z", x->extent[axis]);
        own.at[axis] = part;
        declare_over(l, x, own.at);
        for (uint32_t d = 0; d < x->n_dims; d++) {
            from[d] = rk(l, own.at[d]);
            to[d] = d == axis ? ix_affine(l, 1, part, offset) : rk(l, own.at[d]);
        }
        define_at(l, y, to, at_index(l, x, from));
        offset += x->extent[axis];
    }
    if (offset == 0) { /* an empty result needs a definition too */
        ExprId to[MAX_DIMS];
        for (uint32_t d = 0; d < y->n_dims; d++)
            to[d] = rk(l, ranks.at[d]);
        define_at(l, y, to, lit(l, y->type, 0));
    }
    return WEIR_OK;
}

/* ---- Split ---- */

static weir_status split_sizes(Lowering *l, int64_t extent, uint32_t n, int64_t *sizes)
{
    Ints given_sizes;
    bool given;
    TRY(ints_of(l, 1, "split", &given_sizes, &given));
    if (given) {
        int64_t sum = 0;
        if (given_sizes.n != n)
            return invalid(l, "%u sizes for %u outputs", given_sizes.n, n);
        for (uint32_t k = 0; k < n; k++) {
            sizes[k] = given_sizes.at[k];
            if (sizes[k] < 0 || __builtin_add_overflow(sum, sizes[k], &sum))
                return invalid(l, "size %lld", (long long)sizes[k]);
        }
        if (sum != extent)
            return invalid(l, "the sizes sum to %lld, the extent is %lld", (long long)sum, (long long)extent);
        return WEIR_OK;
    }
    if (attr(l, "num_outputs") != NULL && attr_int(l, "num_outputs", 0) != n)
        return invalid(l, "num_outputs differs from the number of outputs");
    int64_t chunk = (extent + n - 1) / n;
    for (uint32_t k = 0; k < n; k++) {
        int64_t left = extent - chunk * k;
        sizes[k] = left < 0 ? 0 : left < chunk ? left : chunk;
    }
    return WEIR_OK;
}

weir_status lower_split(Lowering *l)
{
    Operand *x = l->in[0], *y;
    uint32_t axis, n = l->node->n_outputs;
    int64_t offset = 0;
    TRY(axis_of(l, attr_int(l, "axis", 0), x->n_dims, &axis));
    if (dim_runtime(l, x, axis))
        return unsupported(l, "the axis has a run-time extent");
    if (n == 0)
        return invalid(l, "no outputs");
    int64_t *sizes = ARENA_ARRAY(&l->cx->arena, int64_t, n);
    TRY(split_sizes(l, x->extent[axis], n, sizes));
    Ranks own;
    ranks_of(l, x, &own);
    for (uint32_t k = 0; k < n; offset += sizes[k++]) {
        if (!out_wanted(l, k))
            continue;
        if (sizes[k] == x->extent[axis]) {
            output_alias(l, k, x);
            continue;
        }
        Ranks ranks = own;
        ranks.at[axis] = new_rank(l, "z", sizes[k]);
        TRY(output(l, k, x->type, &ranks, &y));
        ExprId index[MAX_DIMS];
        for (uint32_t d = 0; d < x->n_dims; d++)
            index[d] = ix_affine(l, 1, ranks.at[d], d == axis ? offset : 0);
        define(l, y, at_index(l, x, index));
    }
    return WEIR_OK;
}

/* ---- Slice ---- */

typedef struct Cut {
    int64_t begin, step, n;
} Cut;

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

static Cut cut_of(int64_t extent, int64_t begin, int64_t end, int64_t step)
{
    begin = begin < 0 ? begin + extent : begin;
    if (end < 0)
        end = end < -extent ? -1 : end + extent;
    Cut cut = {.step = step};
    if (step > 0) {
        cut.begin = clamp(begin, 0, extent);
        end = clamp(end, 0, extent);
        cut.n = end > cut.begin ? (end - cut.begin - 1) / step + 1 : 0;
    } else {
        cut.begin = clamp(begin, 0, extent - 1);
        end = clamp(end, -1, extent - 1);
        cut.n = cut.begin > end ? (cut.begin - end - 1) / -step + 1 : 0;
        if (extent == 0)
            cut.n = 0;
    }
    if (cut.n <= 1)
        cut.step = 1;
    return cut;
}

static weir_status slice_cuts(Lowering *l, const Operand *x, Cut *cuts)
{
    Ints starts, ends, axes, steps = {0};
    bool have_starts, have_ends, have_axes, have_steps = false, seen[MAX_DIMS] = {false};
    TRY(ints_of(l, 1, "starts", &starts, &have_starts));
    TRY(ints_of(l, 2, "ends", &ends, &have_ends));
    TRY(ints_of(l, 3, "axes", &axes, &have_axes));
    if (input(l, 4) != NULL)
        TRY(ints_of(l, 4, "steps", &steps, &have_steps));
    if (!have_starts || !have_ends || starts.n != ends.n || (have_axes && axes.n != starts.n) ||
        (have_steps && steps.n != starts.n) || (!have_axes && starts.n > x->n_dims))
        return invalid(l, "starts, ends, axes and steps do not agree");
    for (uint32_t d = 0; d < x->n_dims; d++)
        cuts[d] = (Cut){0, 1, x->extent[d]};
    for (uint32_t k = 0; k < starts.n; k++) {
        uint32_t axis = k;
        int64_t step = have_steps ? steps.at[k] : 1;
        if (have_axes)
            TRY(axis_of(l, axes.at[k], x->n_dims, &axis));
        if (seen[axis])
            return invalid(l, "axis %u is given twice", axis);
        if (step == 0 || step == INT64_MIN)
            return invalid(l, "step %lld", (long long)step);
        seen[axis] = true;
        if (dim_runtime(l, x, axis))
            return unsupported(l, "dimension %u has a run-time extent", axis);
        cuts[axis] = cut_of(x->extent[axis], starts.at[k], ends.at[k], step);
    }
    return WEIR_OK;
}

weir_status lower_slice(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Cut cuts[MAX_DIMS];
    TRY(slice_cuts(l, x, cuts));
    bool whole = true;
    for (uint32_t d = 0; d < x->n_dims; d++)
        whole = whole && cuts[d].n == x->extent[d] && (cuts[d].step == 1 || cuts[d].n <= 1);
    if (whole) {
        output_alias(l, 0, x);
        return WEIR_OK;
    }
    Ranks ranks;
    ExprId index[MAX_DIMS];
    ranks_of(l, x, &ranks);
    for (uint32_t d = 0; d < x->n_dims; d++)
        if (cuts[d].n != x->extent[d] || cuts[d].step != 1)
            ranks.at[d] = new_rank(l, rank_name(l->cs, ranks.at[d]), cuts[d].n);
    TRY(output(l, 0, x->type, &ranks, &y));
    for (uint32_t d = 0; d < x->n_dims; d++)
        index[d] = cuts[d].step > 0 ? ix_affine(l, cuts[d].step, ranks.at[d], cuts[d].begin)
                                    : ex2(l, FN_SUB, num(l, cuts[d].begin), ix_affine(l, -cuts[d].step, ranks.at[d], 0));
    define(l, y, count_of(y) == 0 && dtype_kind(y->type) != DK_CODE ? lit(l, y->type, 0) : at_index(l, x, index));
    return WEIR_OK;
}

/* ---- Expand, Tile ---- */

weir_status lower_expand(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Ints shape;
    TRY(value_ints(l, l->in[1], &shape));
    if (shape.n > MAX_DIMS)
        return unsupported(l, "%u dimensions", shape.n);
    uint32_t n = shape.n > x->n_dims ? shape.n : x->n_dims;
    Ranks ranks = {0};
    bool same = n == x->n_dims;
    for (uint32_t d = 0; d < n; d++) {
        int64_t own = d + x->n_dims < n ? 1 : x->extent[d + x->n_dims - n];
        int64_t to = d + shape.n < n ? 1 : shape.at[d + shape.n - n];
        if (own != to && own != 1 && to != 1)
            return invalid(l, "dimension %u: %lld does not expand to %lld", d, (long long)own, (long long)to);
        RankId rank = d + x->n_dims < n || own == 1 ? (RankId){0} : dim_rank(l, x, d + x->n_dims - n);
        if (own == 1 && to == 1 && d + x->n_dims >= n)
            rank = dim_rank(l, x, d + x->n_dims - n);
        same = same && (to == 1 || to == own);
        ranks_add_distinct(l, &ranks, rank, "x", own == 1 ? to : own);
    }
    if (same) {
        output_alias(l, 0, x);
        return WEIR_OK;
    }
    TRY(output(l, 0, x->type, &ranks, &y));
    define(l, y, at_broadcast(l, x, &ranks));
    return WEIR_OK;
}

weir_status lower_tile(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Ints repeats;
    TRY(value_ints(l, l->in[1], &repeats));
    if (repeats.n != x->n_dims)
        return invalid(l, "%u repeats for %s", repeats.n, shape_text(l, x));
    TRY(want_static(l, x));
    Ranks ranks;
    ExprId index[MAX_DIMS];
    ranks_of(l, x, &ranks);
    for (uint32_t d = 0; d < x->n_dims; d++) {
        int64_t extent;
        if (repeats.at[d] < 0 || __builtin_mul_overflow(x->extent[d], repeats.at[d], &extent))
            return invalid(l, "repeat %lld", (long long)repeats.at[d]);
        if (repeats.at[d] != 1)
            ranks.at[d] = new_rank(l, rank_name(l->cs, ranks.at[d]), extent);
    }
    TRY(output(l, 0, x->type, &ranks, &y));
    for (uint32_t d = 0; d < x->n_dims; d++) {
        index[d] = rk(l, ranks.at[d]);
        if (repeats.at[d] != 1)
            index[d] = x->extent[d] <= 1 ? num(l, 0) : ix_mod(l, index[d], x->extent[d]);
    }
    define(l, y, count_of(y) == 0 && dtype_kind(y->type) != DK_CODE ? lit(l, y->type, 0) : at_index(l, x, index));
    return WEIR_OK;
}

/* ---- Pad ---- */

typedef struct Padding {
    int64_t begin[MAX_DIMS], end[MAX_DIMS];
} Padding;

static weir_status pad_amounts(Lowering *l, const Operand *x, Padding *padding)
{
    Ints pads, axes = {0};
    bool given, have_axes = input(l, 3) != NULL;
    TRY(ints_of(l, 1, "pads", &pads, &given));
    if (have_axes)
        TRY(value_ints(l, l->in[3], &axes));
    uint32_t n = have_axes ? axes.n : x->n_dims;
    if (!given || pads.n != 2 * n)
        return invalid(l, "%u pads for %u axes", pads.n, n);
    bool seen[MAX_DIMS];
    if (have_axes)
        TRY(axes_of(l, axes, x->n_dims, seen));
    *padding = (Padding){0};
    for (uint32_t k = 0; k < n; k++) {
        uint32_t axis = k;
        if (have_axes)
            TRY(axis_of(l, axes.at[k], x->n_dims, &axis));
        padding->begin[axis] = pads.at[k];
        padding->end[axis] = pads.at[n + k];
    }
    return WEIR_OK;
}

static weir_status pad_value(Lowering *l, const Operand *x, ExprId *out_literal, TensorId *out_tensor)
{
    Operand *value = input(l, 2);
    *out_literal = (ExprId){0};
    if (value == NULL) {
        *out_literal = lit(l, x->type, attr_float(l, "value", 0));
        return WEIR_OK;
    }
    if (value->type != x->type || count_of(value) != 1)
        return invalid(l, "the constant must be a scalar %s", dtype_text(x->type));
    if (value->value != NULL && dtype_kind(x->type) != DK_CODE) {
        *out_literal = literal_at(l, value->value, 0);
        return WEIR_OK;
    }
    if (value->n_dims != 0) { /* a pad is read from a scalar */
        Operand *scalar;
        Ranks none = {0};
        ExprId zero[MAX_DIMS];
        for (uint32_t d = 0; d < value->n_dims; d++)
            zero[d] = num(l, 0);
        TRY(temporary(l, "_value", value->type, &none, &scalar));
        define(l, scalar, at_index(l, value, zero));
        value = scalar;
    }
    *out_tensor = tensor_of(l, value);
    return WEIR_OK;
}

/* The source coordinate of `i - begin` in the modes that repeat the operand. */
static weir_status pad_source(Lowering *l, const char *mode, ExprId at, int64_t extent, ExprId *out)
{
    if (extent == 0)
        return invalid(l, "mode %s on an empty dimension", mode);
    if (strcmp(mode, "edge") == 0) {
        *out = ex2(l, FN_MIN, ex2(l, FN_MAX, at, num(l, 0)), num(l, extent - 1));
    } else if (strcmp(mode, "reflect") == 0) {
        if (extent == 1) {
            *out = num(l, 0);
            return WEIR_OK;
        }
        ExprId t = ix_mod(l, at, 2 * extent - 2);
        *out = ex_select(l->cs, ex2(l, FN_LT, t, num(l, extent)), t, ex2(l, FN_SUB, num(l, 2 * extent - 2), t));
    } else if (strcmp(mode, "wrap") == 0) {
        *out = extent == 1 ? num(l, 0) : ix_mod(l, at, extent);
    } else {
        return invalid(l, "mode '%s'", mode);
    }
    return WEIR_OK;
}

weir_status lower_pad(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Padding p;
    const char *mode = attr_text(l, "mode", "constant");
    bool constant = strcmp(mode, "constant") == 0, moves = false, leaves = false;
    TRY(pad_amounts(l, x, &p));
    Ranks ranks;
    ranks_of(l, x, &ranks);
    for (uint32_t d = 0; d < x->n_dims; d++) {
        int64_t extent;
        if (p.begin[d] == 0 && p.end[d] == 0)
            continue;
        if (dim_runtime(l, x, d))
            return unsupported(l, "dimension %u has a run-time extent", d);
        if (p.begin[d] < -x->extent[d] || p.end[d] < -x->extent[d] ||
            __builtin_add_overflow(x->extent[d], p.begin[d], &extent) ||
            __builtin_add_overflow(extent, p.end[d], &extent) || extent < 0)
            return invalid(l, "pads %lld, %lld of dimension %u", (long long)p.begin[d], (long long)p.end[d], d);
        moves = true;
        leaves = leaves || p.begin[d] > 0 || p.end[d] > 0;
        ranks.at[d] = new_rank(l, rank_name(l->cs, ranks.at[d]), extent);
    }
    if (!moves) {
        output_alias(l, 0, x);
        return WEIR_OK;
    }
    ExprId index[MAX_DIMS], literal = {0};
    TensorId tensor = {0};
    if (constant)
        TRY(pad_value(l, x, &literal, &tensor));
    TRY(output(l, 0, x->type, &ranks, &y));
    for (uint32_t d = 0; d < x->n_dims; d++) {
        index[d] = ix_affine(l, 1, ranks.at[d], -p.begin[d]);
        if (!constant && (p.begin[d] > 0 || p.end[d] > 0))
            TRY(pad_source(l, mode, index[d], x->extent[d], &index[d]));
    }
    if (!constant || !leaves)
        define(l, y, at_index(l, x, index));
    else if (tensor.i != 0)
        define(l, y, ex_access_pad_tensor(l->cs, tensor_of(l, x), x->n_dims, index, tensor));
    else
        define(l, y, at_pad(l, x, index, literal));
    return WEIR_OK;
}
