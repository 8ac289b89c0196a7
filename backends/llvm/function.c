/*
 * backends/llvm/function.c: functions of the loop program, and the interface NAME_run, NAME_info.
 *
 * Keep: parameters of one call never overlap (noalias); local arrays and variables that change are allocas of the first block.
 */
#include "backends/llvm/internal.h"

#include <string.h>

#include "backends/c/c.h"

static void attribute(Ir *ir, Value function, unsigned at, const char *name, uint64_t value)
{
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(function, at, LLVMCreateEnumAttribute(ir->c, kind, value));
}

static LLVMTypeRef group_type(Ir *ir, const LoopFunction *f)
{
    LLVMTypeRef *types = ARENA_ARRAY(&ir->cx->arena, LLVMTypeRef, f->slots.n + f->vars.n + 2);
    uint32_t n = 0;
    for (uint32_t k = 0; k < f->slots.n; k++)
        if (!f->slots.at[k].local)
            types[n++] = ir->pointer;
    for (uint32_t v = 1; v < f->vars.n; v++)
        if (f->vars.at[v].parameter)
            types[n++] = int_type(ir, 64, 1);
    if (f->traps) {
        types[n++] = ir->pointer;
        types[n++] = int_type(ir, 32, 1);
    }
    return LLVMFunctionType(f->traps ? int_type(ir, 32, 1) : LLVMVoidTypeInContext(ir->c), types, n, 0);
}

static Value declare_group(Ir *ir, const LoopFunction *f)
{
    const char *name = arena_printf(&ir->cx->arena, "%s_%s", ir->options->name, f->name);
    Value function = LLVMAddFunction(ir->m, name, group_type(ir, f));
    unsigned n = 0;
    LLVMSetLinkage(function, LLVMInternalLinkage);
    attribute(ir, function, (unsigned)LLVMAttributeFunctionIndex, "noinline", 0); /* one function a group: what perf shows */
    attribute(ir, function, (unsigned)LLVMAttributeFunctionIndex, "nounwind", 0);
    for (uint32_t k = 0; k < f->slots.n; k++) {
        const LoopSlot *s = &f->slots.at[k];
        if (s->local)
            continue;
        n++; /* the first parameter has index 1 */
        attribute(ir, function, n, "noalias", 0);
        attribute(ir, function, n, s->is_aligned ? "align" : "noundef", s->is_aligned ? 64 : 0);
        if (!s->written)
            attribute(ir, function, n, "readonly", 0);
    }
    return function;
}

/* Local arrays and the variables that change, which start at 0. */
static void locals(Ir *ir)
{
    for (uint32_t k = 0; k < ir->f->slots.n; k++) {
        const LoopSlot *s = &ir->f->slots.at[k];
        if (!s->local)
            continue;
        uint64_t elements = s->elements > 0 ? s->elements : 1;
        LLVMTypeRef type = LLVMArrayType(memory_type(ir, s->type, 1), (unsigned)elements);
        ir->slots[k] = LLVMBuildAlloca(ir->b, type, "");
        LLVMSetAlignment(ir->slots[k], 64);
    }
    for (uint32_t v = 1; v < ir->f->vars.n; v++) {
        const LoopVar *var = &ir->f->vars.at[v];
        if (!var->changes)
            continue;
        LLVMTypeRef type = value_type(ir, var->type, var->lanes);
        ir->vars[v] = LLVMBuildAlloca(ir->b, type, var->name);
        LLVMBuildStore(ir->b, LLVMConstNull(type), ir->vars[v]);
    }
}

static void begin(Ir *ir, const LoopFunction *f, Value function)
{
    ir->f = f;
    ir->function = function;
    ir->vars = ARENA_ARRAY(&ir->cx->arena, Value, f->vars.n + 1);
    ir->slots = ARENA_ARRAY(&ir->cx->arena, Value, f->slots.n + 1);
    ir->leave = NULL;
    ir->arena = ir->site = NULL;
    LLVMPositionBuilderAtEnd(ir->b, new_block(ir, "start"));
}

static void group(Ir *ir, const LoopFunction *f, Value function)
{
    unsigned n = 0;
    begin(ir, f, function);
    for (uint32_t k = 0; k < f->slots.n; k++)
        if (!f->slots.at[k].local)
            ir->slots[k] = LLVMGetParam(function, n++);
    for (uint32_t v = 1; v < f->vars.n; v++)
        if (f->vars.at[v].parameter)
            ir->vars[v] = LLVMGetParam(function, n++);
    if (f->traps) {
        ir->arena = LLVMGetParam(function, n);
        ir->site = LLVMGetParam(function, n + 1);
    }
    locals(ir);
    block_statements(ir, f->body);
    if (f->traps)
        LLVMBuildRet(ir->b, int_bits(ir, 32, 1, 0));
    else
        LLVMBuildRetVoid(ir->b);
}

static Value byte_offset(Ir *ir, Value base, uint64_t offset)
{
    Value at = int_bits(ir, 64, 1, offset);
    return LLVMBuildInBoundsGEP2(ir->b, int_type(ir, 8, 1), base, &at, 1, "");
}

/* int NAME_run(const NAME_io *io, const void *weights, void *arena) */
static void entry(Ir *ir, const LoopFunction *f)
{
    LLVMTypeRef params[] = {ir->pointer, ir->pointer, ir->pointer};
    const char *name = arena_printf(&ir->cx->arena, "%s_run", ir->options->name);
    Value function = LLVMAddFunction(ir->m, name, LLVMFunctionType(int_type(ir, 32, 1), params, 3, 0));
    uint64_t members = 0;
    attribute(ir, function, (unsigned)LLVMAttributeFunctionIndex, "nounwind", 0);
    begin(ir, f, function);
    ir->arena = LLVMGetParam(function, 2);
    for (uint32_t k = 0; k < ir->p->buffers.n; k++) {
        const LoopBuffer *b = &ir->p->buffers.at[k];
        if (b->kind == BUFFER_CONST) {
            ir->slots[k] = byte_offset(ir, LLVMGetParam(function, 1), b->offset + C_WEIGHTS_HEADER);
        } else if (b->kind == BUFFER_ARENA) {
            ir->slots[k] = byte_offset(ir, ir->arena, b->offset);
        } else {
            Value at = int_bits(ir, 64, 1, members++);
            Value place = LLVMBuildInBoundsGEP2(ir->b, ir->pointer, LLVMGetParam(function, 0), &at, 1, "");
            ir->slots[k] = LLVMBuildLoad2(ir->b, ir->pointer, place, "");
        }
    }
    locals(ir);
    clear_trap(ir);
    block_statements(ir, f->body);
    LLVMBuildRet(ir->b, int_bits(ir, 32, 1, 0));
}

static void info(Ir *ir)
{
    Value text = compat_string(ir->c, ir->options->info, strlen(ir->options->info));
    Value global = LLVMAddGlobal(ir->m, LLVMTypeOf(text), arena_printf(&ir->cx->arena, "%s_info", ir->options->name));
    LLVMSetInitializer(global, text);
    LLVMSetGlobalConstant(global, 1);
}

void program_functions(Ir *ir)
{
    const LoopProgram *p = ir->p;
    ir->functions = ARENA_ARRAY(&ir->cx->arena, Value, p->functions.n);
    for (uint32_t k = 0; k + 1 < p->functions.n; k++)
        ir->functions[k] = declare_group(ir, &p->functions.at[k]);
    for (uint32_t k = 0; k + 1 < p->functions.n; k++)
        group(ir, &p->functions.at[k], ir->functions[k]);
    entry(ir, &p->functions.at[p->functions.n - 1]);
    info(ir);
}
