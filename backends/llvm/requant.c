/*
 * backends/llvm/requant.c: acc * sx * sw / sy as a real number, rounded once to an integer, halves to even.
 *
 * The quotient in f64 is off by less than one where it is below 2^52, so the right integer is it or a neighbour. Which one is
 * decided by comparing acc * sx * sw with (n + 1/2) * sy and (n - 1/2) * sy: both sides are exact as sums of two f64.
 */
#include "backends/llvm/internal.h"

typedef struct Requant {
    Ir *ir;
    uint32_t lanes;
    LLVMTypeRef type;
    Value high, low; /* |acc| * sx * sw */
    Value by;        /* sy */
} Requant;

static Value number(const Requant *q, double value)
{
    return float_const(q->ir, DT_F64, q->lanes, value);
}

static Value function(const Requant *q, const char *name, Value x)
{
    LLVMTypeRef type = q->type;
    return intrinsic(q->ir, name, 1, &type, 1, &x);
}

/* a * b - product, exact where product is a * b rounded. */
static Value rest(const Requant *q, Value a, Value b, Value product)
{
    LLVMTypeRef type = q->type;
    Value args[] = {a, b, LLVMBuildFNeg(q->ir->b, product, "")};
    return intrinsic(q->ir, "llvm.fma", 1, &type, 3, args);
}

/* Whether the true quotient lies beyond t (on the side of `strict`), or on it where `tie`. */
static Value beyond(const Requant *q, Value t, LLVMRealPredicate strict, Value tie)
{
    LLVMBuilderRef b = q->ir->b;
    Value high = LLVMBuildFMul(b, t, q->by, ""), low = rest(q, t, q->by, high);
    Value same = LLVMBuildFCmp(b, LLVMRealOEQ, q->high, high, "");
    Value on = LLVMBuildAnd(b, LLVMBuildFCmp(b, LLVMRealOEQ, q->low, low, ""), tie, "");
    Value further = LLVMBuildOr(b, LLVMBuildFCmp(b, strict, q->low, low, ""), on, "");
    return LLVMBuildOr(b, LLVMBuildFCmp(b, strict, q->high, high, ""), LLVMBuildAnd(b, same, further, ""), "");
}

static Value positive_number(const Requant *q, Value x)
{
    Value above = LLVMBuildFCmp(q->ir->b, LLVMRealOGT, x, number(q, 0), "");
    return LLVMBuildAnd(q->ir->b, above, LLVMBuildFCmp(q->ir->b, LLVMRealOLT, x, number(q, 0x1p128), ""), "");
}

Value requantised(Ir *ir, uint32_t lanes, Value *args)
{
    LLVMBuilderRef b = ir->b;
    Requant q = {.ir = ir, .lanes = lanes, .type = float_type(ir, DT_F64, lanes)};
    Value acc = LLVMBuildSIToFP(b, args[0], q.type, ""), size = function(&q, "llvm.fabs", acc);
    Value sx = LLVMBuildFPExt(b, args[1], q.type, ""), sw = LLVMBuildFPExt(b, args[2], q.type, "");
    Value scale = LLVMBuildFMul(b, sx, sw, ""); /* exact */
    q.by = LLVMBuildFPExt(b, args[3], q.type, "");
    q.high = LLVMBuildFMul(b, size, scale, "");
    q.low = rest(&q, size, scale, q.high);
    Value near = LLVMBuildFDiv(b, LLVMBuildFMul(b, acc, scale, ""), q.by, ""), near_size = function(&q, "llvm.fabs", near);
    Value n = function(&q, "llvm.rint", near_size), half = LLVMBuildFMul(b, n, number(&q, 0.5), "");
    Value odd = LLVMBuildFCmp(b, LLVMRealUNE, function(&q, "llvm.floor", half), half, "");
    Value up = beyond(&q, LLVMBuildFAdd(b, n, number(&q, 0.5), ""), LLVMRealOGT, odd);
    Value down = beyond(&q, LLVMBuildFSub(b, n, number(&q, 0.5), ""), LLVMRealOLT, odd);
    Value less = pick(ir, down, LLVMBuildFSub(b, n, number(&q, 1), ""), n);
    Value right = pick(ir, up, LLVMBuildFAdd(b, n, number(&q, 1), ""), less);
    right = pick(ir, LLVMBuildFCmp(b, LLVMRealOLT, acc, number(&q, 0), ""), LLVMBuildFNeg(b, right, ""), right);
    Value usual = LLVMBuildFCmp(b, LLVMRealOLT, near_size, number(&q, 0x1p52), "");
    Value scales[] = {sx, sw, q.by};
    for (unsigned k = 0; k < 3; k++)
        usual = LLVMBuildAnd(b, usual, positive_number(&q, scales[k]), "");
    return pick(ir, usual, right, function(&q, "llvm.rint", near));
}
