/*
 * ir/print_expr.c: expressions in canonical form: parentheses only where precedence needs them.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ir/print.h"

enum { PRECEDENCE_COMPARE = 4, PRECEDENCE_MINUS = 7, PRECEDENCE_ATOM = 8 };

/* `converted`: the accumulator type that literals are read back in; DT_NONE: their own. */
static void print_at(const Cascade *cs, ExprId id, unsigned least, Dtype converted, Text *out);

static void literal(const Expr *e, Dtype converted, Text *out)
{
    Dtype type = converted != DT_NONE ? converted : e->type;
    if (e->type == DT_BOOL && !e->decimal)
        text_printf(out, e->i != 0 ? "true" : "false");
    else if (e->decimal)
        text_decimal(out, e->f, dtype_kind(type) == DK_FLOAT || dtype_kind(type) == DK_CODE ? type : DT_F64);
    else if (e->type == DT_U64)
        text_printf(out, "%llu", (unsigned long long)e->i);
    else
        text_printf(out, "%lld", (long long)e->i);
}

static void list(const Cascade *cs, ExprId id, Dtype converted, Text *out)
{
    for (uint32_t k = 0; k < expr_at(cs, id)->n_args; k++) {
        if (k != 0)
            text_printf(out, ", ");
        print_at(cs, expr_arg(cs, id, k), 0, converted, out);
    }
}

static void access(const Cascade *cs, ExprId id, Text *out)
{
    static const char *const parts[] = {"", ".q", ".scale", ".zero"};
    const Expr *e = expr_at(cs, id);
    text_printf(out, "%s%s[", tensor_name(cs, e->tensor), parts[e->part]);
    list(cs, id, DT_NONE, out);
    text_printf(out, "]");
    if (e->pad == PAD_LITERAL) {
        text_printf(out, "?");
        literal(expr_at(cs, e->pad_literal), DT_NONE, out);
    } else if (e->pad == PAD_TENSOR) {
        text_printf(out, "?%s[]", tensor_name(cs, e->pad_tensor));
    }
}

static bool is_literal(const Cascade *cs, ExprId id)
{
    return expr_at(cs, id)->kind == EX_LITERAL;
}

/* An operator whose operands bind at least as tightly as they must; binary ones group to the left, comparisons not. */
static void operation(const Cascade *cs, ExprId id, const FnInfo *info, Dtype converted, Text *out)
{
    unsigned own = info->precedence;
    if (info->arity == 1) {
        ExprId arg = expr_arg(cs, id, 0);
        text_printf(out, own == PRECEDENCE_MINUS ? "-" : "%s ", info->text);
        print_at(cs, arg, own == PRECEDENCE_MINUS && is_literal(cs, arg) ? PRECEDENCE_ATOM + 1 : own, converted, out);
        return;
    }
    print_at(cs, expr_arg(cs, id, 0), own == PRECEDENCE_COMPARE ? own + 1 : own, converted, out);
    text_printf(out, " %s ", info->text);
    print_at(cs, expr_arg(cs, id, 1), own + 1, converted, out);
}

Dtype cast_literal_type(Dtype to, CastMode mode, bool decimal)
{
    static const Dtype floats[] = {DT_F16, DT_F32, DT_F64}, ints[] = {DT_U8, DT_U16, DT_U32, DT_U64};
    unsigned bits = dtype_bits(to);
    for (size_t i = 0; mode == CAST_BITS && decimal && i < sizeof floats / sizeof *floats; i++)
        if (dtype_bits(floats[i]) == bits)
            return floats[i];
    for (size_t i = 0; mode == CAST_BITS && !decimal && i < sizeof ints / sizeof *ints; i++)
        if (dtype_bits(ints[i]) == bits)
            return ints[i];
    if (!decimal)
        return DT_I64;
    return dtype_kind(to) == DK_FLOAT ? to : DT_F64;
}

static void cast(const Cascade *cs, ExprId id, Text *out)
{
    static const char *const modes[] = {"", ".sat", ".bits", ".up", ".down"};
    const Expr *e = expr_at(cs, id);
    const Expr *arg = expr_at(cs, expr_arg(cs, id, 0));
    bool alone = arg->kind == EX_LITERAL && arg->decimal;
    text_printf(out, "%s%s(", dtype_text(e->type), modes[e->cast]);
    list(cs, id, alone ? cast_literal_type(e->type, e->cast, true) : DT_NONE, out);
    text_printf(out, ")");
}

static unsigned precedence(const Expr *e)
{
    unsigned own = e->kind == EX_CALL ? fn_info(e->fn)->precedence : 0;
    return own == 0 ? PRECEDENCE_ATOM : own;
}

static void call(const Cascade *cs, ExprId id, Dtype converted, Text *out)
{
    const Expr *e = expr_at(cs, id);
    const FnInfo *info = fn_info(e->fn);
    if (info->precedence != 0) {
        operation(cs, id, info, converted, out);
        return;
    }
    text_printf(out, "%s(", info->text);
    list(cs, id, converted, out);
    text_printf(out, ")");
}

static void print_at(const Cascade *cs, ExprId id, unsigned least, Dtype converted, Text *out)
{
    const Expr *e = expr_at(cs, id);
    bool enclosed = precedence(e) < least;
    if (enclosed)
        text_printf(out, "(");
    switch (e->kind) {
    case EX_NONE:
        break;
    case EX_LITERAL:
        literal(e, converted, out);
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
        call(cs, id, converted, out);
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
    print_at(cs, e, 0, DT_NONE, out);
}

void body_print(const Cascade *cs, ExprId body, Dtype accumulator, Text *out)
{
    print_at(cs, body, 0, accumulator, out);
}
