/*
 * isa/host/loops.c: building loop programs: shared expressions, variables, slots, statements.
 */
#include "isa/host/loops.h"

#include <string.h>

static const LoopOpInfo infos[LOOP_OP_COUNT] = {
    [LOOP_NONE] = {"none", 0, LOOP_RULE_LEAF},
#define LOOP_OP(id, text, arity, rule, doc) [LOOP_##id] = {text, arity, LOOP_RULE_##rule},
#include "isa/host/loops.def"
#undef LOOP_OP
};

const LoopOpInfo *loop_op_info(LoopOp op)
{
    return &infos[op];
}

LoopProgram *loops_new(weir_context *cx, Cascade *cs)
{
    LoopProgram *p = ARENA_NEW(&cx->arena, LoopProgram);
    p->cx = cx;
    p->cs = cs;
    if (cs != NULL)
        p->name = cs->name;
    vec_push(&cx->arena, &p->exprs, (LoopExpr){0});
    vec_push(&cx->arena, &p->stmts, (LoopStmt){0});
    return p;
}

static uint64_t mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static uint64_t hash_node(const LoopExpr *x, uint32_t n, const LoopExprId *args)
{
    uint64_t h = mix(mix(mix((uint64_t)x->op, (uint64_t)x->type), x->lanes), x->ref);
    h = mix(mix(h, (uint64_t)x->i), bits_of(x->f));
    for (uint32_t k = 0; k < n; k++)
        h = mix(h, args[k].i);
    return h;
}

static bool same_node(const LoopProgram *p, const LoopExpr *a, const LoopExpr *b, uint32_t n, const LoopExprId *args)
{
    if (a->op != b->op || a->type != b->type || a->lanes != b->lanes || a->ref != b->ref || a->i != b->i ||
        bits_of(a->f) != bits_of(b->f) || a->n_args != n)
        return false;
    for (uint32_t k = 0; k < n; k++)
        if (p->args.at[a->first_arg + k].i != args[k].i)
            return false;
    return true;
}

static void grow_cons(LoopProgram *p)
{
    uint32_t n = p->n_cons == 0 ? 1024 : 2 * p->n_cons;
    uint32_t *slots = ARENA_ARRAY(&p->cx->arena, uint32_t, n);
    for (uint32_t e = 1; e < p->exprs.n; e++) {
        const LoopExpr *x = &p->exprs.at[e];
        const LoopExprId *args = x->n_args == 0 ? NULL : &p->args.at[x->first_arg];
        uint64_t h = hash_node(x, x->n_args, args) & (n - 1);
        while (slots[h] != 0)
            h = (h + 1) & (n - 1);
        slots[h] = e;
    }
    p->cons = slots;
    p->n_cons = n;
}

LoopExprId loop_push(LoopProgram *p, LoopExpr node, uint32_t n, const LoopExprId *args)
{
    if (2 * p->exprs.n >= p->n_cons)
        grow_cons(p);
    LoopExprId copy[64];
    if (n > 64)
        weir_bug(p->cx, "an expression of %u operands", n);
    for (uint32_t k = 0; k < n; k++)
        copy[k] = args[k]; /* `args` may lie in p->args, which moves */
    uint64_t h = hash_node(&node, n, copy) & (p->n_cons - 1);
    for (; p->cons[h] != 0; h = (h + 1) & (p->n_cons - 1))
        if (same_node(p, &p->exprs.at[p->cons[h]], &node, n, copy))
            return (LoopExprId){p->cons[h]};
    node.n_args = n;
    node.first_arg = p->args.n;
    for (uint32_t k = 0; k < n; k++)
        vec_push(&p->cx->arena, &p->args, copy[k]);
    LoopExprId id = {p->exprs.n};
    vec_push(&p->cx->arena, &p->exprs, node);
    p->cons[h] = id.i;
    return id;
}

LoopExprId loop_const_int(LoopProgram *p, Dtype type, int64_t value)
{
    return loop_push(p, (LoopExpr){.op = LOOP_CONST, .type = type, .lanes = 1, .i = value}, 0, NULL);
}

LoopExprId loop_int(LoopProgram *p, int64_t value)
{
    return loop_const_int(p, DT_I64, value);
}

LoopExprId loop_const_float(LoopProgram *p, Dtype type, double value)
{
    return loop_push(p, (LoopExpr){.op = LOOP_CONST, .type = type, .lanes = 1, .f = value}, 0, NULL);
}

LoopExprId loop_var(LoopProgram *p, const LoopFunction *f, uint32_t var)
{
    const LoopVar *v = &f->vars.at[var];
    return loop_push(p, (LoopExpr){.op = LOOP_VAR, .type = v->type, .lanes = v->lanes, .ref = var}, 0, NULL);
}

LoopExprId loop_load(LoopProgram *p, Dtype type, uint32_t lanes, uint32_t slot, LoopExprId index)
{
    return loop_push(p, (LoopExpr){.op = LOOP_LOAD, .type = type, .lanes = lanes, .ref = slot}, 1, &index);
}

static bool compares(LoopOp op)
{
    return infos[op].rule == LOOP_RULE_COMPARE;
}

LoopExprId loop_unary(LoopProgram *p, LoopOp op, LoopExprId a)
{
    const LoopExpr *x = loop_expr(p, a);
    if (op == LOOP_LNOT && x->op == LOOP_CONST)
        return loop_const_int(p, DT_BOOL, x->i == 0);
    return loop_push(p, (LoopExpr){.op = op, .type = x->type, .lanes = x->lanes}, 1, &a);
}

/* and, or with a constant side */
static bool fold_logic(LoopProgram *p, LoopOp op, LoopExprId a, LoopExprId b, LoopExprId *out)
{
    const LoopExpr *x = loop_expr(p, a), *y = loop_expr(p, b);
    bool is_and = op == LOOP_LAND;
    if (x->op == LOOP_CONST) {
        *out = (x->i != 0) == is_and ? b : a;
        return true;
    }
    if (y->op == LOOP_CONST) {
        *out = (y->i != 0) == is_and ? a : b;
        return true;
    }
    if (a.i == b.i)
        *out = a;
    return a.i == b.i;
}

LoopExprId loop_binary(LoopProgram *p, LoopOp op, LoopExprId a, LoopExprId b)
{
    LoopExprId folded;
    if ((op == LOOP_LAND || op == LOOP_LOR) && fold_logic(p, op, a, b, &folded))
        return folded;
    const LoopExpr *x = loop_expr(p, a);
    LoopExpr node = {.op = op, .type = compares(op) ? DT_BOOL : x->type, .lanes = x->lanes};
    return loop_push(p, node, 2, (LoopExprId[]){a, b});
}

LoopExprId loop_select(LoopProgram *p, LoopOp op, LoopExprId c, LoopExprId a, LoopExprId b)
{
    const LoopExpr *x = loop_expr(p, c);
    if (x->op == LOOP_CONST)
        return x->i != 0 ? a : b;
    const LoopExpr *y = loop_expr(p, a);
    return loop_push(p, (LoopExpr){.op = op, .type = y->type, .lanes = y->lanes}, 3, (LoopExprId[]){c, a, b});
}

LoopExprId loop_cast(LoopProgram *p, LoopOp op, Dtype type, LoopExprId a)
{
    const LoopExpr *x = loop_expr(p, a);
    if (x->type == type)
        return a;
    return loop_push(p, (LoopExpr){.op = op, .type = type, .lanes = x->lanes}, 1, &a);
}

LoopExprId loop_splat(LoopProgram *p, LoopExprId a, uint32_t lanes)
{
    const LoopExpr *x = loop_expr(p, a);
    if (lanes == 1)
        return a;
    return loop_push(p, (LoopExpr){.op = LOOP_SPLAT, .type = x->type, .lanes = lanes}, 1, &a);
}

LoopExprId loop_fma(LoopProgram *p, LoopExprId a, LoopExprId b, LoopExprId c)
{
    const LoopExpr *x = loop_expr(p, a);
    return loop_push(p, (LoopExpr){.op = LOOP_FMA, .type = x->type, .lanes = x->lanes}, 3, (LoopExprId[]){a, b, c});
}

bool loop_uses_var(const LoopProgram *p, LoopExprId e, uint32_t var)
{
    const LoopExpr *x = loop_expr(p, e);
    if (x->op == LOOP_VAR)
        return x->ref == var;
    for (uint32_t k = 0; k < x->n_args; k++)
        if (loop_uses_var(p, loop_arg(p, e, k), var))
            return true;
    return false;
}

bool loop_uses_load(const LoopProgram *p, LoopExprId e)
{
    const LoopExpr *x = loop_expr(p, e);
    if (x->op == LOOP_LOAD)
        return true;
    for (uint32_t k = 0; k < x->n_args; k++)
        if (loop_uses_load(p, loop_arg(p, e, k)))
            return true;
    return false;
}

/* Integer arithmetic on i64 goes through the normal form of indices again, so that constants fold. */
static LoopExprId rebuild(LoopProgram *p, const LoopFunction *f, LoopExpr x, const LoopExprId *args)
{
    int64_t by;
    if (x.type == DT_I64 && x.lanes == 1) {
        switch (x.op) {
        case LOOP_ADD:
            return loop_index_add(p, f, args[0], args[1]);
        case LOOP_MUL:
            if (loop_expr(p, args[1])->op == LOOP_CONST)
                return loop_index_scale(p, f, args[0], loop_expr(p, args[1])->i);
            break;
        case LOOP_FLOORDIV:
        case LOOP_FLOORMOD:
            by = loop_expr(p, args[1])->i;
            if (loop_expr(p, args[1])->op == LOOP_CONST && by > 0)
                return x.op == LOOP_FLOORDIV ? loop_index_div(p, f, args[0], by) : loop_index_mod(p, f, args[0], by);
            break;
        default:
            break;
        }
    }
    return loop_push(p, x, x.n_args, args);
}

LoopExprId loop_replace(LoopProgram *p, const LoopFunction *f, LoopExprId e, uint32_t var, LoopExprId by)
{
    LoopExpr x = *loop_expr(p, e);
    if (x.op == LOOP_VAR)
        return x.ref == var ? by : e;
    LoopExprId args[64];
    bool changed = false;
    for (uint32_t k = 0; k < x.n_args; k++) {
        LoopExprId old = loop_arg(p, e, k);
        args[k] = loop_replace(p, f, old, var, by);
        changed |= args[k].i != old.i;
    }
    return changed ? rebuild(p, f, x, args) : e;
}

uint32_t loop_add_var(LoopProgram *p, LoopFunction *f, LoopVar var)
{
    if (f->vars.n == 0)
        vec_push(&p->cx->arena, &f->vars, (LoopVar){0});
    vec_push(&p->cx->arena, &f->vars, var);
    return f->vars.n - 1;
}

uint32_t loop_add_slot(LoopProgram *p, LoopFunction *f, LoopSlot slot)
{
    if (slot.lanes == 0)
        slot.lanes = 1;
    vec_push(&p->cx->arena, &f->slots, slot);
    return f->slots.n - 1;
}

LoopStmtId loop_add(LoopProgram *p, LoopBlock *block, LoopStmt st)
{
    LoopStmtId id = {p->stmts.n};
    vec_push(&p->cx->arena, &p->stmts, st);
    if (block->first.i == 0)
        block->first = id;
    else
        loop_stmt(p, block->last)->next = id;
    block->last = id;
    return id;
}

bool loops_look_at_bits(const LoopProgram *p)
{
    for (uint32_t e = 1; e < p->exprs.n; e++)
        if (p->exprs.at[e].op == LOOP_BITS && dtype_kind(loop_expr(p, loop_arg(p, (LoopExprId){e}, 0))->type) == DK_FLOAT)
            return true;
    return false;
}
