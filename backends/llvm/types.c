/*
 * backends/llvm/types.c: types, constants, and values on their way to and from memory.
 */
#include "backends/llvm/internal.h"

#include <string.h>

static LLVMTypeRef lanes_of(LLVMTypeRef type, uint32_t lanes)
{
    return lanes > 1 ? LLVMVectorType(type, lanes) : type;
}

LLVMTypeRef int_type(const Ir *ir, unsigned bits, uint32_t lanes)
{
    return lanes_of(LLVMIntTypeInContext(ir->c, bits), lanes);
}

LLVMTypeRef float_type(const Ir *ir, Dtype type, uint32_t lanes)
{
    return lanes_of(type == DT_F64 ? LLVMDoubleTypeInContext(ir->c) : LLVMFloatTypeInContext(ir->c), lanes);
}

LLVMTypeRef value_type(const Ir *ir, Dtype type, uint32_t lanes)
{
    switch (dtype_kind(type)) {
    case DK_FLOAT:
        return float_type(ir, type, lanes);
    case DK_BOOL:
        return int_type(ir, 1, lanes);
    case DK_CODE:
        return int_type(ir, 8, lanes);
    default:
        return int_type(ir, dtype_bits(type), lanes);
    }
}

LLVMTypeRef memory_type(const Ir *ir, Dtype type, uint32_t lanes)
{
    if (type == DT_F64 || type == DT_F32)
        return float_type(ir, type, lanes);
    return int_type(ir, 8 * (unsigned)dtype_bytes(type), lanes);
}

Value splat(Ir *ir, Value scalar, uint32_t lanes)
{
    if (lanes == 1)
        return scalar;
    LLVMTypeRef type = LLVMVectorType(LLVMTypeOf(scalar), lanes);
    Value first = LLVMBuildInsertElement(ir->b, LLVMGetPoison(type), scalar, int_bits(ir, 32, 1, 0), "");
    return LLVMBuildShuffleVector(ir->b, first, LLVMGetPoison(type), LLVMConstNull(int_type(ir, 32, lanes)), "");
}

static Value constant_splat(Value scalar, uint32_t lanes)
{
    Value all[64];
    if (lanes == 1)
        return scalar;
    for (uint32_t l = 0; l < lanes && l < 64; l++)
        all[l] = scalar;
    return LLVMConstVector(all, lanes);
}

Value int_bits(const Ir *ir, unsigned bits, uint32_t lanes, uint64_t value)
{
    uint64_t mask = bits < 64 ? ((uint64_t)1 << bits) - 1 : UINT64_MAX;
    return constant_splat(LLVMConstInt(LLVMIntTypeInContext(ir->c, bits), value & mask, 0), lanes);
}

Value int_const(const Ir *ir, Dtype type, uint32_t lanes, int64_t value)
{
    if (dtype_kind(type) == DK_BOOL)
        return int_bits(ir, 1, lanes, value != 0);
    return int_bits(ir, dtype_kind(type) == DK_CODE ? 8 : dtype_bits(type), lanes, (uint64_t)value);
}

Value float_const(const Ir *ir, Dtype type, uint32_t lanes, double value)
{
    return constant_splat(LLVMConstReal(float_type(ir, type, 1), value), lanes);
}

Value to_memory(Ir *ir, Dtype type, uint32_t lanes, Value v)
{
    LLVMTypeRef memory = memory_type(ir, type, lanes);
    if (is_half(type))
        return half_bits(ir, type, lanes, v);
    if (LLVMTypeOf(v) == memory)
        return v;
    return dtype_kind(type) == DK_SIGNED ? LLVMBuildSExt(ir->b, v, memory, "") : LLVMBuildZExt(ir->b, v, memory, "");
}

Value from_memory(Ir *ir, Dtype type, uint32_t lanes, Value v)
{
    LLVMTypeRef value = value_type(ir, type, lanes);
    if (is_half(type))
        return half_value(ir, type, lanes, v);
    if (LLVMTypeOf(v) == value)
        return v;
    if (dtype_kind(type) == DK_BOOL)
        return LLVMBuildICmp(ir->b, LLVMIntNE, v, LLVMConstNull(LLVMTypeOf(v)), "");
    return LLVMBuildTrunc(ir->b, v, value, "");
}

Value intrinsic(Ir *ir, const char *name, uint32_t n_types, LLVMTypeRef *types, uint32_t n, Value *args)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    if (id == 0)
        weir_bug(ir->cx, "LLVM has no intrinsic %s", name);
    Value function = LLVMGetIntrinsicDeclaration(ir->m, id, types, n_types);
    return LLVMBuildCall2(ir->b, LLVMIntrinsicGetType(ir->c, id, types, n_types), function, args, n, "");
}

void refuse_form(Ir *ir, const char *what)
{
    if (ir->refused == NULL)
        ir->refused = what;
}
