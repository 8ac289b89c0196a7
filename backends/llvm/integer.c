/*
 * backends/llvm/integer.c: operations of integers, modulo 2^n in LLVM's integers of n bits.
 *
 * Keep: nothing is undefined: divisors that would be are replaced before the division and the result chosen after it.
 */
#include "backends/llvm/internal.h"

typedef struct Ints {
    Ir *ir;
    LLVMBuilderRef b;
    Dtype type;
    bool is_signed;
    unsigned bits;
    uint32_t lanes;
} Ints;

static Value number(const Ints *t, int64_t value)
{
    return int_bits(t->ir, t->bits, t->lanes, (uint64_t)value);
}

static Value compare(const Ints *t, LLVMIntPredicate predicate, Value a, Value b)
{
    return LLVMBuildICmp(t->b, predicate, a, b, "");
}

static Value negative(const Ints *t, Value a)
{
    return compare(t, LLVMIntSLT, a, number(t, 0));
}

static Value minus(const Ints *t, Value a)
{
    return LLVMBuildSub(t->b, number(t, 0), a, "");
}

/* The quotient or remainder toward zero; by 0 both are 0; the least integer by -1 is itself, remainder 0. */
static Value divide(const Ints *t, Value a, Value b, bool remainder)
{
    Value zero = number(t, 0), by_zero = compare(t, LLVMIntEQ, b, zero), by_minus = NULL, unsafe = by_zero;
    if (t->is_signed) {
        by_minus = compare(t, LLVMIntEQ, b, number(t, -1));
        unsafe = LLVMBuildOr(t->b, by_zero, by_minus, "");
    }
    Value by = pick(t->ir, unsafe, number(t, 1), b);
    if (remainder)
        return t->is_signed ? LLVMBuildSRem(t->b, a, by, "") : LLVMBuildURem(t->b, a, by, "");
    Value q = t->is_signed ? LLVMBuildSDiv(t->b, a, by, "") : LLVMBuildUDiv(t->b, a, by, "");
    if (t->is_signed)
        q = pick(t->ir, by_minus, minus(t, a), q);
    return pick(t->ir, by_zero, zero, q);
}

static Value floor_divide(const Ints *t, Value a, Value b, bool remainder)
{
    Value r = divide(t, a, b, true), q = remainder ? r : divide(t, a, b, false);
    if (!t->is_signed)
        return q;
    Value signs_differ = negative(t, LLVMBuildXor(t->b, r, b, ""));
    Value below = LLVMBuildAnd(t->b, compare(t, LLVMIntNE, r, number(t, 0)), signs_differ, "");
    Value corrected = remainder ? LLVMBuildAdd(t->b, r, b, "") : LLVMBuildSub(t->b, q, number(t, 1), "");
    return pick(t->ir, below, corrected, q);
}

static Value shift(const Ints *t, Value a, Value n, bool left)
{
    Value width = number(t, t->bits - 1), over = compare(t, LLVMIntUGT, n, width);
    Value count = pick(t->ir, over, width, n);
    if (!left && t->is_signed)
        return LLVMBuildAShr(t->b, a, count, "");
    return pick(t->ir, over, number(t, 0), left ? LLVMBuildShl(t->b, a, count, "") : LLVMBuildLShr(t->b, a, count, ""));
}

static Value sign(const Ints *t, Value a)
{
    Value positive = pick(t->ir, compare(t, LLVMIntNE, a, number(t, 0)), number(t, 1), number(t, 0));
    return t->is_signed ? pick(t->ir, negative(t, a), number(t, -1), positive) : positive;
}

static Value extreme(const Ints *t, bool max, Value a, Value b)
{
    LLVMIntPredicate more = t->is_signed ? LLVMIntSGT : LLVMIntUGT, less = t->is_signed ? LLVMIntSLT : LLVMIntULT;
    return pick(t->ir, compare(t, max ? more : less, a, b), a, b);
}

/* 1 / a^|n|, truncated */
static Value negative_power(const Ints *t, Value a, Value n)
{
    Value odd = LLVMBuildTrunc(t->b, n, int_type(t->ir, 1, 1), "");
    Value of_minus = pick(t->ir, odd, a, number(t, 1));
    Value r = pick(t->ir, compare(t, LLVMIntEQ, a, number(t, -1)), of_minus, number(t, 0));
    return pick(t->ir, compare(t, LLVMIntEQ, a, number(t, 1)), number(t, 1), r);
}

/* The loop by squaring from block `start` on: returns a^n for n as unsigned. */
static void power_loop(const Ints *t, Value function, LLVMBasicBlockRef start)
{
    LLVMContextRef c = t->ir->c;
    LLVMTypeRef type = int_type(t->ir, t->bits, 1);
    LLVMBasicBlockRef head = LLVMAppendBasicBlockInContext(c, function, "head"), body = LLVMAppendBasicBlockInContext(c, function, "body");
    LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(c, function, "done");
    Value one = number(t, 1);
    LLVMPositionBuilderAtEnd(t->b, head);
    Value r = LLVMBuildPhi(t->b, type, "r"), a = LLVMBuildPhi(t->b, type, "a"), k = LLVMBuildPhi(t->b, type, "k");
    LLVMBuildCondBr(t->b, compare(t, LLVMIntEQ, k, number(t, 0)), done, body);
    LLVMPositionBuilderAtEnd(t->b, body);
    Value odd = LLVMBuildTrunc(t->b, k, int_type(t->ir, 1, 1), "");
    Value r_next = pick(t->ir, odd, LLVMBuildMul(t->b, r, a, ""), r), a_next = LLVMBuildMul(t->b, a, a, "");
    Value k_next = t->bits > 1 ? LLVMBuildLShr(t->b, k, one, "") : number(t, 0);
    LLVMBuildBr(t->b, head);
    Value first[] = {one, LLVMGetParam(function, 0), LLVMGetParam(function, 1)}, next[] = {r_next, a_next, k_next}, phi[] = {r, a, k};
    for (int i = 0; i < 3; i++) {
        LLVMAddIncoming(phi[i], &first[i], &start, 1);
        LLVMAddIncoming(phi[i], &next[i], &body, 1);
    }
    LLVMPositionBuilderAtEnd(t->b, done);
    LLVMBuildRet(t->b, r);
    LLVMPositionBuilderAtEnd(t->b, start);
}

static Value power_function(const Ints *t)
{
    Ints one = *t;
    one.lanes = 1;
    t = &one;
    const char *name = arena_printf(&t->ir->cx->arena, "weir.powi.%s", dtype_text(t->type));
    Value function = LLVMGetNamedFunction(t->ir->m, name);
    if (function != NULL)
        return function;
    LLVMTypeRef type = int_type(t->ir, t->bits, 1), params[] = {type, type};
    LLVMBasicBlockRef back = LLVMGetInsertBlock(t->b);
    function = LLVMAddFunction(t->ir->m, name, LLVMFunctionType(type, params, 2, 0));
    LLVMSetLinkage(function, LLVMInternalLinkage);
    LLVMBasicBlockRef start = LLVMAppendBasicBlockInContext(t->ir->c, function, "start");
    power_loop(t, function, start);
    Value a = LLVMGetParam(function, 0), n = LLVMGetParam(function, 1);
    LLVMBasicBlockRef head = LLVMGetNextBasicBlock(start);
    if (t->is_signed) {
        LLVMBasicBlockRef below = LLVMAppendBasicBlockInContext(t->ir->c, function, "below");
        LLVMBuildCondBr(t->b, negative(t, n), below, head);
        LLVMPositionBuilderAtEnd(t->b, below);
        LLVMBuildRet(t->b, negative_power(t, a, n));
    } else {
        LLVMBuildBr(t->b, head);
    }
    LLVMPositionBuilderAtEnd(t->b, back);
    return function;
}

static Value power(const Ints *t, Value a, Value n)
{
    Value function = power_function(t);
    LLVMTypeRef type = LLVMGlobalGetValueType(function);
    if (t->lanes == 1) {
        Value args[] = {a, n};
        return LLVMBuildCall2(t->b, type, function, args, 2, "");
    }
    Value r = LLVMGetPoison(LLVMTypeOf(a));
    for (uint32_t l = 0; l < t->lanes; l++) {
        Value lane = int_bits(t->ir, 32, 1, l);
        Value args[] = {LLVMBuildExtractElement(t->b, a, lane, ""), LLVMBuildExtractElement(t->b, n, lane, "")};
        r = LLVMBuildInsertElement(t->b, r, LLVMBuildCall2(t->b, type, function, args, 2, ""), lane, "");
    }
    return r;
}

static Value special(const Ints *t, LoopOp op, Value a, Value b)
{
    switch (op) {
    case LOOP_IDIV:
    case LOOP_IREM:
        return divide(t, a, b, op == LOOP_IREM);
    case LOOP_FLOORDIV:
    case LOOP_FLOORMOD:
        return floor_divide(t, a, b, op == LOOP_FLOORMOD);
    case LOOP_SHL:
    case LOOP_SHR:
        return shift(t, a, b, op == LOOP_SHL);
    case LOOP_MIN:
    case LOOP_MAX:
        return extreme(t, op == LOOP_MAX, a, b);
    case LOOP_ABS:
        return t->is_signed ? pick(t->ir, negative(t, a), minus(t, a), a) : a;
    case LOOP_SIGN:
        return sign(t, a);
    case LOOP_POWI:
        return power(t, a, b);
    default:
        refuse_form(t->ir, loop_op_info(op)->text);
        return a;
    }
}

Value int_operation(Ir *ir, LoopOp op, Dtype type, uint32_t lanes, Value *args)
{
    const Ints t = {.ir = ir, .b = ir->b, .type = type, .is_signed = dtype_kind(type) == DK_SIGNED, .bits = dtype_bits(type), .lanes = lanes};
    switch (op) {
    case LOOP_ADD:
        return LLVMBuildAdd(ir->b, args[0], args[1], "");
    case LOOP_SUB:
        return LLVMBuildSub(ir->b, args[0], args[1], "");
    case LOOP_MUL:
        return LLVMBuildMul(ir->b, args[0], args[1], "");
    case LOOP_NEG:
        return minus(&t, args[0]);
    case LOOP_AND:
        return LLVMBuildAnd(ir->b, args[0], args[1], "");
    case LOOP_OR:
        return LLVMBuildOr(ir->b, args[0], args[1], "");
    case LOOP_XOR:
        return LLVMBuildXor(ir->b, args[0], args[1], "");
    case LOOP_NOT:
        return LLVMBuildNot(ir->b, args[0], "");
    default:
        return special(&t, op, args[0], loop_op_info(op)->arity > 1 ? args[1] : NULL);
    }
}
