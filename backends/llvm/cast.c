/*
 * backends/llvm/cast.c: conversions between types.
 */
#include "backends/llvm/internal.h"

static bool is_integer(Dtype type)
{
    return dtype_kind(type) == DK_SIGNED || dtype_kind(type) == DK_UNSIGNED;
}

static Value to_half(Ir *ir, Dtype to, Dtype from, uint32_t lanes, Value v)
{
    LLVMTypeRef wide = float_type(ir, DT_F64, lanes);
    if (dtype_kind(from) == DK_BOOL)
        return LLVMBuildUIToFP(ir->b, v, float_type(ir, DT_F32, lanes), "");
    if (is_integer(from)) {
        bool is_signed = dtype_kind(from) == DK_SIGNED;
        v = dtype_bits(from) == 64 ? odd_f64(ir, from, lanes, v)
            : is_signed            ? LLVMBuildSIToFP(ir->b, v, wide, "")
                                   : LLVMBuildUIToFP(ir->b, v, wide, "");
        v = odd_f32(ir, lanes, v);
    } else if (from == DT_F64) {
        v = odd_f32(ir, lanes, v);
    }
    return half_round(ir, to, lanes, v);
}

static Value to_float(Ir *ir, Dtype to, Dtype from, uint32_t lanes, Value v)
{
    LLVMTypeRef type = float_type(ir, to, lanes);
    if (is_half(to))
        return to_half(ir, to, from, lanes, v);
    if (dtype_kind(from) == DK_FLOAT) {
        if (LLVMTypeOf(v) == type)
            return v;
        return to == DT_F64 ? LLVMBuildFPExt(ir->b, v, type, "") : LLVMBuildFPTrunc(ir->b, v, type, "");
    }
    return dtype_kind(from) == DK_SIGNED ? LLVMBuildSIToFP(ir->b, v, type, "") : LLVMBuildUIToFP(ir->b, v, type, "");
}

/* Clamps in the type of v, where a bound lies inside it. */
static Value clamp(Ir *ir, Dtype to, Dtype from, uint32_t lanes, Value v)
{
    bool is_signed = dtype_kind(from) == DK_SIGNED;
    if (dtype_int_min(to) > dtype_int_min(from)) {
        Value least = int_const(ir, from, lanes, dtype_int_min(to));
        v = pick(ir, LLVMBuildICmp(ir->b, LLVMIntSLT, v, least, ""), least, v);
    }
    if (dtype_int_max(to) < dtype_int_max(from)) {
        Value most = int_const(ir, from, lanes, (int64_t)dtype_int_max(to));
        v = pick(ir, LLVMBuildICmp(ir->b, is_signed ? LLVMIntSGT : LLVMIntUGT, v, most, ""), most, v);
    }
    return v;
}

static Value resize(Ir *ir, Dtype to, Dtype from, uint32_t lanes, Value v)
{
    LLVMTypeRef type = value_type(ir, to, lanes);
    unsigned before = dtype_kind(from) == DK_BOOL ? 1 : dtype_bits(from), after = dtype_bits(to);
    if (before == after)
        return v;
    if (before > after)
        return LLVMBuildTrunc(ir->b, v, type, "");
    return dtype_kind(from) == DK_SIGNED ? LLVMBuildSExt(ir->b, v, type, "") : LLVMBuildZExt(ir->b, v, type, "");
}

/* Toward zero, then clamped; NaN gives 0. In 32 or 64 bits, where every machine does it, then to narrower types. */
static Value float_to_int(Ir *ir, Dtype to, Dtype from, uint32_t lanes, Value v)
{
    bool is_signed = dtype_kind(to) == DK_SIGNED;
    Dtype wide = dtype_bits(to) == 64 ? to : is_signed ? DT_I32 : DT_U32;
    LLVMTypeRef types[] = {value_type(ir, wide, lanes), float_type(ir, from, lanes)};
    v = intrinsic(ir, is_signed ? "llvm.fptosi.sat" : "llvm.fptoui.sat", 2, types, 1, &v);
    return resize(ir, to, wide, lanes, clamp(ir, to, wide, lanes, v));
}

static Value to_int(Ir *ir, LoopOp op, Dtype to, Dtype from, uint32_t lanes, Value v)
{
    if (dtype_kind(from) == DK_FLOAT)
        return float_to_int(ir, to, from, lanes, v);
    if (op == LOOP_SAT && dtype_kind(from) != DK_BOOL)
        v = clamp(ir, to, from, lanes, v);
    return resize(ir, to, from, lanes, v);
}

static Value to_bool(Ir *ir, Dtype from, Value v)
{
    Value zero = LLVMConstNull(LLVMTypeOf(v));
    if (dtype_kind(from) == DK_BOOL)
        return v;
    if (dtype_kind(from) == DK_FLOAT)
        return LLVMBuildFCmp(ir->b, LLVMRealUNE, v, zero, "");
    return LLVMBuildICmp(ir->b, LLVMIntNE, v, zero, "");
}

static Value bits(Ir *ir, Dtype to, Dtype from, uint32_t lanes, Value v)
{
    if (is_half(from))
        v = half_bits(ir, from, lanes, v);
    if (is_half(to))
        return half_value(ir, to, lanes, LLVMBuildBitCast(ir->b, v, int_type(ir, 16, lanes), ""));
    return LLVMBuildBitCast(ir->b, v, value_type(ir, to, lanes), "");
}

Value cast_operation(Ir *ir, LoopOp op, Dtype to, Dtype from, uint32_t lanes, Value v)
{
    DtypeKind kind = dtype_kind(to);
    if (to == from)
        return v;
    if (kind == DK_CODE || dtype_kind(from) == DK_CODE) {
        refuse_form(ir, arena_printf(&ir->cx->arena, "casts between %s and %s", dtype_text(from), dtype_text(to)));
        return LLVMGetPoison(value_type(ir, to, lanes));
    }
    if (op == LOOP_BITS)
        return bits(ir, to, from, lanes, v);
    if (kind == DK_FLOAT)
        return to_float(ir, to, from, lanes, v);
    return kind == DK_BOOL ? to_bool(ir, from, v) : to_int(ir, op, to, from, lanes, v);
}
