/*
 * backends/llvm/elementary.c: elementary functions: in f32 the steps of ir/elementary.h as a function of the module, in f64 the C
 * library's.
 */
#include "backends/llvm/internal.h"

#include <string.h>

#include "ir/elementary.h"

static const LoopOp op_of[FN_COUNT] = {
    [FN_OR] = LOOP_LOR, [FN_AND] = LOOP_LAND, [FN_NOT] = LOOP_LNOT, [FN_EQ] = LOOP_EQ, [FN_NE] = LOOP_NE, [FN_LT] = LOOP_LT,
    [FN_LE] = LOOP_LE, [FN_GT] = LOOP_LT, [FN_GE] = LOOP_LE, [FN_ADD] = LOOP_ADD, [FN_SUB] = LOOP_SUB, [FN_MUL] = LOOP_MUL,
    [FN_DIV] = LOOP_DIV, [FN_NEG] = LOOP_NEG, [FN_SELECT] = LOOP_SELECT, [FN_MIN] = LOOP_MIN, [FN_MAX] = LOOP_MAX,
    [FN_FMA] = LOOP_FMA, [FN_ABS] = LOOP_ABS, [FN_SIGN] = LOOP_SIGN, [FN_FLOOR] = LOOP_FLOOR, [FN_CEIL] = LOOP_CEIL,
    [FN_TRUNC] = LOOP_TRUNC, [FN_ROUND_EVEN] = LOOP_RINT, [FN_SQRT] = LOOP_SQRT, [FN_BIT_AND] = LOOP_AND, [FN_BIT_OR] = LOOP_OR,
    [FN_BIT_XOR] = LOOP_XOR, [FN_BIT_NOT] = LOOP_NOT, [FN_SHL] = LOOP_SHL, [FN_SHR] = LOOP_SHR};

static void add_attribute(Ir *ir, Value function, const char *name)
{
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(ir->c, kind, 0));
}

static Value step_argument(Ir *ir, Value function, const Value *values, const StepArg *arg, uint32_t lanes)
{
    switch (arg->kind) {
    case ARG_INPUT:
        return LLVMGetParam(function, arg->i);
    case ARG_STEP:
        return values[arg->i];
    case ARG_F32:
        return float_const(ir, DT_F32, lanes, (double)arg->f);
    default:
        return int_const(ir, DT_I32, lanes, arg->n);
    }
}

static Value step_value(Ir *ir, Value function, const Value *values, const Step *step, uint32_t lanes)
{
    Value args[3] = {NULL, NULL, NULL};
    for (uint32_t k = 0; k < step->n_args; k++)
        args[k] = step_argument(ir, function, values, &step->arg[k], lanes);
    if (step->kind == STEP_BITS)
        return cast_operation(ir, LOOP_BITS, step->type, step->from, lanes, args[0]);
    if (step->kind == STEP_CAST)
        return cast_operation(ir, LOOP_CAST, step->type, step->from, lanes, args[0]);
    if (op_of[step->fn] == LOOP_NONE)
        weir_bug(ir->cx, "no operation for the step %s", fn_info(step->fn)->text);
    if (step->fn == FN_GT || step->fn == FN_GE) {
        Value first = args[0];
        args[0] = args[1];
        args[1] = first;
    }
    return operation(ir, op_of[step->fn], step->type, step->from, lanes, args);
}

static Value step_function(Ir *ir, const Elementary *of, uint32_t lanes)
{
    const char *name = arena_printf(&ir->cx->arena, "weir.%s.%u", fn_info(of->fn)->text, lanes);
    Value function = LLVMGetNamedFunction(ir->m, name);
    if (function != NULL)
        return function;
    LLVMTypeRef type = float_type(ir, DT_F32, lanes), params[] = {type, type};
    LLVMBasicBlockRef back = LLVMGetInsertBlock(ir->b);
    function = LLVMAddFunction(ir->m, name, LLVMFunctionType(type, params, of->n_inputs, 0));
    LLVMSetLinkage(function, LLVMInternalLinkage);
    add_attribute(ir, function, "alwaysinline");
    LLVMPositionBuilderAtEnd(ir->b, LLVMAppendBasicBlockInContext(ir->c, function, "steps"));
    Value *values = ARENA_ARRAY(&ir->cx->arena, Value, of->n_steps);
    bool canonical = ir->canonical;
    ir->canonical = false; /* the value's NaN is its caller's concern */
    for (uint32_t s = 0; s < of->n_steps; s++)
        values[s] = step_value(ir, function, values, &of->steps[s], lanes);
    ir->canonical = canonical;
    LLVMBuildRet(ir->b, values[of->n_steps - 1]);
    LLVMPositionBuilderAtEnd(ir->b, back);
    return function;
}

/* A function of the C library on one f64; LLVM must not know it, or it would fold and rewrite it. */
static Value library_scalar(Ir *ir, const char *name, uint32_t n, Value *args)
{
    LLVMTypeRef type = float_type(ir, DT_F64, 1), params[] = {type, type};
    LLVMTypeRef function_type = LLVMFunctionType(type, params, n, 0);
    Value function = LLVMGetNamedFunction(ir->m, name);
    if (function == NULL)
        function = LLVMAddFunction(ir->m, name, function_type);
    Value call = LLVMBuildCall2(ir->b, function_type, function, args, n, "");
    unsigned kind = LLVMGetEnumAttributeKindForName("nobuiltin", 9);
    LLVMAddCallSiteAttribute(call, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(ir->c, kind, 0));
    return call;
}

static Value library(Ir *ir, Fn fn, uint32_t n, Value *args)
{
    Value one = float_const(ir, DT_F64, 1, 1);
    if (fn != FN_SIGMOID)
        return library_scalar(ir, fn_info(fn)->text, n, args);
    Value minus = LLVMBuildFNeg(ir->b, args[0], "");
    return LLVMBuildFDiv(ir->b, one, LLVMBuildFAdd(ir->b, one, library_scalar(ir, "exp", 1, &minus), ""), "");
}

static Value library_lanes(Ir *ir, Fn fn, uint32_t lanes, uint32_t n, Value *args)
{
    if (lanes == 1)
        return library(ir, fn, n, args);
    Value r = LLVMGetPoison(LLVMTypeOf(args[0])), each[2];
    for (uint32_t l = 0; l < lanes; l++) {
        Value lane = int_bits(ir, 32, 1, l);
        for (uint32_t k = 0; k < n && k < 2; k++)
            each[k] = LLVMBuildExtractElement(ir->b, args[k], lane, "");
        r = LLVMBuildInsertElement(ir->b, r, library(ir, fn, n, each), lane, "");
    }
    return r;
}

Value elementary_call(Ir *ir, Fn fn, Dtype type, uint32_t lanes, uint32_t n, Value *args)
{
    if (type == DT_F64)
        return one_nan(ir, type, lanes, library_lanes(ir, fn, lanes, n, args));
    const Elementary *of = type == DT_F32 ? elementary(ir->cx, fn) : NULL;
    if (of == NULL || of->n_inputs != n) {
        refuse_form(ir, arena_printf(&ir->cx->arena, "%s of %s", fn_info(fn)->text, dtype_text(type)));
        return args[0];
    }
    Value function = step_function(ir, of, lanes);
    return one_nan(ir, type, lanes, LLVMBuildCall2(ir->b, LLVMGlobalGetValueType(function), function, args, n, ""));
}
