/*
 * backends/c/emit_vector.c: vector expressions and statements as C; the vector types and functions a file needs.
 */
#include "backends/c/internal.h"

#include <string.h>

static const char *const vector_lines[] = {
#include "backends/c/weir_vector.inc"
};

void emit_vector_type(Emit *e, Dtype type, uint32_t lanes)
{
    e->vectors = true;
    e->vector_type[type][lanes] = true;
}

static void emit_args(Emit *e, LoopExprId id)
{
    for (uint32_t k = 0; k < loop_expr(e->p, id)->n_args; k++) {
        text_printf(&e->body, "%s", k > 0 ? ", " : "");
        emit_expr(e, loop_arg(e->p, id, k));
    }
}

static void emit_build(Emit *e, LoopExprId id, const LoopExpr *x)
{
    text_printf(&e->body, "(wt_%s_%u){", dtype_text(x->type), x->lanes);
    for (uint32_t k = 0; k < x->n_args; k++) {
        text_printf(&e->body, "%s%s", k > 0 ? ", " : "", x->type == DT_BOOL ? "-(0 != " : "");
        emit_expr(e, loop_arg(e->p, id, k));
        text_printf(&e->body, "%s", x->type == DT_BOOL ? ")" : "");
    }
    text_printf(&e->body, "}");
}

/* Combines lanes first, first + step .. of v, n of them. */
static void emit_tree(Emit *e, const char *function, const char *sign, bool halves, uint32_t first, uint32_t step, uint32_t n)
{
    if (n == 1) {
        text_printf(&e->body, "v[%u]", first);
        return;
    }
    text_printf(&e->body, sign != NULL ? "(" : "%s(", function);
    emit_tree(e, function, sign, halves, first, halves ? 2 * step : step, n / 2);
    text_printf(&e->body, " %s ", sign != NULL ? sign : ",");
    emit_tree(e, function, sign, halves, halves ? first + step : first + n / 2 * step, halves ? 2 * step : step, n / 2);
    text_printf(&e->body, ")");
}

static void emit_reduce(Emit *e, LoopExprId id, const LoopExpr *x)
{
    const LoopExpr *a = loop_expr(e->p, loop_arg(e->p, id, 0));
    e->reduces[x->op == LOOP_PAIRS][x->ref == LOOP_ADD ? 0 : x->ref == LOOP_MUL ? 1 : x->ref == LOOP_MAX ? 2 : 3][a->lanes] = true;
    text_printf(&e->body, "wv_%s_%s_%u(", loop_op_info(x->op)->text, loop_op_info((LoopOp)x->ref)->text, a->lanes);
    emit_args(e, id);
    text_printf(&e->body, ")");
}

static const char *operator_of(const LoopExpr *x)
{
    static const char *const signs[LOOP_OP_COUNT] = {
        [LOOP_DIV] = "/", [LOOP_AND] = "&", [LOOP_OR] = "|", [LOOP_XOR] = "^", [LOOP_EQ] = "==", [LOOP_NE] = "!=", [LOOP_LT] = "<",
        [LOOP_LE] = "<=", [LOOP_LAND] = "&", [LOOP_LOR] = "|"};
    static const char *const sums[LOOP_OP_COUNT] = {[LOOP_ADD] = "+", [LOOP_SUB] = "-", [LOOP_MUL] = "*"};
    return x->type != DT_I32 && sums[x->op] != NULL ? sums[x->op] : signs[x->op];
}

void emit_vector(Emit *e, LoopExprId id, const LoopExpr *x)
{
    const char *sign = operator_of(x);
    emit_vector_type(e, x->type, x->lanes > 1 ? x->lanes : loop_expr(e->p, loop_arg(e->p, id, 0))->lanes);
    switch (x->op) {
    case LOOP_BUILD:
        emit_build(e, id, x);
        return;
    case LOOP_EXTRACT:
        text_printf(&e->body, x->type == DT_BOOL ? "(uint8_t)(1 & " : "(");
        emit_args(e, id);
        text_printf(&e->body, ")[%d]", (int)x->i);
        return;
    case LOOP_TREE:
    case LOOP_PAIRS:
        emit_reduce(e, id, x);
        return;
    case LOOP_NOT:
    case LOOP_LNOT:
        text_printf(&e->body, "(~");
        emit_args(e, id);
        text_printf(&e->body, ")");
        return;
    default:
        break;
    }
    if (sign == NULL) {
        text_printf(&e->body, "wv_%s_%s_%u(", loop_op_info(x->op)->text, dtype_text(x->type), x->lanes);
        emit_args(e, id);
        text_printf(&e->body, ")");
        return;
    }
    text_printf(&e->body, "(");
    emit_expr(e, loop_arg(e->p, id, 0));
    text_printf(&e->body, " %s ", sign);
    emit_expr(e, loop_arg(e->p, id, 1));
    text_printf(&e->body, ")");
}

void emit_vector_store(Emit *e, const LoopStmt *st)
{
    const LoopSlot *slot = &e->f->slots.at[st->slot];
    uint32_t lanes = loop_expr(e->p, st->b)->lanes;
    emit_vector_type(e, slot->type, lanes);
    if (slot->type == DT_BOOL)
        text_printf(&e->body, "wv_store_bool_%u(s%u + ", lanes, st->slot);
    else
        text_printf(&e->body, "*(wu_%s_%u *)(s%u + ", dtype_text(slot->type), lanes, st->slot);
    emit_expr(e, st->a);
    text_printf(&e->body, slot->type == DT_BOOL ? ", " : ") = ");
    emit_expr(e, st->b);
    text_printf(&e->body, slot->type == DT_BOOL ? ");\n" : ";\n");
}

static void emit_reductions(Emit *e, Text *out)
{
    static const char *const names[] = {"add", "mul", "max", "min"}, *const signs[] = {"+", "*", NULL, NULL};
    Text body = e->body;
    for (uint32_t pairs = 0; pairs < 2; pairs++)
        for (uint32_t op = 0; op < 4; op++)
            for (uint32_t lanes = 4; lanes <= 64; lanes *= 2) {
                if (!e->reduces[pairs][op][lanes])
                    continue;
                text_init(&e->body, &e->cx->arena);
                emit_tree(e, op == 2 ? "w_max_f32" : "w_min_f32", signs[op], pairs == 0, 0, 1, lanes);
                const char *kind = pairs != 0 ? "pairs" : "tree";
                text_printf(out, "#ifndef W_%s_%s_%u\n#define W_%s_%s_%u\n", kind, names[op], lanes, kind, names[op], lanes);
                text_printf(out, "W_INLINE float wv_%s_%s_%u(wt_f32_%u v) { return %s; }\n#endif\n", kind, names[op], lanes, lanes,
                            e->body.at);
            }
    e->body = body;
}

void emit_vectors(Emit *e, Text *out)
{
    if (!e->vectors)
        return;
    text_printf(out, "#ifndef W_VECTORS\n#define W_VECTORS\n");
    for (size_t k = 0; k < sizeof vector_lines / sizeof vector_lines[0]; k++)
        text_add(out, vector_lines[k], strlen(vector_lines[k]));
    text_printf(out, "#endif\n");
    for (uint32_t lanes = 4; lanes <= 16; lanes *= 2) {
        bool used = false;
        for (uint32_t t = 0; t < DT_COUNT; t++)
            used |= e->vector_type[t][lanes];
        if (used)
            text_printf(out, "#ifndef W_VECTOR_%u\n#define W_VECTOR_%u\nW_VECTOR(%u)\nW_F32_%u\n#endif\n", lanes, lanes, lanes, lanes);
    }
    emit_reductions(e, out);
}
