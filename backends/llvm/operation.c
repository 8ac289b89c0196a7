/*
 * backends/llvm/operation.c: one operation on values: comparisons, logic, selections, and by type the others; vectors to a lane.
 */
#include "backends/llvm/internal.h"

static Value compare(Ir *ir, LoopOp op, Dtype from, Value a, Value b)
{
    bool is_signed = dtype_kind(from) == DK_SIGNED;
    if (dtype_kind(from) == DK_FLOAT) {
        LLVMRealPredicate p = op == LOOP_EQ ? LLVMRealOEQ : op == LOOP_NE ? LLVMRealUNE : op == LOOP_LT ? LLVMRealOLT : LLVMRealOLE;
        return LLVMBuildFCmp(ir->b, p, a, b, "");
    }
    LLVMIntPredicate less = is_signed ? LLVMIntSLT : LLVMIntULT, least = is_signed ? LLVMIntSLE : LLVMIntULE;
    LLVMIntPredicate p = op == LOOP_EQ ? LLVMIntEQ : op == LOOP_NE ? LLVMIntNE : op == LOOP_LT ? less : least;
    return LLVMBuildICmp(ir->b, p, a, b, "");
}

static Value bool_operation(Ir *ir, LoopOp op, Value *args)
{
    switch (op) {
    case LOOP_MIN:
    case LOOP_MUL:
        return LLVMBuildAnd(ir->b, args[0], args[1], "");
    case LOOP_MAX:
        return LLVMBuildOr(ir->b, args[0], args[1], "");
    default:
        refuse_form(ir, arena_printf(&ir->cx->arena, "%s of bool", loop_op_info(op)->text));
        return args[0];
    }
}

Value operation(Ir *ir, LoopOp op, Dtype type, Dtype from, uint32_t lanes, Value *args)
{
    switch (op) {
    case LOOP_EQ:
    case LOOP_NE:
    case LOOP_LT:
    case LOOP_LE:
        return compare(ir, op, from, args[0], args[1]);
    case LOOP_LAND:
        return LLVMBuildAnd(ir->b, args[0], args[1], "");
    case LOOP_LOR:
        return LLVMBuildOr(ir->b, args[0], args[1], "");
    case LOOP_LNOT:
        return LLVMBuildNot(ir->b, args[0], "");
    case LOOP_SELECT:
        return pick(ir, args[0], args[1], args[2]);
    case LOOP_CAST:
    case LOOP_SAT:
    case LOOP_UP:
    case LOOP_DOWN:
    case LOOP_BITS:
        return cast_operation(ir, op, type, from, lanes, args[0]);
    default:
        break;
    }
    switch (dtype_kind(type)) {
    case DK_FLOAT:
        return float_operation(ir, op, type, lanes, args);
    case DK_SIGNED:
    case DK_UNSIGNED:
        return int_operation(ir, op, type, lanes, args);
    case DK_BOOL:
        return bool_operation(ir, op, args);
    default:
        refuse_form(ir, arena_printf(&ir->cx->arena, "arithmetic on the storage type %s", dtype_text(type)));
        return args[0];
    }
}

/* Lanes first, first + step .. of v, n of them. */
static Value some_lanes(Ir *ir, Value v, uint32_t first, uint32_t step, uint32_t n)
{
    Value mask[64];
    for (uint32_t l = 0; l < n; l++)
        mask[l] = int_bits(ir, 32, 1, first + l * step);
    if (n == 1)
        return LLVMBuildExtractElement(ir->b, v, mask[0], "");
    return LLVMBuildShuffleVector(ir->b, v, LLVMGetPoison(LLVMTypeOf(v)), LLVMConstVector(mask, n), "");
}

Value tree(Ir *ir, LoopOp op, Dtype type, uint32_t lanes, bool halves, Value v)
{
    for (uint32_t n = lanes / 2; n >= 1; n /= 2) {
        Value args[] = {some_lanes(ir, v, 0, halves ? 1 : 2, n), some_lanes(ir, v, halves ? n : 1, halves ? 1 : 2, n)};
        v = operation(ir, op, type, type, n, args);
    }
    return v;
}
