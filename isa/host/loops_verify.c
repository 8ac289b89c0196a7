/*
 * isa/host/loops_verify.c: what holds for every loop program: types, lanes, scopes, calls.
 *
 * A breach is a bug of weir, not of the input: it is reported as an internal error.
 */
#include "isa/host/loops.h"

typedef struct Check {
    const LoopProgram *p;
    const LoopFunction *f;
    uint8_t *known;   /* by variable: 1 defined on the way here */
    uint32_t loops;   /* around the statement */
    const char *wrong;
} Check;

static void hold(Check *c, bool ok, const char *what)
{
    if (!ok && c->wrong == NULL)
        c->wrong = what;
}

static bool same_shape(const LoopExpr *a, const LoopExpr *b)
{
    return a->type == b->type && a->lanes == b->lanes;
}

static void check_rule(Check *c, const LoopExpr *x, const LoopExpr *const *args)
{
    LoopRule rule = loop_op_info(x->op)->rule;
    DtypeKind kind = dtype_kind(x->type);
    bool all_same = true, all_lanes = true, args_same = true;
    for (uint32_t k = 0; k < x->n_args && k < 64; k++) {
        all_same &= same_shape(args[k], x);
        all_lanes &= args[k]->lanes == x->lanes;
        args_same &= args[k]->type == args[0]->type;
    }
    switch (rule) {
    case LOOP_RULE_FLOAT:
        hold(c, kind == DK_FLOAT, "an operation of floats on another type");
        hold(c, all_same, "operands of two types");
        break;
    case LOOP_RULE_INT:
        hold(c, kind == DK_SIGNED || kind == DK_UNSIGNED, "an operation of integers on another type");
        hold(c, all_same, "operands of two types");
        break;
    case LOOP_RULE_SAME:
        hold(c, all_same && kind != DK_CODE && kind != DK_NONE, "operands of two types");
        break;
    case LOOP_RULE_COMPARE:
        hold(c, args_same && all_lanes && x->type == DT_BOOL, "a comparison of two types");
        break;
    case LOOP_RULE_LOGIC:
        hold(c, all_same && x->type == DT_BOOL, "logic on no bool");
        break;
    case LOOP_RULE_SELECT:
        hold(c, args[0]->type == DT_BOOL && same_shape(args[1], x) && same_shape(args[2], x), "sides of a selection differ");
        hold(c, args[0]->lanes == (x->op == LOOP_COND ? 1 : x->lanes), "lanes of a selection");
        break;
    case LOOP_RULE_CAST:
        hold(c, all_lanes, "lanes of a cast");
        break;
    case LOOP_RULE_LOAD:
        hold(c, args[0]->type == DT_I64 && args[0]->lanes == 1 && x->ref < c->f->slots.n, "a load");
        break;
    case LOOP_RULE_SPLAT:
        hold(c, args[0]->type == x->type && args[0]->lanes == 1 && x->lanes > 1, "a splat");
        break;
    case LOOP_RULE_BUILD:
        hold(c, x->n_args == x->lanes && args_same && args[0]->lanes == 1, "a vector of scalars");
        break;
    case LOOP_RULE_ONE:
        hold(c, args[0]->lanes > 1 && x->lanes == 1 && args[0]->type == x->type, "a vector to one lane");
        break;
    default:
        break;
    }
}

static void check_expr(Check *c, LoopExprId e)
{
    const LoopExpr *x = loop_expr(c->p, e), *args[64];
    int arity = loop_op_info(x->op)->arity;
    hold(c, e.i != 0 && x->op != LOOP_NONE, "no expression");
    hold(c, arity < 0 || (uint32_t)arity == x->n_args, "the number of operands");
    if (x->op == LOOP_VAR) {
        hold(c, x->ref != 0 && x->ref < c->f->vars.n && c->known[x->ref] != 0, "a variable before its value");
        return;
    }
    for (uint32_t k = 0; k < x->n_args && k < 64; k++) {
        args[k] = loop_expr(c->p, loop_arg(c->p, e, k));
        check_expr(c, loop_arg(c->p, e, k));
    }
    check_rule(c, x, args);
}

static void check_block(Check *c, LoopBlock block);

static bool is_type(Check *c, LoopExprId e, Dtype type)
{
    check_expr(c, e);
    return loop_expr(c->p, e)->type == type;
}

static void check_set(Check *c, const LoopStmt *st)
{
    check_expr(c, st->a);
    const LoopVar *v = &c->f->vars.at[st->var];
    const LoopExpr *x = loop_expr(c->p, st->a);
    hold(c, v->type == x->type && v->lanes == x->lanes, "a variable and its value differ in type");
    hold(c, v->changes == (st->kind == LOOP_ST_ASSIGN), "let or assign");
    c->known[st->var] = 1;
}

static void check_for(Check *c, const LoopStmt *st)
{
    hold(c, is_type(c, st->lo, DT_I64) && is_type(c, st->hi, DT_I64), "bounds of a loop");
    hold(c, c->f->vars.at[st->var].counter, "the counter of a loop");
    c->known[st->var] = 1;
    c->loops++;
    check_block(c, st->body);
    c->loops--;
    c->known[st->var] = 0;
}

static void check_call(Check *c, const LoopStmt *st)
{
    uint32_t slots = 0, scalars = 0;
    const LoopFunction *callee = &c->p->functions.at[st->function];
    hold(c, st->function < c->p->functions.n && c->f == &c->p->functions.at[c->p->functions.n - 1], "a call outside the entry");
    for (uint32_t k = 0; k < callee->slots.n; k++) {
        if (callee->slots.at[k].local)
            continue;
        hold(c, slots < st->n_slots && c->p->buffers.at[st->slots[slots]].type == callee->slots.at[k].type, "a buffer's type");
        slots++;
    }
    for (uint32_t k = 1; k < callee->vars.n; k++)
        scalars += callee->vars.at[k].parameter ? 1 : 0;
    hold(c, slots == st->n_slots && scalars == st->n_scalars, "the number of arguments");
    for (uint32_t k = 0; k < st->n_scalars; k++)
        hold(c, is_type(c, st->scalars[k], DT_I64), "a scalar argument");
}

static void check_host(Check *c, const LoopStmt *st)
{
    uint32_t scalars = 0;
    hold(c, c->f == &c->p->functions.at[c->p->functions.n - 1], "a host operation outside the entry");
    hold(c, st->n_inputs > 0 && st->n_inputs + 1 < st->n_slots, "the buffers of a host operation");
    for (uint32_t k = 0; k < st->n_slots; k++) {
        const LoopBuffer *b = &c->p->buffers.at[st->slots[k]];
        hold(c, b->layout.row_major && (k < st->n_inputs || b->kind == BUFFER_ARENA || b->kind == BUFFER_OUT), "memory of a host operation");
        scalars += k + 1 < st->n_slots ? tensor_at(c->p->cs, b->tensor)->n_dims : 0;
    }
    hold(c, st->n_scalars >= scalars && st->n_scalars <= scalars + HOST_NUMBERS, "the extents and numbers of a host operation");
    for (uint32_t k = 0; k < st->n_scalars; k++)
        hold(c, is_type(c, st->scalars[k], k < scalars ? DT_I64 : DT_F64), "an extent or number");
}

static void check_stmt(Check *c, const LoopStmt *st)
{
    switch (st->kind) {
    case LOOP_ST_FOR:
        check_for(c, st);
        break;
    case LOOP_ST_IF:
        hold(c, is_type(c, st->a, DT_BOOL), "a condition");
        check_block(c, st->body);
        check_block(c, st->other);
        break;
    case LOOP_ST_LET:
    case LOOP_ST_ASSIGN:
        check_set(c, st);
        break;
    case LOOP_ST_STORE:
        hold(c, is_type(c, st->a, DT_I64) && st->slot < c->f->slots.n, "the place of a store");
        hold(c, is_type(c, st->b, c->f->slots.at[st->slot].type), "the type of a store");
        hold(c, c->f->slots.at[st->slot].written, "a store to memory that is only read");
        break;
    case LOOP_ST_TRAP:
        hold(c, is_type(c, st->a, DT_BOOL) && is_type(c, st->b, DT_I64) && c->f->traps, "a trap");
        break;
    case LOOP_ST_CALL:
        check_call(c, st);
        break;
    case LOOP_ST_BREAK:
        hold(c, is_type(c, st->a, DT_BOOL) && c->loops > 0, "a break");
        break;
    case LOOP_ST_HOST:
        check_host(c, st);
        break;
    case LOOP_ST_NOTE:
        break;
    }
}

static void check_block(Check *c, LoopBlock block)
{
    for (LoopStmtId s = block.first; s.i != 0; s = loop_stmt(c->p, s)->next)
        check_stmt(c, loop_stmt(c->p, s));
}

weir_status loops_verify(const LoopProgram *p)
{
    for (uint32_t k = 0; k < p->functions.n; k++) {
        const LoopFunction *f = &p->functions.at[k];
        Check c = {.p = p, .f = f, .known = ARENA_ARRAY(&p->cx->arena, uint8_t, f->vars.n + 1)};
        for (uint32_t v = 1; v < f->vars.n; v++)
            c.known[v] = f->vars.at[v].parameter ? 1 : 0;
        check_block(&c, f->body);
        if (c.wrong == NULL)
            continue;
        diag(&p->cx->diag, place_none(), E_INTERNAL, arena_printf(&p->cx->arena, "loop program, function %s: %s", f->name, c.wrong));
        return WEIR_BUG;
    }
    return WEIR_OK;
}
