/*
 * backends/llvm/float.c: operations of floats.
 *
 * Keep: one rounding each; f16 and bf16 in f32 and one more rounding. No flag allows LLVM to reassociate or contract.
 */
#include "backends/llvm/internal.h"

#include <math.h>

static Value as_bits(Ir *ir, Dtype type, uint32_t lanes, Value x)
{
    return LLVMBuildBitCast(ir->b, x, int_type(ir, type == DT_F64 ? 64 : 32, lanes), "");
}

static Value from_bits(Ir *ir, Dtype type, uint32_t lanes, Value x)
{
    return LLVMBuildBitCast(ir->b, x, float_type(ir, type, lanes), "");
}

/* The number that a constant operand is in every lane. */
static bool known_number(Value v, double *out)
{
    LLVMBool inexact;
    Value scalar = v;
    *out = 0;
    if (!LLVMIsConstant(v))
        return false;
    if (LLVMIsNull(v)) /* +0 */
        return true;
    if (LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMVectorTypeKind) {
        if (LLVMIsAConstantDataVector(v) == NULL)
            return false;
        scalar = LLVMGetAggregateElement(v, 0);
        for (unsigned l = 1; l < LLVMGetVectorSize(LLVMTypeOf(v)); l++)
            if (LLVMGetAggregateElement(v, l) != scalar)
                return false;
    }
    if (LLVMIsAConstantFP(scalar) == NULL)
        return false;
    *out = LLVMConstRealGetDouble(scalar, &inexact);
    return !isnan(*out);
}

/* One side is a number k: k or x, where k comes first among equals if it is the zero that wins. */
static Value extreme_of_number(Ir *ir, bool max, double number, Value k, Value x)
{
    bool ties = number == 0 && (signbit(number) != 0) != max;
    LLVMRealPredicate better = max ? (ties ? LLVMRealOGE : LLVMRealOGT) : (ties ? LLVMRealOLE : LLVMRealOLT);
    return pick(ir, LLVMBuildFCmp(ir->b, better, k, x, ""), k, x);
}

/* NaN if either is; -0 < +0. */
static Value extreme(Ir *ir, bool max, Dtype type, uint32_t lanes, Value a, Value b)
{
    double number;
    if (known_number(a, &number))
        return extreme_of_number(ir, max, number, a, b);
    if (known_number(b, &number))
        return extreme_of_number(ir, max, number, b, a);
    Value u = as_bits(ir, type, lanes, a), v = as_bits(ir, type, lanes, b);
    Value both = max ? LLVMBuildAnd(ir->b, u, v, "") : LLVMBuildOr(ir->b, u, v, "");
    Value first = LLVMBuildFCmp(ir->b, max ? LLVMRealOGT : LLVMRealOLT, a, b, "");
    Value unequal = pick(ir, LLVMBuildFCmp(ir->b, LLVMRealUNO, a, b, ""), LLVMBuildFAdd(ir->b, a, b, ""), pick(ir, first, a, b));
    return pick(ir, LLVMBuildFCmp(ir->b, LLVMRealOEQ, a, b, ""), from_bits(ir, type, lanes, both), unequal);
}

static Value sign(Ir *ir, Dtype type, uint32_t lanes, Value x)
{
    Value zero = float_const(ir, type, lanes, 0);
    Value negative = pick(ir, LLVMBuildFCmp(ir->b, LLVMRealOLT, x, zero, ""), float_const(ir, type, lanes, -1), x);
    return pick(ir, LLVMBuildFCmp(ir->b, LLVMRealOGT, x, zero, ""), float_const(ir, type, lanes, 1), negative);
}

static Value wide_operation(Ir *ir, LoopOp op, Dtype type, uint32_t lanes, Value *args)
{
    static const char *const names[LOOP_OP_COUNT] = {
        [LOOP_FMA] = "llvm.fma", [LOOP_ABS] = "llvm.fabs", [LOOP_FLOOR] = "llvm.floor", [LOOP_CEIL] = "llvm.ceil",
        [LOOP_TRUNC] = "llvm.trunc", [LOOP_RINT] = "llvm.rint", [LOOP_SQRT] = "llvm.sqrt"};
    LLVMTypeRef t = float_type(ir, type, lanes);
    if (names[op] != NULL)
        return intrinsic(ir, names[op], 1, &t, op == LOOP_FMA ? 3 : 1, args);
    switch (op) {
    case LOOP_ADD:
        return LLVMBuildFAdd(ir->b, args[0], args[1], "");
    case LOOP_SUB:
        return LLVMBuildFSub(ir->b, args[0], args[1], "");
    case LOOP_MUL:
        return LLVMBuildFMul(ir->b, args[0], args[1], "");
    case LOOP_DIV:
        return LLVMBuildFDiv(ir->b, args[0], args[1], "");
    case LOOP_FMOD:
        return LLVMBuildFRem(ir->b, args[0], args[1], "");
    case LOOP_NEG:
        return LLVMBuildFNeg(ir->b, args[0], "");
    case LOOP_SIGN:
        return sign(ir, type, lanes, args[0]);
    case LOOP_MIN:
    case LOOP_MAX:
        return extreme(ir, op == LOOP_MAX, type, lanes, args[0], args[1]);
    default:
        refuse_form(ir, loop_op_info(op)->text);
        return args[0];
    }
}

/* In integers: LLVM holds one NaN to be as good as another. */
Value one_nan(Ir *ir, Dtype type, uint32_t lanes, Value v)
{
    bool wide = type == DT_F64;
    if (!ir->canonical || is_half(type))
        return v;
    Value quiet = int_bits(ir, wide ? 64 : 32, lanes, wide ? 0x7FF8000000000000u : 0x7FC00000u);
    Value bits = pick(ir, LLVMBuildFCmp(ir->b, LLVMRealUNO, v, v, ""), quiet, as_bits(ir, type, lanes, v));
    return from_bits(ir, type, lanes, bits);
}

Value float_operation(Ir *ir, LoopOp op, Dtype type, uint32_t lanes, Value *args)
{
    bool moves = op == LOOP_NEG || op == LOOP_ABS || op == LOOP_SIGN, exact = moves || op == LOOP_MIN || op == LOOP_MAX;
    Value r = wide_operation(ir, op, is_half(type) ? DT_F32 : type, lanes, args);
    if (is_half(type) && !exact)
        return half_round(ir, type, lanes, r);
    return moves ? r : one_nan(ir, type, lanes, r);
}
