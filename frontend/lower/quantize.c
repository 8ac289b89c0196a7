/*
 * frontend/lower/quantize.c: QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear: scales and zero points by tensor,
 * by channel, or by block.
 *
 * Keep: the zero point is added after rounding, in the scale's type; dequantising subtracts in i32.
 */
#include <math.h>

#include "frontend/lower/families.h"

typedef struct Grid {
    Operand *scale, *zero;
    bool scalar;
    uint32_t axis;
    int64_t block; /* 0: none */
} Grid;

static weir_status grid_of(Lowering *l, const Operand *x, Grid *g)
{
    g->scale = l->in[1];
    g->zero = input(l, 2);
    g->scalar = count_of(g->scale) == 1 && g->scale->n_dims <= 1;
    g->block = attr_int(l, "block_size", 0);
    if (g->zero != NULL && count_of(g->zero) != count_of(g->scale))
        return invalid(l, "scale %s and zero point %s differ", shape_text(l, g->scale), shape_text(l, g->zero));
    if (g->scalar)
        return WEIR_OK;
    TRY(axis_of(l, attr_int(l, "axis", 1), x->n_dims, &g->axis));
    if (g->scale->n_dims == 1 && g->block == 0) {
        if (g->scale->extent[0] != x->extent[g->axis])
            return invalid(l, "scale %s does not fit axis %u of %s", shape_text(l, g->scale), g->axis, shape_text(l, x));
        return WEIR_OK;
    }
    TRY(want_rank(l, g->scale, x->n_dims, x->n_dims));
    if (g->block < 1)
        return invalid(l, "block_size %lld", (long long)g->block);
    for (uint32_t d = 0; d < x->n_dims; d++) {
        int64_t e = d == g->axis ? (x->extent[d] + g->block - 1) / g->block : x->extent[d];
        if (g->scale->extent[d] != e)
            return invalid(l, "scale %s does not fit %s", shape_text(l, g->scale), shape_text(l, x));
    }
    return WEIR_OK;
}

/* A scale or zero point for a point of x. */
static ExprId of_grid(Lowering *l, const Grid *g, Operand *op, const Ranks *own)
{
    ExprId index[MAX_DIMS];
    if (g->scalar) {
        for (uint32_t d = 0; d < op->n_dims; d++)
            index[d] = num(l, 0);
    } else if (g->block == 0) {
        return at_ranks(l, op, &own->at[g->axis]);
    } else {
        for (uint32_t d = 0; d < own->n; d++)
            index[d] = d == g->axis ? ix_div(l, rk(l, own->at[d]), g->block) : rk(l, own->at[d]);
    }
    return at_index(l, op, index);
}

static Dtype quantized_type(const Lowering *l, const Grid *g)
{
    if (g->zero != NULL)
        return g->zero->type;
    int64_t type = attr_int(l, "output_dtype", 0);
    return type == 0 ? DT_U8 : dtype_from_onnx((int)type);
}

static bool codes(Dtype type)
{
    return dtype_kind(type) == DK_CODE;
}

/* The rounded quotient with the zero point added, cast with saturation. */
static ExprId quantized(Lowering *l, Dtype to, ExprId quotient, ExprId zero)
{
    Dtype in = expr_at(l->cs, quotient)->type;
    if (codes(to)) {
        ExprId v = zero.i == 0 ? quotient : ex2(l, FN_ADD, quotient, cast(l, in, zero));
        if (to == DT_F4E2M1)
            v = ex_select(l->cs, ex2(l, FN_NE, v, v), lit(l, in, -0.0), v);
        bool saturate = attr_int(l, "saturate", 1) != 0 && dtype_bits(to) == 8;
        return ex_cast(l->cs, to, saturate ? CAST_SAT : CAST_PLAIN, v);
    }
    ExprId v = ex1(l, FN_ROUND_EVEN, quotient);
    if (zero.i != 0 && dtype_bits(in) == 16 && dtype_bits(to) > 8)
        v = cast(l, in = DT_F32, v); /* a half holds no sum of 16 bits */
    if (zero.i != 0)
        v = ex2(l, FN_ADD, v, cast(l, in, zero));
    return ex_cast(l->cs, to, CAST_SAT, v);
}

weir_status lower_quantize(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Grid g;
    Ranks own;
    TRY(grid_of(l, x, &g));
    Dtype to = quantized_type(l, &g), in = g.scale->type;
    int64_t precision = attr_int(l, "precision", 0);
    if (precision != 0)
        in = dtype_from_onnx((int)precision);
    if (!is_float(in))
        in = DT_F32;
    if (to == DT_NONE || (!dtype_is_int(to) && !codes(to)) || dtype_bits(to) > 16)
        return unsupported(l, "output type");
    if (!is_float(x->type) && x->type != DT_I32)
        return invalid(l, "not defined for type %s", dtype_text(x->type));
    ranks_of(l, x, &own);
    TRY(output(l, 0, to, &own, &y));
    ExprId quotient = ex2(l, FN_DIV, cast(l, in, at_ranks(l, x, own.at)), cast(l, in, of_grid(l, &g, g.scale, &own)));
    ExprId zero = {0};
    if (g.zero != NULL)
        zero = of_grid(l, &g, g.zero, &own);
    st_define(l->cs, y->tensor, quantized(l, to, quotient, zero), l->provenance);
    return WEIR_OK;
}

weir_status lower_dequantize(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Grid g;
    Ranks own;
    TRY(grid_of(l, x, &g));
    int64_t wanted = attr_int(l, "output_dtype", 0);
    Dtype to = wanted != 0 ? dtype_from_onnx((int)wanted) : is_float(g.scale->type) ? g.scale->type : DT_F32;
    if (!is_float(to))
        return unsupported(l, "output type");
    if (!dtype_is_int(x->type) && !codes(x->type))
        return invalid(l, "not defined for type %s", dtype_text(x->type));
    if (g.zero != NULL)
        TRY(want_same_type(l, x, g.zero));
    Dtype in = is_float(g.scale->type) ? g.scale->type : DT_F32; /* an e8m0 scale is read as f32 */
    ranks_of(l, x, &own);
    TRY(output(l, 0, to, &own, &y));
    ExprId v = at_ranks(l, x, own.at);
    if (codes(x->type)) {
        v = cast(l, in, v);
        if (g.zero != NULL)
            v = ex2(l, FN_SUB, v, cast(l, in, of_grid(l, &g, g.zero, &own)));
    } else {
        v = cast(l, DT_I32, v);
        if (g.zero != NULL)
            v = ex2(l, FN_SUB, v, cast(l, DT_I32, of_grid(l, &g, g.zero, &own)));
        v = cast(l, in, v);
    }
    define(l, y, ex2(l, FN_MUL, v, cast(l, in, of_grid(l, &g, g.scale, &own))));
    return WEIR_OK;
}

weir_status lower_dynamic_quantize(Lowering *l)
{
    Operand *x = l->in[0], *low, *high, *span, *scale, *zero, *y;
    Ranks own, none = {0};
    Dtype f = DT_F32;
    if (x->type != DT_F32)
        return invalid(l, "not defined for type %s", dtype_text(x->type));
    ranks_of(l, x, &own);
    TRY(temporary(l, "_low", f, &none, &low));
    reduce(l, low, RED_MIN, &own, ex2(l, FN_MIN, at_ranks(l, x, own.at), lit(l, f, 0)));
    TRY(temporary(l, "_high", f, &none, &high));
    reduce(l, high, RED_MAX, &own, ex2(l, FN_MAX, at_ranks(l, x, own.at), lit(l, f, 0)));
    TRY(temporary(l, "_span", f, &none, &span));
    ExprId width = ex2(l, FN_SUB, at_ranks(l, high, NULL), at_ranks(l, low, NULL));
    define(l, span, ex2(l, FN_DIV, width, lit(l, f, 255)));
    TRY(output(l, 1, f, &none, &scale));
    ExprId s = at_ranks(l, span, NULL);
    define(l, scale, ex_select(l->cs, ex2(l, FN_EQ, s, lit(l, f, 0)), lit(l, f, 1), s));
    TRY(output(l, 2, DT_U8, &none, &zero));
    s = at_ranks(l, scale, NULL);
    ExprId shift = ex1(l, FN_ROUND_EVEN, ex2(l, FN_DIV, ex1(l, FN_NEG, at_ranks(l, low, NULL)), s));
    st_define(l->cs, zero->tensor, ex_cast(l->cs, DT_U8, CAST_SAT, shift), l->provenance);
    TRY(output(l, 0, DT_U8, &own, &y));
    ExprId q = quantized(l, DT_U8, ex2(l, FN_DIV, at_ranks(l, x, own.at), s), at_ranks(l, zero, NULL));
    st_define(l->cs, y->tensor, q, l->provenance);
    return WEIR_OK;
}
