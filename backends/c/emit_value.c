/*
 * backends/c/emit_value.c: expressions of the loop program as C.
 *
 * Keep: scalars are printed with the functions of runtime/weir_host.h, which have no undefined behaviour; index arithmetic, whose
 *       values are bounded, with plain operators. Vectors use the compiler's vector extensions and runtime/weir_vector.h.
 */
#include "backends/c/internal.h"

#include <inttypes.h>
#include <math.h>

static const LoopExpr *arg(const Emit *e, LoopExprId x, uint32_t k)
{
    return loop_expr(e->p, loop_arg(e->p, x, k));
}

static void emit_arg(Emit *e, LoopExprId x, uint32_t k)
{
    emit_expr(e, loop_arg(e->p, x, k));
}

static void emit_int(Emit *e, Dtype type, int64_t value)
{
    if (type == DT_U64 && value < 0)
        text_printf(&e->body, "UINT64_C(%" PRIu64 ")", (uint64_t)value);
    else if (value == INT64_MIN)
        text_printf(&e->body, "INT64_MIN");
    else if (value > INT32_MAX || value < -(int64_t)INT32_MAX)
        text_printf(&e->body, value < 0 ? "(INT64_C(%" PRId64 "))" : "INT64_C(%" PRId64 ")", value);
    else
        text_printf(&e->body, value < 0 ? "(%" PRId64 ")" : "%" PRId64, value);
}

static void emit_const(Emit *e, const LoopExpr *x)
{
    if (dtype_kind(x->type) != DK_FLOAT) {
        emit_int(e, x->type, x->i);
        return;
    }
    bool wide = x->type == DT_F64;
    if (isnan(x->f))
        text_printf(&e->body, wide ? "(double)NAN" : "NAN");
    else if (isinf(x->f))
        text_printf(&e->body, "%s%s", x->f < 0 ? "-" : "", wide ? "(double)INFINITY" : "INFINITY");
    else if (x->f == trunc(x->f) && fabs(x->f) < 1e6 && !(x->f == 0 && signbit(x->f)))
        text_printf(&e->body, x->f < 0 ? "(%.1f%s)" : "%.1f%s", x->f, wide ? "" : "f");
    else
        text_printf(&e->body, signbit(x->f) ? "(%a%s)" : "%a%s", x->f, wide ? "" : "f");
}

static void emit_vector_load(Emit *e, LoopExprId id, const LoopExpr *x)
{
    const LoopSlot *slot = &e->f->slots.at[x->ref];
    LoopExprId index = loop_arg(e->p, id, 0);
    emit_vector_type(e, slot->type, x->lanes);
    if (slot->lanes > 1)
        text_printf(&e->body, "s%u[", x->ref);
    else if (slot->type == DT_BOOL)
        text_printf(&e->body, "(wv_load_bool_%u(s%u + ", x->lanes, x->ref);
    else
        text_printf(&e->body, "((wt_%s_%u)*(const wu_%s_%u *)(s%u + ", dtype_text(slot->type), x->lanes,
                    dtype_text(slot->type), x->lanes, x->ref); /* the two sides of a ?: have one type */
    emit_expr(e, slot->lanes > 1 ? loop_index_div(e->p, e->f, index, slot->lanes) : index);
    text_printf(&e->body, slot->lanes > 1 ? "]" : "))");
}

static void emit_load(Emit *e, LoopExprId id, const LoopExpr *x)
{
    if (x->lanes > 1) {
        emit_vector_load(e, id, x);
        return;
    }
    bool half = x->type == DT_F16 || x->type == DT_BF16;
    if (half)
        text_printf(&e->body, "w_%s_value(", dtype_text(x->type));
    text_printf(&e->body, "s%u[", x->ref);
    emit_arg(e, id, 0);
    text_printf(&e->body, half ? "])" : "]");
}

static void emit_function(Emit *e, LoopExprId id, const char *name, Dtype type)
{
    const LoopExpr *x = loop_expr(e->p, id);
    if (x->lanes > 1)
        text_printf(&e->body, "wv_%s_%s_%u(", name, dtype_text(type), x->lanes);
    else
        text_printf(&e->body, "w_%s_%s(", name, dtype_text(type));
    for (uint32_t k = 0; k < x->n_args; k++) {
        if (k > 0)
            text_printf(&e->body, ", ");
        emit_arg(e, id, k);
    }
    text_printf(&e->body, ")");
}

static void emit_infix(Emit *e, LoopExprId id, const char *sign)
{
    text_printf(&e->body, "(");
    emit_arg(e, id, 0);
    text_printf(&e->body, " %s ", sign);
    emit_arg(e, id, 1);
    text_printf(&e->body, ")");
}

/* A float's operation as a C operator or library function, by type. */
static void emit_float(Emit *e, LoopExprId id, const LoopExpr *x)
{
    static const char *const library[LOOP_OP_COUNT] = {
        [LOOP_FMA] = "fma", [LOOP_ABS] = "fabs", [LOOP_FLOOR] = "floor", [LOOP_CEIL] = "ceil", [LOOP_TRUNC] = "trunc",
        [LOOP_RINT] = "rint", [LOOP_SQRT] = "sqrt", [LOOP_FMOD] = "fmod"};
    static const char *const signs[LOOP_OP_COUNT] = {[LOOP_ADD] = "+", [LOOP_SUB] = "-", [LOOP_MUL] = "*", [LOOP_DIV] = "/"};
    bool half = x->type == DT_F16 || x->type == DT_BF16;
    bool exact = x->op == LOOP_NEG || x->op == LOOP_ABS || x->op == LOOP_MIN || x->op == LOOP_MAX || x->op == LOOP_SIGN;
    if (half && !exact)
        text_printf(&e->body, "w_round_%s(", dtype_text(x->type));
    if (signs[x->op] != NULL) {
        emit_infix(e, id, signs[x->op]);
    } else if (x->op == LOOP_NEG) {
        text_printf(&e->body, "(-");
        emit_arg(e, id, 0);
        text_printf(&e->body, ")");
    } else if (library[x->op] != NULL) {
        text_printf(&e->body, "%s%s(", library[x->op], x->type == DT_F64 ? "" : "f");
        for (uint32_t k = 0; k < x->n_args; k++) {
            text_printf(&e->body, k > 0 ? ", " : "");
            emit_arg(e, id, k);
        }
        text_printf(&e->body, ")");
    } else {
        emit_function(e, id, loop_op_info(x->op)->text, half ? DT_F32 : x->type);
    }
    if (half && !exact)
        text_printf(&e->body, ")");
}

/* i64 arithmetic whose value is known to fit: indices. */
static bool emit_index(Emit *e, LoopExprId id, const LoopExpr *x)
{
    int64_t least, most;
    if (x->type != DT_I64 || x->lanes != 1)
        return false;
    bool known = loop_index_range(e->p, e->f, id, &least, &most);
    if ((x->op == LOOP_FLOORDIV || x->op == LOOP_FLOORMOD) && arg(e, id, 1)->op == LOOP_CONST &&
        loop_index_range(e->p, e->f, loop_arg(e->p, id, 0), &least, &most) && least >= 0) {
        emit_infix(e, id, x->op == LOOP_FLOORDIV ? "/" : "%");
        return true;
    }
    const char *sign = x->op == LOOP_ADD ? "+" : x->op == LOOP_SUB ? "-" : x->op == LOOP_MUL ? "*" : NULL;
    if (!known || sign == NULL)
        return false;
    emit_infix(e, id, sign);
    return true;
}

static void emit_to_float(Emit *e, LoopExprId id, const LoopExpr *x)
{
    const LoopExpr *a = arg(e, id, 0);
    DtypeKind from = dtype_kind(a->type);
    bool half = x->type == DT_F16 || x->type == DT_BF16;
    const char *type = c_value_type(x->type);
    if (!half) {
        text_printf(&e->body, "(%s)(", type);
    } else if (a->type == DT_F64) {
        text_printf(&e->body, "w_round_%s(w_odd_f32(", dtype_text(x->type));
    } else if (from == DK_SIGNED || from == DK_UNSIGNED) {
        const char *wide = a->type == DT_I64 ? "w_odd_i64" : a->type == DT_U64 ? "w_odd_u64" : "(double)";
        text_printf(&e->body, "w_round_%s(w_odd_f32(%s(", dtype_text(x->type), wide);
        emit_arg(e, id, 0);
        text_printf(&e->body, ")))");
        return;
    } else {
        text_printf(&e->body, "w_round_%s((", dtype_text(x->type));
    }
    emit_arg(e, id, 0);
    text_printf(&e->body, half ? "))" : ")");
}

static void emit_to_int(Emit *e, LoopExprId id, const LoopExpr *x)
{
    const LoopExpr *a = arg(e, id, 0);
    DtypeKind from = dtype_kind(a->type);
    const char *to = dtype_text(x->type);
    e->used[x->type] = true;
    if (from == DK_FLOAT)
        text_printf(&e->body, "w_%s_from_f64((double)", to);
    else if (x->op == LOOP_SAT)
        text_printf(&e->body, a->type == DT_U64 ? "w_satu_%s(" : "w_sat_%s(", to);
    else if (x->type == DT_I64 && a->type != DT_U64)
        text_printf(&e->body, "(int64_t)(");
    else
        text_printf(&e->body, "w_wrap_%s((uint64_t)", to);
    emit_arg(e, id, 0);
    text_printf(&e->body, ")");
}

static void emit_bits(Emit *e, LoopExprId id, const LoopExpr *x)
{
    const LoopExpr *a = arg(e, id, 0);
    bool from_half = a->type == DT_F16 || a->type == DT_BF16, to_half = x->type == DT_F16 || x->type == DT_BF16;
    text_printf(&e->body, to_half ? "w_%s_value((uint16_t)" : "(%s)", to_half ? dtype_text(x->type) : c_value_type(x->type));
    if (from_half)
        text_printf(&e->body, "w_%s_bits", dtype_text(a->type));
    else if (dtype_kind(a->type) == DK_FLOAT)
        text_printf(&e->body, a->type == DT_F64 ? "w_u64_of_f64" : "w_u32_of_f32");
    else if (dtype_kind(x->type) == DK_FLOAT && !to_half)
        text_printf(&e->body, x->type == DT_F64 ? "w_f64_of_u64((uint64_t)" : "w_f32_of_u32((uint32_t)");
    text_printf(&e->body, "(");
    emit_arg(e, id, 0);
    text_printf(&e->body, ")%s", dtype_kind(x->type) == DK_FLOAT ? ")" : "");
}

static void emit_cast(Emit *e, LoopExprId id, const LoopExpr *x)
{
    const LoopExpr *a = arg(e, id, 0);
    DtypeKind to = dtype_kind(x->type);
    if (x->lanes > 1) {
        text_printf(&e->body, "wv_%s_%s_from_%s_%u(", loop_op_info(x->op)->text, dtype_text(x->type), dtype_text(a->type), x->lanes);
        emit_arg(e, id, 0);
        text_printf(&e->body, ")");
    } else if (to == DK_CODE || dtype_kind(a->type) == DK_CODE) {
        emit_code_cast(e, id, x);
    } else if (x->op == LOOP_BITS) {
        emit_bits(e, id, x);
    } else if (to == DK_FLOAT) {
        emit_to_float(e, id, x);
    } else if (to == DK_BOOL) {
        text_printf(&e->body, "(");
        emit_arg(e, id, 0);
        text_printf(&e->body, " != 0)");
    } else {
        emit_to_int(e, id, x);
    }
}

static void emit_choice(Emit *e, LoopExprId id)
{
    text_printf(&e->body, "(");
    emit_arg(e, id, 0);
    text_printf(&e->body, " ? ");
    emit_arg(e, id, 1);
    text_printf(&e->body, " : ");
    emit_arg(e, id, 2);
    text_printf(&e->body, ")");
}

/* Operations that are printed by form, not by type; false: none of them. */
static bool emit_form(Emit *e, LoopExprId id, const LoopExpr *x)
{
    switch (x->op) {
    case LOOP_CONST:
        emit_const(e, x);
        return true;
    case LOOP_VAR:
        text_printf(&e->body, "%s%u", e->f->vars.at[x->ref].name, x->ref);
        return true;
    case LOOP_LOAD:
        emit_load(e, id, x);
        return true;
    case LOOP_COND:
        emit_choice(e, id);
        return true;
    case LOOP_CAST:
    case LOOP_SAT:
    case LOOP_UP:
    case LOOP_DOWN:
    case LOOP_BITS:
        emit_cast(e, id, x);
        return true;
    case LOOP_CALL:
        e->used[DT_I32] = true; /* its steps */
        e->elementary[x->ref * 128 + (x->type == DT_F64 ? 64 : 0) + x->lanes - 1] = true;
        emit_function(e, id, fn_info((Fn)x->ref)->text, x->type);
        return true;
    case LOOP_REQUANT:
        text_printf(&e->body, "w_requant(");
        for (uint32_t k = 0; k < x->n_args; k++) {
            text_printf(&e->body, k > 0 ? ", " : "");
            emit_arg(e, id, k);
        }
        text_printf(&e->body, ")");
        return true;
    default:
        return false;
    }
}

static void emit_scalar(Emit *e, LoopExprId id, const LoopExpr *x)
{
    static const char *const signs[LOOP_OP_COUNT] = {[LOOP_EQ] = "==", [LOOP_NE] = "!=", [LOOP_LT] = "<", [LOOP_LE] = "<=",
                                                     [LOOP_LAND] = "&&", [LOOP_LOR] = "||"};
    DtypeKind kind = dtype_kind(x->type);
    if (signs[x->op] != NULL) {
        emit_infix(e, id, signs[x->op]);
    } else if (x->op == LOOP_SELECT) {
        emit_choice(e, id);
    } else if (x->op == LOOP_LNOT) {
        text_printf(&e->body, "!");
        emit_arg(e, id, 0);
    } else if (kind == DK_FLOAT) {
        emit_float(e, id, x);
    } else if (kind == DK_SIGNED || kind == DK_UNSIGNED) {
        if (emit_index(e, id, x))
            return;
        e->used[x->type] = true;
        emit_function(e, id, loop_op_info(x->op)->text, x->type);
    } else {
        e->refused = true;
    }
}

/* An operation that may make a NaN of f32 or f64. */
static bool makes_nan(const LoopExpr *x)
{
    static const bool ops[LOOP_OP_COUNT] = {
        [LOOP_ADD] = true, [LOOP_SUB] = true, [LOOP_MUL] = true, [LOOP_DIV] = true, [LOOP_FMA] = true, [LOOP_MIN] = true, [LOOP_MAX] = true,
        [LOOP_FLOOR] = true, [LOOP_CEIL] = true, [LOOP_TRUNC] = true, [LOOP_RINT] = true, [LOOP_SQRT] = true, [LOOP_FMOD] = true,
        [LOOP_CALL] = true, [LOOP_TREE] = true, [LOOP_PAIRS] = true};
    return ops[x->op] && (x->type == DT_F32 || x->type == DT_F64);
}

static void emit_any(Emit *e, LoopExprId id, const LoopExpr *x)
{
    if (emit_form(e, id, x))
        return;
    if (x->lanes == 1 && x->op != LOOP_TREE && x->op != LOOP_PAIRS && x->op != LOOP_EXTRACT)
        emit_scalar(e, id, x);
    else
        emit_vector(e, id, x);
}

void emit_expr(Emit *e, LoopExprId id)
{
    const LoopExpr x = *loop_expr(e->p, id); /* printing adds expressions */
    bool one = e->canonical && makes_nan(&x);
    if (one && x.lanes > 1)
        text_printf(&e->body, "wv_one_%s_%u(", dtype_text(x.type), x.lanes);
    else if (one)
        text_printf(&e->body, "w_one_%s(", dtype_text(x.type));
    emit_any(e, id, &x);
    text_printf(&e->body, one ? ")" : "");
}
