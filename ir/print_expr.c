/*
 * ir/print_expr.c: expressions in canonical form: parentheses only where precedence needs them.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ir/print.h"

enum { PRECEDENCE_COMPARE = 4, PRECEDENCE_MINUS = 7, PRECEDENCE_ATOM = 8 };

static void print_at(const Cascade *cs, ExprId id, unsigned least, Text *out);

static void literal(const Expr *e, Text *out)
{
    if (e->type == DT_BOOL && !e->decimal)
        text_printf(out, e->i != 0 ? "true" : "false");
    else if (e->decimal)
        text_decimal(out, e->f, dtype_kind(e->type) == DK_FLOAT || dtype_kind(e->type) == DK_CODE ? e->type : DT_F64);
    else if (e->type == DT_U64)
        text_printf(out, "%llu", (unsigned long long)e->i);
    else
        text_printf(out, "%lld", (long long)e->i);
}

static void list(const Cascade *cs, const Expr *e, ExprId id, Text *out)
{
    for (uint32_t k = 0; k < e->n_args; k++) {
        if (k != 0)
            text_printf(out, ", ");
        print_at(cs, expr_arg(cs, id, k), 0, out);
    }
}

static void access(const Cascade *cs, ExprId id, Text *out)
{
    static const char *const parts[] = {"", ".q", ".scale", ".zero"};
    const Expr *e = expr_at(cs, id);
    text_printf(out, "%s%s[", tensor_name(cs, e->tensor), parts[e->part]);
    list(cs, e, id, out);
    text_printf(out, "]");
    if (e->pad == PAD_LITERAL) {
        text_printf(out, "?");
        literal(expr_at(cs, e->pad_literal), out);
    } else if (e->pad == PAD_TENSOR) {
        text_printf(out, "?%s[]", tensor_name(cs, e->pad_tensor));
    }
}

static bool is_literal(const Cascade *cs, ExprId id)
{
    return expr_at(cs, id)->kind == EX_LITERAL;
}

/* An operator whose operands bind at least as tightly as they must; binary ones group to the left, comparisons not. */
static void operation(const Cascade *cs, ExprId id, const FnInfo *info, Text *out)
{
    unsigned own = info->precedence;
    if (info->arity == 1) {
        ExprId arg = expr_arg(cs, id, 0);
        text_printf(out, own == PRECEDENCE_MINUS ? "-" : "%s ", info->text);
        print_at(cs, arg, own == PRECEDENCE_MINUS && is_literal(cs, arg) ? PRECEDENCE_ATOM + 1 : own, out);
        return;
    }
    print_at(cs, expr_arg(cs, id, 0), own == PRECEDENCE_COMPARE ? own + 1 : own, out);
    text_printf(out, " %s ", info->text);
    print_at(cs, expr_arg(cs, id, 1), own + 1, out);
}

static void cast(const Cascade *cs, ExprId id, Text *out)
{
    static const char *const modes[] = {"", ".sat", ".bits", ".up", ".down"};
    const Expr *e = expr_at(cs, id);
    text_printf(out, "%s%s(", dtype_text(e->type), modes[e->cast]);
    list(cs, e, id, out);
    text_printf(out, ")");
}

static unsigned precedence(const Expr *e)
{
    unsigned own = e->kind == EX_CALL ? fn_info(e->fn)->precedence : 0;
    return own == 0 ? PRECEDENCE_ATOM : own;
}

static void call(const Cascade *cs, ExprId id, Text *out)
{
    const Expr *e = expr_at(cs, id);
    const FnInfo *info = fn_info(e->fn);
    if (info->precedence != 0) {
        operation(cs, id, info, out);
        return;
    }
    text_printf(out, "%s(", info->text);
    list(cs, e, id, out);
    text_printf(out, ")");
}

static void print_at(const Cascade *cs, ExprId id, unsigned least, Text *out)
{
    const Expr *e = expr_at(cs, id);
    bool enclosed = precedence(e) < least;
    if (enclosed)
        text_printf(out, "(");
    switch (e->kind) {
    case EX_NONE:
        break;
    case EX_LITERAL:
        literal(e, out);
        break;
    case EX_RANK:
        text_printf(out, "%s", rank_name(cs, e->rank));
        break;
    case EX_INDEX:
        text_printf(out, "index(%s)", rank_name(cs, e->rank));
        break;
    case EX_EXTENT:
        text_printf(out, "extent(%s)", rank_name(cs, e->rank));
        break;
    case EX_COUNT:
        text_printf(out, "count(%s)", rank_name(cs, e->rank));
        break;
    case EX_ACCESS:
        access(cs, id, out);
        break;
    case EX_CALL:
        call(cs, id, out);
        break;
    case EX_CAST:
        cast(cs, id, out);
        break;
    }
    if (enclosed)
        text_printf(out, ")");
}

void expr_print(const Cascade *cs, ExprId e, Text *out)
{
    print_at(cs, e, 0, out);
}
