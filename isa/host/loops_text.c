/*
 * isa/host/loops_text.c: the loop program as text (--emit=loops), and the same without names as the key of equal functions.
 */
#include "isa/host/loops.h"

#include <inttypes.h>

static void print_type(Text *out, Dtype type, uint32_t lanes)
{
    if (lanes > 1)
        text_printf(out, "%s.x%u", dtype_text(type), lanes);
    else
        text_printf(out, "%s", dtype_text(type));
}

static void print_var(const LoopFunction *f, uint32_t var, Text *out)
{
    text_printf(out, "%s_%u", f->vars.at[var].name, var);
}

static bool print_sum(const LoopProgram *p, const LoopFunction *f, LoopExprId e, Text *out);

static void print_expr(const LoopProgram *p, const LoopFunction *f, LoopExprId e, Text *out)
{
    const LoopExpr *x = loop_expr(p, e);
    if (x->op == LOOP_CONST) {
        DtypeKind kind = dtype_kind(x->type);
        if (kind == DK_FLOAT)
            text_printf(out, "%a", x->f);
        else
            text_printf(out, "%" PRId64, x->i);
        if (x->type != DT_I64)
            text_printf(out, ":%s", dtype_text(x->type));
        return;
    }
    if (x->op == LOOP_VAR) {
        print_var(f, x->ref, out);
        return;
    }
    if (print_sum(p, f, e, out))
        return;
    text_printf(out, "%s.", loop_op_info(x->op)->text);
    print_type(out, x->type, x->lanes);
    if (x->op == LOOP_LOAD)
        text_printf(out, " %u", x->ref);
    else if (x->op == LOOP_CALL)
        text_printf(out, " %s", fn_info((Fn)x->ref)->text);
    else if (x->op == LOOP_TREE || x->op == LOOP_PAIRS)
        text_printf(out, " %s", loop_op_info((LoopOp)x->ref)->text);
    else if (x->op == LOOP_EXTRACT)
        text_printf(out, " %" PRId64, x->i);
    text_printf(out, "(");
    for (uint32_t k = 0; k < x->n_args; k++) {
        if (k > 0)
            text_printf(out, ", ");
        print_expr(p, f, loop_arg(p, e, k), out);
    }
    text_printf(out, ")");
}

/* Scalar i64 arithmetic in the usual form. */
static bool print_sum(const LoopProgram *p, const LoopFunction *f, LoopExprId e, Text *out)
{
    const LoopExpr *x = loop_expr(p, e);
    const char *sign = x->op == LOOP_ADD ? " + " : x->op == LOOP_SUB ? " - " : x->op == LOOP_MUL ? "*" : x->op == LOOP_FLOORDIV ? " / "
                       : x->op == LOOP_FLOORMOD ? " % " : NULL;
    if (x->type != DT_I64 || x->lanes != 1 || sign == NULL)
        return false;
    text_printf(out, "(");
    print_expr(p, f, loop_arg(p, e, 0), out);
    text_printf(out, "%s", sign);
    print_expr(p, f, loop_arg(p, e, 1), out);
    text_printf(out, ")");
    return true;
}

static void indent(Text *out, unsigned level)
{
    for (unsigned k = 0; k < level; k++)
        text_printf(out, "  ");
}

static void print_block(const LoopProgram *p, const LoopFunction *f, LoopBlock block, unsigned level, Text *out);

static void print_for(const LoopProgram *p, const LoopFunction *f, const LoopStmt *st, unsigned level, Text *out)
{
    text_printf(out, "for%s%s%s ", st->unroll ? ".unroll" : "", st->lane ? ".lane" : "", st->parallel ? ".parallel" : "");
    print_var(f, st->var, out);
    text_printf(out, " in ");
    print_expr(p, f, st->lo, out);
    text_printf(out, " .. ");
    print_expr(p, f, st->hi, out);
    text_printf(out, " {\n");
    print_block(p, f, st->body, level + 1, out);
    indent(out, level);
    text_printf(out, "}\n");
}

static void print_if(const LoopProgram *p, const LoopFunction *f, const LoopStmt *st, unsigned level, Text *out)
{
    text_printf(out, "if ");
    print_expr(p, f, st->a, out);
    text_printf(out, " {\n");
    print_block(p, f, st->body, level + 1, out);
    indent(out, level);
    if (st->other.first.i != 0) {
        text_printf(out, "} else {\n");
        print_block(p, f, st->other, level + 1, out);
        indent(out, level);
    }
    text_printf(out, "}\n");
}

static void print_call(const LoopProgram *p, const LoopFunction *f, const LoopStmt *st, Text *out)
{
    text_printf(out, "call %s(", p->functions.at[st->function].name);
    for (uint32_t k = 0; k < st->n_slots; k++)
        text_printf(out, "%s%s", k > 0 ? ", " : "", cx_text(p->cx, p->buffers.at[st->slots[k]].name));
    for (uint32_t k = 0; k < st->n_scalars; k++) {
        text_printf(out, "%s", k > 0 || st->n_slots > 0 ? ", " : "");
        print_expr(p, f, st->scalars[k], out);
    }
    text_printf(out, ") site %u\n", st->site);
}

static void print_host(const LoopProgram *p, const LoopFunction *f, const LoopStmt *st, Text *out)
{
    text_printf(out, "host %s(", hostop_info(st->hostop)->text);
    for (uint32_t k = 0; k < st->n_slots; k++)
        text_printf(out, "%s%s", k == 0 ? "" : k == st->n_inputs ? "; " : ", ", cx_text(p->cx, p->buffers.at[st->slots[k]].name));
    for (uint32_t k = 0; k < st->n_scalars; k++) {
        text_printf(out, ", ");
        print_expr(p, f, st->scalars[k], out);
    }
    text_printf(out, ")\n");
}

static void print_stmt(const LoopProgram *p, const LoopFunction *f, const LoopStmt *st, unsigned level, Text *out)
{
    static const char *const traps[] = {"none", "index", "extent", "trip"};
    indent(out, level);
    switch (st->kind) {
    case LOOP_ST_FOR:
        print_for(p, f, st, level, out);
        return;
    case LOOP_ST_IF:
        print_if(p, f, st, level, out);
        return;
    case LOOP_ST_LET:
    case LOOP_ST_ASSIGN:
        text_printf(out, st->kind == LOOP_ST_LET ? "let " : "set ");
        print_var(f, st->var, out);
        text_printf(out, " = ");
        break;
    case LOOP_ST_STORE:
        text_printf(out, "store %u[", st->slot);
        print_expr(p, f, st->a, out);
        text_printf(out, "] = ");
        print_expr(p, f, st->b, out);
        text_printf(out, "\n");
        return;
    case LOOP_ST_TRAP:
        text_printf(out, "trap %s site %u value ", traps[st->trap], st->site);
        print_expr(p, f, st->b, out);
        text_printf(out, " if ");
        break;
    case LOOP_ST_CALL:
        print_call(p, f, st, out);
        return;
    case LOOP_ST_BREAK:
        text_printf(out, "break if ");
        break;
    case LOOP_ST_HOST:
        print_host(p, f, st, out);
        return;
    case LOOP_ST_NOTE:
        text_printf(out, "# %s\n", st->text);
        return;
    }
    print_expr(p, f, st->a, out);
    text_printf(out, "\n");
}

static void print_block(const LoopProgram *p, const LoopFunction *f, LoopBlock block, unsigned level, Text *out)
{
    for (LoopStmtId s = block.first; s.i != 0; s = loop_stmt(p, s)->next)
        print_stmt(p, f, loop_stmt(p, s), level, out);
}

void loop_function_print(const LoopProgram *p, const LoopFunction *f, bool name, Text *out)
{
    text_printf(out, "function %s(", name ? f->name : "");
    for (uint32_t k = 1; k < f->vars.n; k++)
        if (f->vars.at[k].parameter)
            text_printf(out, "%s_%u ", f->vars.at[k].name, k);
    text_printf(out, ") {\n");
    for (uint32_t k = 0; k < f->slots.n; k++) {
        const LoopSlot *s = &f->slots.at[k];
        text_printf(out, "  slot %u %s %s", k, name ? s->name : "", dtype_text(s->type));
        if (s->local)
            text_printf(out, " local[%" PRIu64 "]%s", s->elements, s->lanes > 1 ? " vectors" : "");
        text_printf(out, "%s%s\n", s->written ? " written" : "", s->is_aligned ? " aligned" : "");
    }
    print_block(p, f, f->body, 1, out);
    text_printf(out, "}\n");
}

void loops_print(const LoopProgram *p, Text *out)
{
    static const char *const kinds[] = {"in", "out", "const", "arena"};
    text_printf(out, "loops %s\n", cx_text(p->cx, p->name));
    for (uint32_t k = 0; k < p->buffers.n; k++) {
        const LoopBuffer *b = &p->buffers.at[k];
        text_printf(out, "buffer %u %s : %s %s elements %" PRIu64, k, cx_text(p->cx, b->name), dtype_text(b->type), kinds[b->kind],
                    b->elements);
        if (b->kind == BUFFER_CONST || b->kind == BUFFER_ARENA)
            text_printf(out, " at %" PRIu64, b->offset);
        text_printf(out, "\n");
    }
    for (uint32_t k = 0; k < p->functions.n; k++)
        loop_function_print(p, &p->functions.at[k], true, out);
}
