/*
 * backends/llvm/half.c: f16 and bf16 by integer arithmetic: the same bits on processors with and without instructions for them.
 *
 * Keep: rounding to nearest even; every NaN becomes the quiet NaN 7E00 or 7FC0.
 */
#include "backends/llvm/internal.h"

static Value word(const Ir *ir, uint32_t lanes, uint32_t value)
{
    return int_bits(ir, 32, lanes, value);
}

static Value as_int(Ir *ir, uint32_t lanes, Value x)
{
    return LLVMBuildBitCast(ir->b, x, int_type(ir, 32, lanes), "");
}

static Value as_float(Ir *ir, uint32_t lanes, Value x)
{
    return LLVMBuildBitCast(ir->b, x, float_type(ir, DT_F32, lanes), "");
}

/* Bit `at` of u, as 0 or 1. */
static Value bit(Ir *ir, uint32_t lanes, Value u, uint32_t at)
{
    return LLVMBuildAnd(ir->b, LLVMBuildLShr(ir->b, u, word(ir, lanes, at), ""), word(ir, lanes, 1), "");
}

static Value bf16_bits(Ir *ir, uint32_t lanes, Value x)
{
    Value u = as_int(ir, lanes, x);
    Value up = LLVMBuildAdd(ir->b, LLVMBuildAdd(ir->b, u, word(ir, lanes, 0x7FFF), ""), bit(ir, lanes, u, 16), "");
    Value r = LLVMBuildLShr(ir->b, up, word(ir, lanes, 16), "");
    return pick(ir, LLVMBuildFCmp(ir->b, LLVMRealUNO, x, x, ""), word(ir, lanes, 0x7FC0), r);
}

static Value f16_bits(Ir *ir, uint32_t lanes, Value x)
{
    Value u = as_int(ir, lanes, x), a = LLVMBuildAnd(ir->b, u, word(ir, lanes, 0x7FFFFFFF), "");
    Value sign = LLVMBuildAnd(ir->b, LLVMBuildLShr(ir->b, u, word(ir, lanes, 16), ""), word(ir, lanes, 0x8000), "");
    /* Below 2^-14: a multiple of 2^-24, found by adding 1/2. */
    Value sum = LLVMBuildFAdd(ir->b, as_float(ir, lanes, a), float_const(ir, DT_F32, lanes, 0.5), "");
    Value small = LLVMBuildSub(ir->b, as_int(ir, lanes, sum), word(ir, lanes, 0x3F000000), "");
    Value up = LLVMBuildAdd(ir->b, LLVMBuildAdd(ir->b, a, word(ir, lanes, 0xFFF), ""), bit(ir, lanes, a, 13), "");
    Value normal = LLVMBuildLShr(ir->b, LLVMBuildSub(ir->b, up, word(ir, lanes, 0x38000000), ""), word(ir, lanes, 13), "");
    Value r = pick(ir, LLVMBuildICmp(ir->b, LLVMIntULT, a, word(ir, lanes, 0x38800000), ""), small, normal);
    r = pick(ir, LLVMBuildICmp(ir->b, LLVMIntUGE, a, word(ir, lanes, 0x47800000), ""), word(ir, lanes, 0x7C00), r);
    r = LLVMBuildOr(ir->b, r, sign, "");
    return pick(ir, LLVMBuildICmp(ir->b, LLVMIntUGT, a, word(ir, lanes, 0x7F800000), ""), word(ir, lanes, 0x7E00), r);
}

Value half_bits(Ir *ir, Dtype type, uint32_t lanes, Value x)
{
    Value r = type == DT_F16 ? f16_bits(ir, lanes, x) : bf16_bits(ir, lanes, x);
    return LLVMBuildTrunc(ir->b, r, int_type(ir, 16, lanes), "");
}

static Value f16_value(Ir *ir, uint32_t lanes, Value h)
{
    Value a = LLVMBuildAnd(ir->b, h, word(ir, lanes, 0x7FFF), "");
    Value sign = LLVMBuildShl(ir->b, LLVMBuildAnd(ir->b, h, word(ir, lanes, 0x8000), ""), word(ir, lanes, 16), "");
    Value shifted = LLVMBuildShl(ir->b, a, word(ir, lanes, 13), "");
    Value normal = LLVMBuildAdd(ir->b, shifted, word(ir, lanes, 0x38000000), "");
    Value count = LLVMBuildUIToFP(ir->b, a, float_type(ir, DT_F32, lanes), "");
    Value small = as_int(ir, lanes, LLVMBuildFMul(ir->b, count, float_const(ir, DT_F32, lanes, 0x1p-24), ""));
    Value special = LLVMBuildOr(ir->b, shifted, word(ir, lanes, 0x7F800000), "");
    Value r = pick(ir, LLVMBuildICmp(ir->b, LLVMIntULT, a, word(ir, lanes, 0x400), ""), small, normal);
    r = pick(ir, LLVMBuildICmp(ir->b, LLVMIntUGE, a, word(ir, lanes, 0x7C00), ""), special, r);
    return LLVMBuildOr(ir->b, r, sign, "");
}

Value half_value(Ir *ir, Dtype type, uint32_t lanes, Value h)
{
    Value u = LLVMBuildZExt(ir->b, h, int_type(ir, 32, lanes), "");
    Value r = type == DT_F16 ? f16_value(ir, lanes, u) : LLVMBuildShl(ir->b, u, word(ir, lanes, 16), "");
    return as_float(ir, lanes, r);
}

Value half_round(Ir *ir, Dtype type, uint32_t lanes, Value x)
{
    return half_value(ir, type, lanes, half_bits(ir, type, lanes, x));
}

Value odd_f32(Ir *ir, uint32_t lanes, Value x)
{
    LLVMTypeRef wide = float_type(ir, DT_F64, lanes);
    Value f = LLVMBuildFPTrunc(ir->b, x, float_type(ir, DT_F32, lanes), ""), back = LLVMBuildFPExt(ir->b, f, wide, "");
    Value size = intrinsic(ir, "llvm.fabs", 1, &wide, 1, &x), size_back = intrinsic(ir, "llvm.fabs", 1, &wide, 1, &back);
    Value above = LLVMBuildZExt(ir->b, LLVMBuildFCmp(ir->b, LLVMRealOGT, size_back, size, ""), int_type(ir, 32, lanes), "");
    Value u = LLVMBuildSub(ir->b, as_int(ir, lanes, f), above, "");
    Value odd = as_float(ir, lanes, LLVMBuildOr(ir->b, u, word(ir, lanes, 1), ""));
    Value exact = LLVMBuildFCmp(ir->b, LLVMRealUEQ, back, x, "");
    Value large = LLVMBuildFCmp(ir->b, LLVMRealOGT, size, float_const(ir, DT_F64, lanes, 3.4e38), "");
    return pick(ir, LLVMBuildOr(ir->b, exact, large, ""), f, odd);
}

Value odd_f64(Ir *ir, Dtype from, uint32_t lanes, Value x)
{
    bool is_signed = dtype_kind(from) == DK_SIGNED;
    LLVMTypeRef type = int_type(ir, 64, lanes), wide = float_type(ir, DT_F64, lanes);
    Value low = LLVMBuildAnd(ir->b, x, int_bits(ir, 64, lanes, 1023), "");
    Value sticky = pick(ir, LLVMBuildICmp(ir->b, LLVMIntNE, low, LLVMConstNull(type), ""), int_bits(ir, 64, lanes, 1024), LLVMConstNull(type));
    Value rounded = LLVMBuildOr(ir->b, LLVMBuildAnd(ir->b, x, int_bits(ir, 64, lanes, ~(uint64_t)1023), ""), sticky, "");
    /* -2^53 .. 2^53 - 1 are doubles. */
    Value moved = is_signed ? LLVMBuildAdd(ir->b, x, int_bits(ir, 64, lanes, (uint64_t)1 << 53), "") : x;
    Value fits = LLVMBuildICmp(ir->b, LLVMIntULT, moved, int_bits(ir, 64, lanes, (uint64_t)1 << (is_signed ? 54 : 53)), "");
    Value v = pick(ir, fits, x, rounded);
    return is_signed ? LLVMBuildSIToFP(ir->b, v, wide, "") : LLVMBuildUIToFP(ir->b, v, wide, "");
}
