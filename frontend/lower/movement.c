/*
 * frontend/lower/movement.c: operators that move elements: one statement with an index map each.
 */
#include <string.h>

#include "frontend/lower/extent.h"
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
            if (d != axis && x->extent[d] != first->extent[d] && !dim_runtime(l, x, d) && !dim_runtime(l, first, d))
                return invalid(l, "dimension %u: %lld and %lld", d, (long long)first->extent[d], (long long)x->extent[d]);
        for (uint32_t d = 0; d < x->n_dims; d++)
            *out_runtime = *out_runtime || dim_runtime(l, x, d);
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
        return concat_runtime(l, axis);
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

static weir_status split_sizes(Lowering *l, Scalar extent, uint32_t n, Scalar *sizes)
{
    Scalars given_sizes;
    bool given;
    TRY(scalars_given(l, 1, "split", &given_sizes, &given));
    if (given) {
        Scalar sum = scalar_int(0);
        if (given_sizes.n != n)
            return invalid(l, "%u sizes for %u outputs", given_sizes.n, n);
        for (uint32_t k = 0; k < n; k++) {
            sizes[k] = given_sizes.at[k];
            if (sizes[k].high < 0)
                return invalid(l, "size %lld", (long long)sizes[k].b);
            sum = scalar_2(l, FN_ADD, sum, sizes[k]);
        }
        if (scalar_known(&sum) && scalar_known(&extent) && sum.b != extent.b)
            return invalid(l, "the sizes sum to %lld, the extent is %lld", (long long)sum.b, (long long)extent.b);
        return WEIR_OK;
    }
    if (attr(l, "num_outputs") != NULL && attr_int(l, "num_outputs", 0) != n)
        return invalid(l, "num_outputs differs from the number of outputs");
    Scalar chunk = scalar_2(l, FN_FLOORDIV, scalar_2(l, FN_ADD, extent, scalar_int(n - 1)), scalar_int(n));
    for (uint32_t k = 0; k < n; k++) {
        Scalar left = scalar_2(l, FN_SUB, extent, scalar_2(l, FN_MUL, chunk, scalar_int(k)));
        sizes[k] = scalar_2(l, FN_MIN, scalar_2(l, FN_MAX, left, scalar_int(0)), chunk);
    }
    return WEIR_OK;
}

/* The piece of x along the axis that begins at `offset`, as output k. */
static weir_status split_piece(Lowering *l, Operand *x, uint32_t axis, uint32_t k, const Scalar *offset, const Scalar *size)
{
    Ranks own, ranks = {0};
    Operand *y;
    ExprId index[MAX_DIMS], begin;
    ranks_of(l, x, &own);
    for (uint32_t d = 0; d < own.n; d++) {
        if (d == axis)
            TRY(ranks_add_scalar(l, &ranks, (RankId){0}, "z", size, x));
        else
            ranks_add(&ranks, own.at[d]);
    }
    TRY(scalar_index(l, offset, &begin));
    TRY(output(l, k, x->type, &ranks, &y));
    for (uint32_t d = 0; d < x->n_dims; d++)
        index[d] = rk(l, ranks.at[d]);
    index[axis] = ix_add(l, index[axis], begin);
    define(l, y, at_index(l, x, index));
    return WEIR_OK;
}

weir_status lower_split(Lowering *l)
{
    Operand *x = l->in[0];
    uint32_t axis, n = l->node->n_outputs;
    TRY(axis_of(l, attr_int(l, "axis", 0), x->n_dims, &axis));
    if (n == 0)
        return invalid(l, "no outputs");
    Scalar *sizes = ARENA_ARRAY(&l->cx->arena, Scalar, n), extent = extent_scalar(l, x, axis), offset = scalar_int(0);
    TRY(split_sizes(l, extent, n, sizes));
    for (uint32_t k = 0; k < n; k++) {
        if (out_wanted(l, k) && scalar_same(l, &sizes[k], &extent))
            output_alias(l, k, x);
        else if (out_wanted(l, k))
            TRY(split_piece(l, x, axis, k, &offset, &sizes[k]));
        offset = scalar_2(l, FN_ADD, offset, sizes[k]);
    }
    return WEIR_OK;
}
