/*
 * backends/llvm/expression.c: expressions of the loop program where a statement evaluates them.
 *
 * Keep: a LOAD on a side that is not taken (COND, and the right of `land` and `lor`) is not executed. Index arithmetic whose
 *       range is known does not wrap.
 */
#include "backends/llvm/internal.h"

static Value argument(Ir *ir, LoopExprId e, uint32_t k)
{
    return expression(ir, loop_arg(ir->p, e, k));
}

unsigned slot_align(const LoopSlot *slot, uint32_t lanes)
{
    unsigned bytes = (unsigned)dtype_bytes(slot->type);
    if (!slot->is_aligned && !slot->local)
        return 1; /* the caller's memory */
    if (lanes > 1 && slot->local && slot->lanes == lanes && bytes * lanes <= 64)
        return bytes * lanes;
    return bytes;
}

Value slot_place(Ir *ir, uint32_t slot, Value index)
{
    return LLVMBuildInBoundsGEP2(ir->b, memory_type(ir, ir->f->slots.at[slot].type, 1), ir->slots[slot], &index, 1, "");
}

static Value load(Ir *ir, LoopExprId id, const LoopExpr *x)
{
    const LoopSlot *slot = &ir->f->slots.at[x->ref];
    Value v = LLVMBuildLoad2(ir->b, memory_type(ir, slot->type, x->lanes), slot_place(ir, x->ref, argument(ir, id, 0)), "");
    LLVMSetAlignment(v, slot_align(slot, x->lanes));
    return from_memory(ir, slot->type, x->lanes, v);
}

static Value variable(Ir *ir, uint32_t var)
{
    const LoopVar *v = &ir->f->vars.at[var];
    if (!v->changes)
        return ir->vars[var];
    return LLVMBuildLoad2(ir->b, value_type(ir, v->type, v->lanes), ir->vars[var], v->name);
}

static Value constant(Ir *ir, const LoopExpr *x)
{
    if (dtype_kind(x->type) == DK_FLOAT)
        return float_const(ir, x->type, x->lanes, x->f);
    return int_const(ir, x->type, x->lanes, x->i);
}

static Value build(Ir *ir, LoopExprId id, const LoopExpr *x)
{
    Value v = LLVMGetPoison(value_type(ir, x->type, x->lanes));
    for (uint32_t k = 0; k < x->n_args; k++)
        v = LLVMBuildInsertElement(ir->b, v, argument(ir, id, k), int_bits(ir, 32, 1, k), "");
    return v;
}


/* The value of `e` on a way of its own, entered if `condition`. */
static Value on_the_way(Ir *ir, LoopExprId e, LLVMBasicBlockRef at, LLVMBasicBlockRef join, LLVMBasicBlockRef *out_end)
{
    LLVMPositionBuilderAtEnd(ir->b, at);
    Value v = expression(ir, e);
    *out_end = LLVMGetInsertBlock(ir->b);
    LLVMBuildBr(ir->b, join);
    return v;
}

static Value branched(Ir *ir, Value condition, LoopExprId yes, LoopExprId no)
{
    LLVMBasicBlockRef ends[2], a = new_block(ir, "yes"), b = new_block(ir, "no"), join = new_block(ir, "join");
    LLVMBuildCondBr(ir->b, condition, a, b);
    Value values[2] = {on_the_way(ir, yes, a, join, &ends[0]), NULL};
    values[1] = on_the_way(ir, no, b, join, &ends[1]);
    LLVMPositionBuilderAtEnd(ir->b, join);
    Value phi = LLVMBuildPhi(ir->b, LLVMTypeOf(values[0]), "");
    LLVMAddIncoming(phi, values, ends, 2);
    return phi;
}

/* left and right, left or right: the right only where it decides. */
static Value short_circuit(Ir *ir, LoopExprId id, bool both)
{
    Value left = argument(ir, id, 0);
    LLVMBasicBlockRef ends[2] = {LLVMGetInsertBlock(ir->b), NULL}, right = new_block(ir, "right"), join = new_block(ir, "join");
    LLVMBuildCondBr(ir->b, left, both ? right : join, both ? join : right);
    Value values[2] = {int_bits(ir, 1, 1, both ? 0 : 1), on_the_way(ir, loop_arg(ir->p, id, 1), right, join, &ends[1])};
    LLVMPositionBuilderAtEnd(ir->b, join);
    Value phi = LLVMBuildPhi(ir->b, LLVMTypeOf(left), "");
    LLVMAddIncoming(phi, values, ends, 2);
    return phi;
}

static Value conditional(Ir *ir, LoopExprId id)
{
    LoopExprId yes = loop_arg(ir->p, id, 1), no = loop_arg(ir->p, id, 2);
    Value condition = argument(ir, id, 0);
    if (loop_uses_load(ir->p, yes) || loop_uses_load(ir->p, no))
        return branched(ir, condition, yes, no);
    Value a = expression(ir, yes), b = expression(ir, no);
    return pick(ir, condition, a, b);
}

/* i64 arithmetic whose value is known to fit: indices. NULL: it is not so. */
static Value index_operation(Ir *ir, LoopExprId id, const LoopExpr *x)
{
    int64_t least, most;
    bool divides = x->op == LOOP_FLOORDIV || x->op == LOOP_FLOORMOD;
    if (x->type != DT_I64 || x->lanes != 1 || (!divides && x->op != LOOP_ADD && x->op != LOOP_SUB && x->op != LOOP_MUL))
        return NULL;
    if (!loop_index_range(ir->p, ir->f, divides ? loop_arg(ir->p, id, 0) : id, &least, &most))
        return NULL;
    const LoopExpr *by = loop_expr(ir->p, loop_arg(ir->p, id, 1));
    if (divides && (least < 0 || by->op != LOOP_CONST || by->i <= 0))
        return NULL;
    Value a = argument(ir, id, 0), b = argument(ir, id, 1);
    switch (x->op) {
    case LOOP_ADD:
        return LLVMBuildNSWAdd(ir->b, a, b, "");
    case LOOP_SUB:
        return LLVMBuildNSWSub(ir->b, a, b, "");
    case LOOP_MUL:
        return LLVMBuildNSWMul(ir->b, a, b, "");
    case LOOP_FLOORDIV:
        return LLVMBuildUDiv(ir->b, a, b, "");
    default:
        return LLVMBuildURem(ir->b, a, b, "");
    }
}

static Value plain(Ir *ir, LoopExprId id, const LoopExpr *x)
{
    Value args[4] = {NULL, NULL, NULL, NULL}, v = index_operation(ir, id, x);
    if (v != NULL)
        return v;
    for (uint32_t k = 0; k < x->n_args && k < 4; k++)
        args[k] = argument(ir, id, k);
    if (x->op == LOOP_CALL)
        return elementary_call(ir, (Fn)x->ref, x->type, x->lanes, x->n_args, args);
    if (x->op == LOOP_REQUANT)
        return requantised(ir, x->lanes, args);
    return operation(ir, x->op, x->type, loop_expr(ir->p, loop_arg(ir->p, id, x->n_args - 1))->type, x->lanes, args);
}

Value expression(Ir *ir, LoopExprId id)
{
    const LoopExpr *x = loop_expr(ir->p, id);
    switch (x->op) {
    case LOOP_CONST:
        return constant(ir, x);
    case LOOP_VAR:
        return variable(ir, x->ref);
    case LOOP_LOAD:
        return load(ir, id, x);
    case LOOP_SPLAT:
        return splat(ir, argument(ir, id, 0), x->lanes);
    case LOOP_BUILD:
        return build(ir, id, x);
    case LOOP_EXTRACT:
        return LLVMBuildExtractElement(ir->b, argument(ir, id, 0), int_bits(ir, 32, 1, (uint64_t)x->i), "");
    case LOOP_TREE:
    case LOOP_PAIRS:
        return tree(ir, (LoopOp)x->ref, x->type, loop_expr(ir->p, loop_arg(ir->p, id, 0))->lanes, x->op == LOOP_TREE, argument(ir, id, 0));
    case LOOP_COND:
        return conditional(ir, id);
    case LOOP_LAND:
    case LOOP_LOR:
        if (x->lanes == 1 && loop_uses_load(ir->p, loop_arg(ir->p, id, 1)))
            return short_circuit(ir, id, x->op == LOOP_LAND);
        return plain(ir, id, x);
    default:
        return plain(ir, id, x);
    }
}
