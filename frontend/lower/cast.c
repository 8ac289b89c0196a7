/*
 * frontend/lower/cast.c: conversions between element types.
 */
#include <math.h>

#include "frontend/lower/families.h"

/* A positive integer of 64 bits as one of at most 53 that rounds to the same power of two in every mode. */
static ExprId within_double(Lowering *l, ExprId v)
{
    v = cast(l, DT_U64, v);
    ExprId rest = ex2(l, FN_BIT_AND, v, lit(l, DT_U64, 2047)), sticky = cast(l, DT_U64, ex2(l, FN_NE, rest, lit(l, DT_U64, 0)));
    ExprId high = ex2(l, FN_BIT_OR, ex2(l, FN_SHR, v, lit(l, DT_U64, 11)), sticky);
    ExprId small = ex2(l, FN_LT, v, lit(l, DT_U64, 0x1p53));
    return ex_select(l->cs, small, v, ex2(l, FN_SHL, high, lit(l, DT_U64, 11)));
}

/* The mode of a cast to e8m0, and without `saturate` NaN for what rounds beyond 2^-127 .. 2^127. */
static weir_status to_powers(Lowering *l, bool saturate, ExprId *v, CastMode *out_mode)
{
    bool up = attr_is(l, "round_mode", "up", "up"), down = attr_is(l, "round_mode", "up", "down");
    if (!up && !down && !attr_is(l, "round_mode", "up", "nearest"))
        return invalid(l, "round_mode '%s'", attr_text(l, "round_mode", ""));
    *out_mode = up ? CAST_UP : down ? CAST_DOWN : CAST_PLAIN;
    Dtype from = expr_at(l->cs, *v)->type;
    if (dtype_is_int(from) && dtype_bits(from) == 64)
        *v = within_double(l, *v);
    if (saturate && (up || down))
        return WEIR_OK;
    *v = cast(l, DT_F64, *v);
    if (saturate) { /* only the two other modes clamp */
        *v = ex2(l, FN_MIN, *v, lit(l, DT_F64, 0x1p127));
        return WEIR_OK;
    }
    double least = up ? 0x1p-128 : down ? 0x1p-127 : 0x1.8p-128, most = up ? 0x1p127 : down ? 0x1p128 : 0x1.8p127;
    ExprId low = ex2(l, up ? FN_GT : FN_GE, *v, lit(l, DT_F64, least)), high = ex2(l, up ? FN_LE : FN_LT, *v, lit(l, DT_F64, most));
    *v = ex_select(l->cs, ex2(l, FN_AND, low, high), *v, lit(l, DT_F64, (double)NAN));
    return WEIR_OK;
}

static weir_status convert(Lowering *l, Dtype to)
{
    Operand *x = l->in[0], *y;
    if (to == DT_NONE)
        return unsupported(l, "to element type %lld", (long long)attr_int(l, "to", 0));
    if (to == x->type) {
        output_alias(l, 0, x);
        return WEIR_OK;
    }
    bool saturate = attr_int(l, "saturate", 1) != 0;
    CastMode mode = CAST_PLAIN;
    if (dtype_kind(to) == DK_CODE && dtype_bits(to) == 8 && saturate)
        mode = CAST_SAT;
    Ranks ranks;
    ranks_of(l, x, &ranks);
    TRY(output(l, 0, to, &ranks, &y));
    ExprId v = at_ranks(l, x, ranks.at);
    if (dtype_kind(to) == DK_CODE && dtype_kind(x->type) == DK_CODE)
        v = cast(l, DT_F32, v);
    if (to == DT_E8M0)
        TRY(to_powers(l, saturate, &v, &mode));
    Dtype from = expr_at(l->cs, v)->type;
    if (dtype_is_int(to) && dtype_bits(to) < 8 && (is_float(from) || dtype_kind(from) == DK_CODE))
        v = cast(l, DT_I32, v); /* ONNX's data for these types: truncate, then take the low bits */
    if (to == DT_F4E2M1 && is_float(from))
        v = ex_select(l->cs, ex2(l, FN_NE, v, v), lit(l, from, -0.0), v);
    st_define(l->cs, y->tensor, ex_cast(l->cs, to, mode, v), l->provenance);
    return WEIR_OK;
}

weir_status lower_cast(Lowering *l)
{
    if (attr(l, "to") == NULL)
        return invalid(l, "attribute 'to' is missing");
    return convert(l, dtype_from_onnx((int)attr_int(l, "to", 0)));
}

weir_status lower_cast_like(Lowering *l)
{
    return convert(l, l->in[1]->type);
}

weir_status lower_bit_cast(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Dtype to = dtype_from_onnx((int)attr_int(l, "to", 0));
    bool byte = to != DT_NONE && dtype_is_int(to == DT_BOOL ? x->type : to) && dtype_bits(to == DT_BOOL ? x->type : to) == 8;
    if ((x->type == DT_BOOL || to == DT_BOOL) && x->type != to && byte) { /* a bool is a byte of 0 or 1 */
        Ranks own;
        ranks_of(l, x, &own);
        TRY(output(l, 0, to, &own, &y));
        define(l, y, at_ranks(l, x, own.at));
        return WEIR_OK;
    }
    if (to == DT_NONE || dtype_bits(to) != dtype_bits(x->type))
        return unsupported(l, "from %s to element type %lld", dtype_text(x->type), (long long)attr_int(l, "to", 0));
    if (to == x->type) {
        output_alias(l, 0, x);
        return WEIR_OK;
    }
    Ranks ranks;
    ranks_of(l, x, &ranks);
    TRY(output(l, 0, to, &ranks, &y));
    st_define(l->cs, y->tensor, ex_cast(l->cs, to, CAST_BITS, at_ranks(l, x, ranks.at)), l->provenance);
    return WEIR_OK;
}
