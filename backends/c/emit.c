/*
 * backends/c/emit.c: functions and statements of the loop program as C11.
 */
#include "backends/c/internal.h"

#include <inttypes.h>
#include <string.h>

const char *const runtime_lines[] = {
#include "backends/c/weir_host.inc"
};
const unsigned n_runtime_lines = sizeof runtime_lines / sizeof runtime_lines[0];

static void indent(Emit *e, unsigned level)
{
    for (unsigned k = 0; k < level; k++)
        text_add(&e->body, "    ", 4);
}

static void emit_block(Emit *e, LoopBlock block, unsigned level);

static bool is_entry(const Emit *e)
{
    return e->f == &e->p->functions.at[e->p->functions.n - 1];
}

static void emit_for(Emit *e, const LoopStmt *st, unsigned level)
{
    const char *name = e->f->vars.at[st->var].name;
    if (st->unroll) {
        text_printf(&e->body, "W_UNROLL\n");
        indent(e, level);
    }
    text_printf(&e->body, "for (int64_t %s%u = ", name, st->var);
    emit_expr(e, st->lo);
    text_printf(&e->body, "; %s%u < ", name, st->var);
    emit_expr(e, st->hi);
    text_printf(&e->body, "; %s%u++) {\n", name, st->var);
    emit_block(e, st->body, level + 1);
    indent(e, level);
    text_printf(&e->body, "}\n");
}

static void emit_if(Emit *e, const LoopStmt *st, unsigned level)
{
    text_printf(&e->body, "if (");
    emit_expr(e, st->a);
    text_printf(&e->body, ") {\n");
    emit_block(e, st->body, level + 1);
    indent(e, level);
    if (st->other.first.i != 0) {
        text_printf(&e->body, "} else {\n");
        emit_block(e, st->other, level + 1);
        indent(e, level);
    }
    text_printf(&e->body, "}\n");
}

static void emit_set(Emit *e, const LoopStmt *st)
{
    const LoopVar *v = &e->f->vars.at[st->var];
    if (st->kind == LOOP_ST_LET) {
        if (v->lanes > 1) {
            emit_vector_type(e, v->type, v->lanes);
            text_printf(&e->body, "const wt_%s_%u ", dtype_text(v->type), v->lanes);
        } else {
            text_printf(&e->body, "const %s ", c_value_type(v->type));
        }
    }
    text_printf(&e->body, "%s%u = ", v->name, st->var);
    emit_expr(e, st->a);
    text_printf(&e->body, ";\n");
}

static void emit_store(Emit *e, const LoopStmt *st)
{
    const LoopSlot *slot = &e->f->slots.at[st->slot];
    const LoopExpr *x = loop_expr(e->p, st->b);
    if (x->lanes > 1 && slot->lanes == 1) {
        emit_vector_store(e, st);
        return;
    }
    text_printf(&e->body, "s%u[", st->slot);
    emit_expr(e, slot->lanes > 1 ? loop_index_div(e->p, e->f, st->a, slot->lanes) : st->a);
    text_printf(&e->body, "] = ");
    if (x->lanes == 1 && (slot->type == DT_F16 || slot->type == DT_BF16))
        text_printf(&e->body, "w_%s_bits(", dtype_text(slot->type));
    else
        text_printf(&e->body, "(");
    emit_expr(e, st->b);
    text_printf(&e->body, ");\n");
}

static void emit_trap(Emit *e, const LoopStmt *st)
{
    text_printf(&e->body, "if (");
    emit_expr(e, st->a);
    text_printf(&e->body, is_entry(e) ? ") return w_trap(arena, %d, %u, (int64_t)" : ") return w_trap(arena, %d, site + %u, (int64_t)",
                (int)st->trap, st->site);
    emit_expr(e, st->b);
    text_printf(&e->body, ");\n");
}

static void emit_buffer(Emit *e, uint32_t number)
{
    text_printf(&e->body, "s%u", number);
}

static void emit_call(Emit *e, const LoopStmt *st)
{
    const LoopFunction *callee = &e->p->functions.at[st->function];
    const char *comma = "";
    text_printf(&e->body, callee->traps ? "if ((error = %s_%s(" : "%s_%s(", e->name, callee->name);
    for (uint32_t k = 0; k < st->n_slots; k++, comma = ", ") {
        text_printf(&e->body, "%s", comma);
        emit_buffer(e, st->slots[k]);
    }
    for (uint32_t k = 0; k < st->n_scalars; k++, comma = ", ") {
        text_printf(&e->body, "%s", comma);
        emit_expr(e, st->scalars[k]);
    }
    if (callee->traps)
        text_printf(&e->body, "%sarena, %u)) != 0)\n            return error;\n", comma, st->site);
    else
        text_printf(&e->body, ");\n");
}

static void emit_note(Emit *e, const char *text)
{
    text_printf(&e->body, "/* ");
    for (const char *c = text; *c != 0; c++) {
        bool ends = (c[0] == '*' && c[1] == '/') || (c[0] == '/' && c[1] == '*');
        text_printf(&e->body, "%c%s", *c >= 32 && *c < 127 ? *c : '?', ends ? " " : "");
    }
    text_printf(&e->body, " */\n");
}

static void emit_stmt(Emit *e, const LoopStmt *st, unsigned level)
{
    indent(e, level);
    switch (st->kind) {
    case LOOP_ST_FOR:
        emit_for(e, st, level);
        break;
    case LOOP_ST_IF:
        emit_if(e, st, level);
        break;
    case LOOP_ST_LET:
    case LOOP_ST_ASSIGN:
        emit_set(e, st);
        break;
    case LOOP_ST_STORE:
        emit_store(e, st);
        break;
    case LOOP_ST_TRAP:
        emit_trap(e, st);
        break;
    case LOOP_ST_CALL:
        emit_call(e, st);
        break;
    case LOOP_ST_BREAK:
        text_printf(&e->body, "if (");
        emit_expr(e, st->a);
        text_printf(&e->body, ") break;\n");
        break;
    case LOOP_ST_HOST:
        emit_host(e, st);
        break;
    case LOOP_ST_NOTE:
        emit_note(e, st->text);
        break;
    }
}

static void emit_block(Emit *e, LoopBlock block, unsigned level)
{
    for (LoopStmtId s = block.first; s.i != 0; s = loop_stmt(e->p, s)->next)
        emit_stmt(e, loop_stmt(e->p, s), level);
}

/* Local arrays and the variables that change. */
static void emit_locals(Emit *e)
{
    for (uint32_t k = 0; k < e->f->slots.n; k++) {
        const LoopSlot *s = &e->f->slots.at[k];
        uint64_t elements = s->elements > 0 ? s->elements : 1;
        if (!s->local)
            continue;
        if (s->lanes > 1) {
            emit_vector_type(e, s->type, s->lanes);
            text_printf(&e->body, "    wt_%s_%u s%u[%" PRIu64 "];\n", dtype_text(s->type), s->lanes, k, elements / s->lanes);
        } else {
            text_printf(&e->body, "    W_ALIGNED %s s%u[%" PRIu64 "];\n", c_memory_type(s->type), k, elements);
        }
    }
    for (uint32_t v = 1; v < e->f->vars.n; v++)
        if (e->f->vars.at[v].changes)
            text_printf(&e->body, "    %s %s%u = 0;\n", c_value_type(e->f->vars.at[v].type), e->f->vars.at[v].name, v);
}

static void emit_group(Emit *e)
{
    const LoopFunction *f = e->f;
    const char *comma = "";
    text_printf(&e->body, "\n");
    if (f->note != NULL)
        emit_note(e, f->note);
    text_printf(&e->body, "W_GROUP %s %s_%s(", f->traps ? "int" : "void", e->name, f->name);
    for (uint32_t k = 0; k < f->slots.n; k++) {
        const LoopSlot *s = &f->slots.at[k];
        if (s->local)
            continue;
        text_printf(&e->body, "%s%s%s *restrict s%u", comma, s->written ? "" : "const ", c_memory_type(s->type), k);
        comma = ", ";
    }
    for (uint32_t v = 1; v < f->vars.n; v++)
        if (f->vars.at[v].parameter) {
            text_printf(&e->body, "%sconst int64_t %s%u", comma, f->vars.at[v].name, v);
            comma = ", ";
        }
    if (f->traps)
        text_printf(&e->body, "%svoid *arena, int32_t site", comma);
    text_printf(&e->body, ")\n{\n");
    emit_locals(e);
    emit_block(e, f->body, 1);
    text_printf(&e->body, f->traps ? "    return 0;\n}\n" : "}\n");
}

static bool traps_anywhere(const Emit *e)
{
    for (uint32_t k = 0; k + 1 < e->p->functions.n; k++)
        if (e->p->functions.at[k].traps)
            return true;
    return false;
}

static void emit_entry(Emit *e, const char *const *names)
{
    const LoopProgram *p = e->p;
    text_printf(&e->body, "\nint %s_run(const %s_io *io, const void *weights, void *arena)\n{\n", e->name, e->name);
    if (traps_anywhere(e))
        text_printf(&e->body, "    int error;\n");
    for (uint32_t k = 0; k < p->buffers.n; k++) {
        const LoopBuffer *b = &p->buffers.at[k];
        const char *type = c_memory_type(b->type);
        text_printf(&e->body, "    ");
        if (b->kind == BUFFER_IN)
            text_printf(&e->body, "const %s *const s%u = io->%s;", type, k, names[k]);
        else if (b->kind == BUFFER_OUT)
            text_printf(&e->body, "%s *const s%u = io->%s;", type, k, names[k]);
        else if (b->kind == BUFFER_CONST)
            text_printf(&e->body, "const %s *const s%u = (const %s *)(const void *)((const char *)weights + %" PRIu64 ");", type, k, type,
                        b->offset + C_WEIGHTS_HEADER);
        else
            text_printf(&e->body, "%s *const s%u = (%s *)(void *)((char *)arena + %" PRIu64 ");", type, k, type, b->offset);
        text_printf(&e->body, " (void)s%u;\n", k);
    }
    text_printf(&e->body, "    (void)io; (void)weights;\n    w_trap(arena, 0, 0, 0);\n");
    emit_locals(e);
    emit_block(e, e->f->body, 1);
    text_printf(&e->body, "    return 0;\n}\n");
}

static void emit_integers(const Emit *e, Text *out)
{
    static const struct {
        Dtype type;
        char kind;
        const char *wide, *least, *most;
    } rows[] = {
        {DT_I64, 'S', "int64_t", "INT64_MIN", "INT64_MAX"}, {DT_I32, 'S', "int64_t", "INT32_MIN", "INT32_MAX"},
        {DT_I16, 'S', "int64_t", "INT16_MIN", "INT16_MAX"}, {DT_I8, 'S', "int64_t", "INT8_MIN", "INT8_MAX"},
        {DT_I4, 'S', "int64_t", "-8", "7"},                 {DT_I2, 'S', "int64_t", "-2", "1"},
        {DT_U64, 'U', "uint64_t", "0", "UINT64_MAX"},       {DT_U32, 'U', "uint64_t", "0", "UINT32_MAX"},
        {DT_U16, 'U', "uint64_t", "0", "UINT16_MAX"},       {DT_U8, 'U', "uint64_t", "0", "UINT8_MAX"},
        {DT_U4, 'U', "uint64_t", "0", "15"},                {DT_U2, 'U', "uint64_t", "0", "3"}};
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++)
        if (e->used[rows[k].type])
            text_printf(out, "#ifndef W_INT_%s\n#define W_INT_%s\nW_INT(%s, %s, %u, %c, %s, %s, %s)\n#endif\n", dtype_text(rows[k].type),
                        dtype_text(rows[k].type), dtype_text(rows[k].type), c_memory_type(rows[k].type), dtype_bits(rows[k].type),
                        rows[k].kind, rows[k].wide, rows[k].least, rows[k].most);
}

static const char trap_function[] =
    "W_INLINE int w_trap(void *arena, int32_t code, int32_t site, int64_t value)\n"
    "{\n    memcpy(arena, &code, 4);\n    memcpy((char *)arena + 4, &site, 4);\n    memcpy((char *)arena + 8, &value, 8);\n"
    "    return code;\n}\n";

void emit_source(Emit *e, Text *out)
{
    const LoopProgram *p = e->p;
    const char **names = ARENA_ARRAY(&e->cx->arena, const char *, p->buffers.n + 1);
    c_names(p, names);
    text_init(&e->body, &e->cx->arena);
    for (uint32_t k = 0; k < p->functions.n; k++) {
        e->f = &p->functions.at[k];
        if (is_entry(e))
            emit_entry(e, names);
        else
            emit_group(e);
    }
    text_printf(out, "/* %s: made by weir; the interface is in %s.h */\n#ifndef W_VALUES\n#define W_VALUES\n", e->name, e->name);
    for (unsigned k = 0; k < n_runtime_lines; k++)
        text_add(out, runtime_lines[k], strlen(runtime_lines[k]));
    text_add(out, trap_function, sizeof trap_function - 1);
    text_printf(out, "#endif\n");
    emit_header(p, e->name, names, out);
    emit_integers(e, out);
    emit_vectors(e, out);
    emit_elementary(e, out);
    emit_code_values(e, out);
    emit_host_functions(e, out);
    text_add(out, e->body.at, e->body.n);
    text_printf(out, "\n");
    emit_info(p, e->name, names, out);
}
