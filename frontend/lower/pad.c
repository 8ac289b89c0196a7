/*
 * frontend/lower/pad.c: Pad: the operand moved by its begins, and what is read outside it.
 */
#include <string.h>

#include "frontend/lower/extent.h"
#include "frontend/lower/families.h"

typedef struct Padding {
    Scalar begin[MAX_DIMS], end[MAX_DIMS];
} Padding;

static weir_status pad_amounts(Lowering *l, const Operand *x, Padding *padding)
{
    Scalars pads;
    Ints axes = {0};
    bool given, have_axes = input(l, 3) != NULL;
    TRY(scalars_given(l, 1, "pads", &pads, &given));
    if (have_axes)
        TRY(value_ints(l, l->in[3], &axes));
    uint32_t n = have_axes ? axes.n : x->n_dims;
    if (!given || pads.n != 2 * n)
        return invalid(l, "%u pads for %u axes", pads.n, n);
    bool seen[MAX_DIMS];
    if (have_axes)
        TRY(axes_of(l, axes, x->n_dims, seen));
    for (uint32_t d = 0; d < x->n_dims; d++)
        padding->begin[d] = padding->end[d] = scalar_int(0);
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
        TRY(temporary(l, "_value", value->type, &none, &scalar));
        define(l, scalar, at_scalar(l, value));
        value = scalar;
    }
    *out_tensor = tensor_of(l, value);
    return WEIR_OK;
}

/* floormod(i - begin, period) as an index. */
static weir_status wrapped(Lowering *l, RankId rank, const Scalar *begin, const Scalar *period, ExprId at, ExprId *out)
{
    if (scalar_known(period)) {
        *out = ix_mod(l, at, period->b);
        return WEIR_OK;
    }
    Operand *place;
    Ranks over = {.n = 1, .at = {rank}};
    TRY(temporary(l, "_turn", DT_I64, &over, &place));
    define(l, place, ex2(l, FN_FLOORMOD, ex2(l, FN_SUB, ex_index(l->cs, rank), scalar_expr(l, begin)), scalar_expr(l, period)));
    *out = at_ranks(l, place, &rank);
    return WEIR_OK;
}

/* The source coordinate of `at` = i - begin in the modes that repeat the operand. */
static weir_status pad_source(Lowering *l, const char *mode, RankId rank, const Scalar *begin, const Scalar *extent, ExprId at,
                              ExprId *out)
{
    if (scalar_is(extent, 0))
        return invalid(l, "mode %s on an empty dimension", mode);
    Scalar last = scalar_2(l, FN_SUB, *extent, scalar_int(1));
    bool single = scalar_is(extent, 1);
    if (strcmp(mode, "edge") == 0) {
        *out = ex2(l, FN_MIN, ex2(l, FN_MAX, at, num(l, 0)), scalar_expr(l, &last));
    } else if (strcmp(mode, "reflect") == 0) {
        Scalar period = scalar_2(l, FN_MAX, scalar_2(l, FN_MUL, last, scalar_int(2)), scalar_int(1));
        ExprId t;
        TRY(wrapped(l, rank, begin, &period, at, &t));
        ExprId back = ex2(l, FN_SUB, scalar_expr(l, &period), t);
        *out = single ? num(l, 0) : ex_select(l->cs, ex2(l, FN_LT, t, scalar_expr(l, extent)), t, back);
    } else if (strcmp(mode, "wrap") == 0) {
        TRY(wrapped(l, rank, begin, extent, at, out));
        *out = single ? num(l, 0) : *out;
    } else {
        return invalid(l, "mode '%s'", mode);
    }
    return WEIR_OK;
}

static bool negative_known(Lowering *l, Scalar extent, Scalar amount)
{
    Scalar left = scalar_2(l, FN_ADD, extent, amount);
    return scalar_known(&left) && left.b < 0;
}

/* The ranks of the result; *out_leaves: whether reads can leave the operand. */
static weir_status padded_ranks(Lowering *l, Operand *x, const Padding *p, Ranks *ranks, bool *out_moves, bool *out_leaves)
{
    Ranks own;
    ranks_of(l, x, &own);
    *ranks = (Ranks){0};
    for (uint32_t d = 0; d < x->n_dims; d++) {
        Scalar extent = extent_scalar(l, x, d);
        bool stays = scalar_is(&p->begin[d], 0) && scalar_is(&p->end[d], 0);
        Scalar both = scalar_2(l, FN_ADD, p->begin[d], p->end[d]), result = scalar_2(l, FN_ADD, extent, both);
        if (negative_known(l, extent, p->begin[d]) || negative_known(l, extent, p->end[d]) ||
            (scalar_known(&result) && result.b < 0) || (scalar_known(&extent) && scalar_known(&both) && !scalar_known(&result)))
            return invalid(l, "pads %lld, %lld of dimension %u", (long long)p->begin[d].b, (long long)p->end[d].b, d);
        *out_moves = *out_moves || !stays;
        *out_leaves = *out_leaves || p->begin[d].high > 0 || p->end[d].high > 0;
        TRY(ranks_add_scalar(l, ranks, stays ? own.at[d] : (RankId){0}, rank_name(l->cs, own.at[d]), &result, input(l, 1)));
    }
    return WEIR_OK;
}

weir_status lower_pad(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Padding p;
    const char *mode = attr_text(l, "mode", "constant");
    bool constant = strcmp(mode, "constant") == 0, moves = false, leaves = false;
    Ranks ranks;
    TRY(pad_amounts(l, x, &p));
    TRY(padded_ranks(l, x, &p, &ranks, &moves, &leaves));
    if (!moves) {
        output_alias(l, 0, x);
        return WEIR_OK;
    }
    ExprId index[MAX_DIMS], literal = {0}, begin;
    TensorId tensor = {0};
    if (constant)
        TRY(pad_value(l, x, &literal, &tensor));
    for (uint32_t d = 0; d < x->n_dims; d++) {
        Scalar extent = extent_scalar(l, x, d);
        index[d] = ix_affine(l, 1, ranks.at[d], scalar_known(&p.begin[d]) ? -p.begin[d].b : 0);
        if (!scalar_known(&p.begin[d])) {
            TRY(scalar_index(l, &p.begin[d], &begin));
            index[d] = ex2(l, FN_SUB, index[d], begin);
        }
        if (!constant && (p.begin[d].high > 0 || p.end[d].high > 0))
            TRY(pad_source(l, mode, ranks.at[d], &p.begin[d], &extent, index[d], &index[d]));
    }
    TRY(output(l, 0, x->type, &ranks, &y));
    if (!constant || !leaves)
        define(l, y, at_index(l, x, index));
    else if (tensor.i != 0)
        define(l, y, ex_access_pad_tensor(l->cs, tensor_of(l, x), x->n_dims, index, tensor));
    else
        define(l, y, at_pad(l, x, index, literal));
    return WEIR_OK;
}
