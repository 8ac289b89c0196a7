/*
 * backends/llvm/statement.c: statements of the loop program.
 *
 * Keep: the builder stands at the end of a block without a terminator before and after every statement.
 */
#include "backends/llvm/internal.h"

#include <llvm-c/DebugInfo.h>

LLVMBasicBlockRef new_block(Ir *ir, const char *name)
{
    return LLVMAppendBasicBlockInContext(ir->c, ir->function, name);
}

/* Asks for the loop to be written out: metadata on its back edge. */
static void written_out(Ir *ir, Value branch)
{
    static const char hint[] = "llvm.loop.unroll.full";
    LLVMMetadataRef text = LLVMMDStringInContext2(ir->c, hint, sizeof hint - 1);
    LLVMMetadataRef operands[] = {NULL, LLVMMDNodeInContext2(ir->c, &text, 1)};
    /* The first operand of a loop's node is the node itself: made by way of a temporary. */
    operands[0] = LLVMTemporaryMDNode(ir->c, NULL, 0);
    LLVMMetadataRef node = LLVMMDNodeInContext2(ir->c, operands, 2);
    LLVMMetadataReplaceAllUsesWith(operands[0], node);
    LLVMSetMetadata(branch, LLVMGetMDKindIDInContext(ir->c, "llvm.loop", 9), LLVMMetadataAsValue(ir->c, node));
}

static void statement_for(Ir *ir, const LoopStmt *st)
{
    LLVMTypeRef type = int_type(ir, 64, 1);
    Value lo = expression(ir, st->lo), hi = expression(ir, st->hi);
    LLVMBasicBlockRef before = LLVMGetInsertBlock(ir->b), outer_leave = ir->leave;
    LLVMBasicBlockRef head = new_block(ir, "head"), body = new_block(ir, "body"), done = new_block(ir, "done");
    LLVMBuildBr(ir->b, head);
    LLVMPositionBuilderAtEnd(ir->b, head);
    Value i = LLVMBuildPhi(ir->b, type, ir->f->vars.at[st->var].name);
    LLVMBuildCondBr(ir->b, LLVMBuildICmp(ir->b, LLVMIntSLT, i, hi, ""), body, done);
    LLVMPositionBuilderAtEnd(ir->b, body);
    ir->vars[st->var] = i;
    ir->leave = done;
    block_statements(ir, st->body);
    ir->leave = outer_leave;
    Value next = LLVMBuildNSWAdd(ir->b, i, int_bits(ir, 64, 1, 1), "");
    LLVMBasicBlockRef last = LLVMGetInsertBlock(ir->b);
    Value back = LLVMBuildBr(ir->b, head);
    if (st->unroll)
        written_out(ir, back);
    LLVMAddIncoming(i, &lo, &before, 1);
    LLVMAddIncoming(i, &next, &last, 1);
    LLVMPositionBuilderAtEnd(ir->b, done);
}

static void statement_if(Ir *ir, const LoopStmt *st)
{
    LLVMBasicBlockRef yes = new_block(ir, "yes"), no = new_block(ir, "no"), join = new_block(ir, "join");
    LLVMBuildCondBr(ir->b, expression(ir, st->a), yes, no);
    LLVMPositionBuilderAtEnd(ir->b, yes);
    block_statements(ir, st->body);
    LLVMBuildBr(ir->b, join);
    LLVMPositionBuilderAtEnd(ir->b, no);
    block_statements(ir, st->other);
    LLVMBuildBr(ir->b, join);
    LLVMPositionBuilderAtEnd(ir->b, join);
}

static void statement_store(Ir *ir, const LoopStmt *st)
{
    const LoopSlot *slot = &ir->f->slots.at[st->slot];
    uint32_t lanes = loop_expr(ir->p, st->b)->lanes;
    Value place = slot_place(ir, st->slot, expression(ir, st->a)), v = expression(ir, st->b);
    Value store = LLVMBuildStore(ir->b, to_memory(ir, slot->type, lanes, v), place);
    LLVMSetAlignment(store, slot_align(slot, lanes));
}

/* weir.trap(arena, code, site, value): writes the record at the head of the arena. */
static Value trap_function(Ir *ir)
{
    static const char name[] = "weir.trap";
    Value function = LLVMGetNamedFunction(ir->m, name);
    if (function != NULL)
        return function;
    LLVMTypeRef i32 = int_type(ir, 32, 1), i64 = int_type(ir, 64, 1), byte = int_type(ir, 8, 1);
    LLVMTypeRef params[] = {ir->pointer, i32, i32, i64};
    const int offsets[] = {LOOP_ARENA_TRAP_CODE, LOOP_ARENA_TRAP_SITE, LOOP_ARENA_TRAP_VALUE};
    LLVMBasicBlockRef back = LLVMGetInsertBlock(ir->b);
    function = LLVMAddFunction(ir->m, name, LLVMFunctionType(LLVMVoidTypeInContext(ir->c), params, 4, 0));
    LLVMSetLinkage(function, LLVMInternalLinkage);
    LLVMPositionBuilderAtEnd(ir->b, LLVMAppendBasicBlockInContext(ir->c, function, "trap"));
    for (unsigned k = 0; k < 3; k++) {
        Value at = int_bits(ir, 64, 1, (uint64_t)offsets[k]);
        Value place = LLVMBuildInBoundsGEP2(ir->b, byte, LLVMGetParam(function, 0), &at, 1, "");
        LLVMSetAlignment(LLVMBuildStore(ir->b, LLVMGetParam(function, k + 1), place), 1);
    }
    LLVMBuildRetVoid(ir->b);
    if (back != NULL)
        LLVMPositionBuilderAtEnd(ir->b, back);
    return function;
}

static void write_trap(Ir *ir, Value code, Value site, Value value)
{
    Value function = trap_function(ir), args[] = {ir->arena, code, site, value};
    LLVMBuildCall2(ir->b, LLVMGlobalGetValueType(function), function, args, 4, "");
}

static void statement_trap(Ir *ir, const LoopStmt *st)
{
    LLVMBasicBlockRef trap = new_block(ir, "trap"), on = new_block(ir, "on");
    LLVMBuildCondBr(ir->b, expression(ir, st->a), trap, on);
    LLVMPositionBuilderAtEnd(ir->b, trap);
    Value code = int_bits(ir, 32, 1, (uint64_t)st->trap), site = int_bits(ir, 32, 1, st->site);
    if (ir->site != NULL)
        site = LLVMBuildAdd(ir->b, ir->site, site, "");
    write_trap(ir, code, site, expression(ir, st->b));
    LLVMBuildRet(ir->b, code);
    LLVMPositionBuilderAtEnd(ir->b, on);
}

static void statement_call(Ir *ir, const LoopStmt *st)
{
    const LoopFunction *callee = &ir->p->functions.at[st->function];
    Value function = ir->functions[st->function];
    Value *args = ARENA_ARRAY(&ir->cx->arena, Value, st->n_slots + st->n_scalars + 2);
    uint32_t n = 0;
    for (uint32_t k = 0; k < st->n_slots; k++)
        args[n++] = ir->slots[st->slots[k]];
    for (uint32_t k = 0; k < st->n_scalars; k++)
        args[n++] = expression(ir, st->scalars[k]);
    if (callee->traps) {
        args[n++] = ir->arena;
        args[n++] = int_bits(ir, 32, 1, st->site);
    }
    Value code = LLVMBuildCall2(ir->b, LLVMGlobalGetValueType(function), function, args, n, "");
    if (!callee->traps)
        return;
    LLVMBasicBlockRef failed = new_block(ir, "failed"), on = new_block(ir, "on");
    LLVMBuildCondBr(ir->b, LLVMBuildICmp(ir->b, LLVMIntNE, code, int_bits(ir, 32, 1, 0), ""), failed, on);
    LLVMPositionBuilderAtEnd(ir->b, failed);
    LLVMBuildRet(ir->b, code);
    LLVMPositionBuilderAtEnd(ir->b, on);
}

static void statement_break(Ir *ir, const LoopStmt *st)
{
    LLVMBasicBlockRef on = new_block(ir, "on");
    LLVMBuildCondBr(ir->b, expression(ir, st->a), ir->leave, on);
    LLVMPositionBuilderAtEnd(ir->b, on);
}

static void statement(Ir *ir, const LoopStmt *st)
{
    switch (st->kind) {
    case LOOP_ST_FOR:
        statement_for(ir, st);
        break;
    case LOOP_ST_IF:
        statement_if(ir, st);
        break;
    case LOOP_ST_LET:
        ir->vars[st->var] = expression(ir, st->a);
        break;
    case LOOP_ST_ASSIGN:
        LLVMBuildStore(ir->b, expression(ir, st->a), ir->vars[st->var]);
        break;
    case LOOP_ST_STORE:
        statement_store(ir, st);
        break;
    case LOOP_ST_TRAP:
        statement_trap(ir, st);
        break;
    case LOOP_ST_CALL:
        statement_call(ir, st);
        break;
    case LOOP_ST_BREAK:
        statement_break(ir, st);
        break;
    case LOOP_ST_HOST:
        refuse_form(ir, "host operations");
        break;
    case LOOP_ST_NOTE:
        break;
    }
}

void block_statements(Ir *ir, LoopBlock block)
{
    for (LoopStmtId s = block.first; s.i != 0; s = loop_stmt(ir->p, s)->next)
        statement(ir, loop_stmt(ir->p, s));
}

void clear_trap(Ir *ir)
{
    write_trap(ir, int_bits(ir, 32, 1, 0), int_bits(ir, 32, 1, 0), int_bits(ir, 64, 1, 0));
}
