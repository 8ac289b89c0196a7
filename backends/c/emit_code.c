/*
 * backends/c/emit_code.c: casts of the storage types (f8, f6, f4, e8m0): by a table of the values of a type's codes.
 */
#include "backends/c/internal.h"

#include <math.h>

static void emit_from(Emit *e, LoopExprId from)
{
    Dtype type = loop_expr(e->p, from)->type;
    bool code = dtype_kind(type) == DK_CODE;
    if (code) {
        e->codes[type] = true;
        text_printf(&e->body, "w_value_%s[", dtype_text(type));
    } else {
        text_printf(&e->body, "(");
    }
    emit_expr(e, from);
    text_printf(&e->body, code ? "]" : ")");
}

/* To a code: its numbers are those that the encoder gives for what is at the ends. */
static void emit_to_code(Emit *e, LoopExprId from, const LoopExpr *x)
{
    bool saturates = x->op != LOOP_CAST;
    int round = x->op == LOOP_UP ? 1 : x->op == LOOP_DOWN ? -1 : 0;
    text_printf(&e->body, x->type == DT_E8M0 ? "w_e8m0((double)" : "w_code((double)");
    emit_from(e, from);
    if (x->type == DT_E8M0) {
        text_printf(&e->body, ", %d, %d)", saturates ? 1 : 0, round);
        return;
    }
    e->codes[x->type] = true;
    unsigned sign = (unsigned)code_from_f64(x->type, 1, true, 0) ^ code_from_f64(x->type, -1, true, 0);
    text_printf(&e->body, ", w_value_%s, %u, %u, %u, %u, %u, %d)", dtype_text(x->type), code_from_f64(x->type, (double)INFINITY, true, 0), sign,
                code_from_f64(x->type, 1e300, saturates, 0), code_from_f64(x->type, (double)INFINITY, saturates, 0),
                code_from_f64(x->type, (double)NAN, true, 0), code_from_f64(x->type, -0.0, true, 0) == 0);
}

void emit_code_cast(Emit *e, LoopExprId id, const LoopExpr *x)
{
    LoopExprId from = loop_arg(e->p, id, 0);
    DtypeKind to = dtype_kind(x->type);
    if (x->op == LOOP_BITS) {
        e->refused = true;
        return;
    }
    if (to == DK_CODE) {
        emit_to_code(e, from, x);
        return;
    }
    if (x->type == DT_F16 || x->type == DT_BF16)
        text_printf(&e->body, "w_round_%s(", dtype_text(x->type));
    else if (to == DK_FLOAT)
        text_printf(&e->body, "(%s)(", c_value_type(x->type));
    else if (to == DK_BOOL)
        text_printf(&e->body, "(0 != ");
    else
        text_printf(&e->body, "w_%s_from_f64((double)", dtype_text(x->type));
    e->used[x->type] = to == DK_SIGNED || to == DK_UNSIGNED || e->used[x->type];
    emit_from(e, from);
    text_printf(&e->body, ")");
}

void emit_code_values(const Emit *e, Text *out)
{
    for (uint32_t t = 0; t < DT_COUNT; t++) {
        if (!e->codes[t])
            continue;
        const char *name = dtype_text((Dtype)t);
        text_printf(out, "#ifndef W_VALUE_%s\n#define W_VALUE_%s\nstatic const float w_value_%s[256] = {", name, name, name);
        for (unsigned code = 0; code < 256; code++) {
            double value = (double)code_to_f32((Dtype)t, (uint8_t)code);
            text_printf(out, code % 8 == 0 ? "\n    " : " ");
            if (isnan(value))
                text_printf(out, "NAN,");
            else if (isinf(value))
                text_printf(out, value < 0 ? "-INFINITY," : "INFINITY,");
            else
                text_printf(out, "%af,", value);
        }
        text_printf(out, "};\n#endif\n");
    }
}
