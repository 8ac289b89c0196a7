/*
 * ir/verify_types.c: invariant 5: types of values.
 */
#include <math.h>
#include <string.h>

#include "ir/verify.h"

typedef struct Types {
    Verify *v;
    StatementId st;
} Types;

static Dtype value_type(Types *t, ExprId id, Dtype accumulator);

static bool is_whole_int(Dtype type)
{
    return dtype_is_int(type) && dtype_bits(type) >= 8;
}

/* Types that functions compute in; the others are for storage. */
static bool is_arithmetic(Dtype type)
{
    return dtype_kind(type) == DK_FLOAT || is_whole_int(type);
}

static unsigned significand_bits(Dtype type)
{
    return type == DT_F64 ? 53 : type == DT_F32 ? 24 : type == DT_F16 ? 11 : type == DT_BF16 ? 8 : 0;
}

static bool exact_to_float(Dtype from, Dtype to)
{
    if (dtype_is_int(from))
        return dtype_bits(from) - (dtype_kind(from) == DK_SIGNED ? 1 : 0) <= significand_bits(to);
    if (dtype_kind(from) == DK_CODE)
        return to != DT_F16 || from != DT_E8M0;
    return to == DT_F64 || (to == DT_F32 && (from == DT_F16 || from == DT_BF16));
}

/* Whether every value of a type is a value of the other. */
static bool converts_exactly(Dtype from, Dtype to)
{
    if (from == to || from == DT_BOOL)
        return true;
    if (dtype_kind(to) == DK_FLOAT)
        return exact_to_float(from, to);
    return dtype_is_int(from) && dtype_is_int(to) && dtype_int_min(from) >= dtype_int_min(to) &&
           dtype_int_max(from) <= dtype_int_max(to);
}

static Dtype wrong(Types *t, ExprId at, const char *message)
{
    breach(t->v, t->st, at, "%s", message);
    return DT_NONE;
}

static Dtype leaf(Types *t, ExprId id, Dtype type, Dtype accumulator)
{
    if (accumulator == DT_NONE || type == DT_NONE)
        return type;
    if (converts_exactly(type, accumulator))
        return accumulator;
    breach(t->v, t->st, id, "%s does not convert exactly to the accumulator type %s", dtype_text(type), dtype_text(accumulator));
    return DT_NONE;
}

static bool literal_fits(const Expr *e)
{
    DtypeKind kind = dtype_kind(e->type);
    if (kind == DK_BOOL)
        return !e->decimal && (e->i == 0 || e->i == 1);
    if (kind == DK_SIGNED || kind == DK_UNSIGNED) {
        if (e->decimal || e->type == DT_U64)
            return !e->decimal;
        return e->i >= dtype_int_min(e->type) && (e->i < 0 || (uint64_t)e->i <= dtype_int_max(e->type));
    }
    unsigned char unit[8] = {0};
    double value = e->decimal ? e->f : (double)e->i;
    dtype_store_f64(e->type, unit, 0, value);
    double back = dtype_load_f64(e->type, unit, 0);
    return isnan(value) || back == value;
}

static Dtype literal_type(Types *t, ExprId id)
{
    const Expr *e = expr_at(t->v->cs, id);
    if (literal_fits(e))
        return e->type;
    breach(t->v, t->st, id, "%s is no %s", expr_text(t->v, id), dtype_text(e->type));
    return DT_NONE;
}

static Dtype access_type(Types *t, ExprId id)
{
    const Expr *e = expr_at(t->v->cs, id);
    Dtype type = e->part == PART_VALUE ? tensor_at(t->v->cs, e->tensor)->type : e->part == PART_SCALE ? DT_F32 : DT_I32;
    Dtype pad = type;
    if (e->pad == PAD_LITERAL)
        pad = literal_type(t, e->pad_literal);
    else if (e->pad == PAD_TENSOR)
        pad = tensor_at(t->v->cs, e->pad_tensor)->type;
    if (pad != type && pad != DT_NONE)
        breach(t->v, t->st, id, "'%s' is %s, what is read outside it %s", tensor_name(t->v->cs, e->tensor), dtype_text(type),
               dtype_text(pad));
    return type;
}

static Dtype cast_type(Types *t, ExprId id)
{
    const Expr *e = expr_at(t->v->cs, id);
    Dtype from = value_type(t, expr_arg(t->v->cs, id, 0), DT_NONE), to = e->type;
    if (from == DT_NONE)
        return DT_NONE;
    bool narrow = dtype_is_int(to) || dtype_kind(to) == DK_CODE;
    if (e->cast == CAST_BITS && dtype_bits(from) != dtype_bits(to))
        return wrong(t, id, "a cast .bits keeps the width");
    if (e->cast == CAST_SAT && !narrow)
        return wrong(t, id, "a cast .sat is to an integer or a storage type");
    if ((e->cast == CAST_UP || e->cast == CAST_DOWN) && to != DT_E8M0)
        return wrong(t, id, "casts .up and .down are to e8m0");
    return to;
}

static Dtype condition_type(Types *t, ExprId id, Dtype accumulator)
{
    ExprKind kind = expr_at(t->v->cs, id)->kind;
    Dtype type = value_type(t, id, kind == EX_CALL ? accumulator : DT_NONE);
    if (type != DT_BOOL && type != DT_NONE)
        breach(t->v, t->st, id, "%s is %s where a bool is needed", expr_text(t->v, id), dtype_text(type));
    return type == DT_BOOL ? DT_BOOL : DT_NONE;
}

/* The one type of operands from..n-1; DT_NONE with a message where they differ. */
static Dtype common_type(Types *t, ExprId id, uint32_t from, Dtype accumulator)
{
    const Expr *e = expr_at(t->v->cs, id);
    Dtype type = value_type(t, expr_arg(t->v->cs, id, from), accumulator);
    bool known = type != DT_NONE, same = true;
    Dtype other = type;
    for (uint32_t k = from + 1; k < e->n_args; k++) {
        Dtype next = value_type(t, expr_arg(t->v->cs, id, k), accumulator);
        known = known && next != DT_NONE;
        if (same && next != type) {
            same = false;
            other = next;
        }
    }
    if (!known)
        return DT_NONE;
    if (!same)
        breach(t->v, t->st, id, "the operands of '%s' are %s and %s: write a cast", fn_info(e->fn)->text, dtype_text(type),
               dtype_text(other));
    return same ? type : DT_NONE;
}

static const char *operand_fault(const Expr *e, Dtype type)
{
    FnRule rule = fn_info(e->fn)->rule;
    bool is_float = dtype_kind(type) == DK_FLOAT;
    if (rule == RULE_COMPARE && type == DT_BOOL)
        return e->fn == FN_EQ || e->fn == FN_NE ? NULL : "bools have no order";
    if (type == DT_BOOL)
        return "a bool is no number: write a cast";
    if (!is_arithmetic(type))
        return "the type is for storage only: cast first";
    if (e->fn == FN_DIV && !is_float)
        return "/ on integers outside indices: write idiv (toward zero) or floordiv";
    if (rule == RULE_FLOAT && !is_float)
        return "the function takes floats";
    if (rule == RULE_INT && is_float)
        return "the function takes integers";
    if (e->fn == FN_FMA && type != DT_F32 && type != DT_F64)
        return "fma is f32 or f64";
    return NULL;
}

static Dtype requant_type(Types *t, ExprId id, Dtype accumulator)
{
    bool good = true;
    for (uint32_t k = 0; k < 4; k++) {
        Dtype type = value_type(t, expr_arg(t->v->cs, id, k), DT_NONE);
        good = good && type == (k == 0 ? DT_I32 : DT_F32);
    }
    if (!good)
        return wrong(t, id, "requant takes an i32 and three f32");
    return leaf(t, id, DT_F64, accumulator);
}

static Dtype call_type(Types *t, ExprId id, Dtype accumulator)
{
    const Expr *e = expr_at(t->v->cs, id);
    FnRule rule = fn_info(e->fn)->rule;
    if (rule == RULE_INDEX)
        return wrong(t, id, "% is for indices: write floormod or irem");
    if (rule == RULE_REQUANT)
        return requant_type(t, id, accumulator);
    if (rule == RULE_LOGIC) {
        for (uint32_t k = 0; k < e->n_args; k++)
            condition_type(t, expr_arg(t->v->cs, id, k), accumulator);
        return DT_BOOL;
    }
    if (rule == RULE_SELECT)
        condition_type(t, expr_arg(t->v->cs, id, 0), accumulator);
    Dtype type = common_type(t, id, rule == RULE_SELECT ? 1 : 0, accumulator);
    if (type == DT_NONE)
        return rule == RULE_COMPARE ? DT_BOOL : DT_NONE;
    const char *fault = rule == RULE_SELECT ? NULL : operand_fault(e, type);
    if (fault != NULL)
        return wrong(t, id, fault);
    return rule == RULE_COMPARE ? DT_BOOL : type;
}

static Dtype value_type(Types *t, ExprId id, Dtype accumulator)
{
    switch (expr_at(t->v->cs, id)->kind) {
    case EX_LITERAL:
        return leaf(t, id, literal_type(t, id), accumulator);
    case EX_ACCESS:
        return leaf(t, id, access_type(t, id), accumulator);
    case EX_CAST:
        return leaf(t, id, cast_type(t, id), accumulator);
    case EX_INDEX:
    case EX_EXTENT:
    case EX_COUNT:
        return leaf(t, id, DT_I64, accumulator);
    case EX_CALL:
        return call_type(t, id, accumulator);
    case EX_RANK: /* invariant 6 says so */
    case EX_NONE:
        break;
    }
    return DT_NONE;
}

/* ---- statements ---- */

static Dtype reduced_type(Types *t, const Statement *st, Dtype body)
{
    const char *name = reduction_info(st->reduction)->text;
    bool logic = st->reduction == RED_ANY || st->reduction == RED_ALL;
    if (body == DT_NONE)
        return DT_NONE;
    if (st->reduction == RED_SET)
        return wrong(t, st->body, "set is for scatters");
    if (logic && body != DT_BOOL)
        breach(t->v, t->st, st->body, "'%s' reduces bools, not %s", name, dtype_text(body));
    else if (!logic && !is_arithmetic(body))
        breach(t->v, t->st, st->body, "'%s' of %s: cast first", name, dtype_text(body));
    return reduction_info(st->reduction)->arg ? DT_I64 : logic ? DT_BOOL : body;
}

static void check_from(Types *t, const Statement *st, Dtype result)
{
    if (st->from.i == 0)
        return;
    Dtype from = value_type(t, st->from, DT_NONE);
    if (reduction_info(st->reduction)->arg)
        breach(t->v, t->st, st->from, "'%s' has no start", reduction_info(st->reduction)->text);
    else if (from != result && from != DT_NONE && result != DT_NONE)
        breach(t->v, t->st, st->from, "the start is %s, the reduction %s", dtype_text(from), dtype_text(result));
}

static void check_target(Types *t, const Statement *st, ExprId at, Dtype type)
{
    TensorId target = st->targets[0].tensor;
    Dtype want = tensor_at(t->v->cs, target)->type;
    if (type == want || type == DT_NONE)
        return;
    bool unsaid = !tensor_at(t->v->cs, target)->declared && want == DT_F32;
    breach(t->v, t->st, at, "the expression is %s, '%s' is %s%s", dtype_text(type), tensor_name(t->v->cs, target),
           dtype_text(want), unsaid ? " (as everything without another type)" : "");
}

static void check_definition(Types *t, const Statement *st)
{
    bool logic = st->reduction == RED_ANY || st->reduction == RED_ALL;
    if (st->accumulator != DT_NONE && (logic || !is_arithmetic(st->accumulator))) {
        breach(t->v, t->st, st->body, "%s is no accumulator type here", dtype_text(st->accumulator));
        return;
    }
    Dtype type = value_type(t, st->body, st->accumulator);
    if (st->reduction != RED_NONE)
        type = reduced_type(t, st, type);
    check_from(t, st, type);
    check_target(t, st, st->body, type);
    if (st->scatter == RED_NONE)
        return;
    bool combines = st->scatter == RED_SUM || st->scatter == RED_PROD || st->scatter == RED_MAX || st->scatter == RED_MIN;
    Dtype value = value_type(t, st->scatter_value, DT_NONE);
    check_target(t, st, st->scatter_value, value);
    if (!combines && st->scatter != RED_SET)
        breach(t->v, t->st, st->scatter_value, "a scatter combines by sum, prod, max, min or set");
    else if (combines && value != DT_NONE && !is_arithmetic(value))
        breach(t->v, t->st, st->scatter_value, "a scatter by '%s' of %s", reduction_info(st->scatter)->text, dtype_text(value));
}

/* Which result of a host operation has the element type of its first tensor; the others are i64. */
static bool result_is_value(HostOp op, uint32_t result)
{
    return result == 0 && op != HOSTOP_NONZERO && op != HOSTOP_NMS;
}

static void check_host(Types *t, const Statement *st)
{
    Dtype value = DT_NONE;
    for (uint32_t k = 0; k < st->n_args && value == DT_NONE; k++)
        if (st->args[k].tensor.i != 0)
            value = tensor_at(t->v->cs, st->args[k].tensor)->type;
    if (value == DT_NONE)
        breach(t->v, t->st, (ExprId){0}, "a host operation without a tensor");
    if (st->n_targets > hostop_info(st->hostop)->results)
        breach(t->v, t->st, (ExprId){0}, "'%s' has %u results, not %u", hostop_info(st->hostop)->text,
               hostop_info(st->hostop)->results, st->n_targets);
    for (uint32_t k = 0; k < st->n_targets && value != DT_NONE; k++) {
        TensorId target = st->targets[k].tensor;
        Dtype want = result_is_value(st->hostop, k) ? value : DT_I64;
        if (tensor_at(t->v->cs, target)->type != want)
            breach(t->v, t->st, (ExprId){0}, "result %u of '%s' is %s, '%s' is %s", k + 1, hostop_info(st->hostop)->text,
                   dtype_text(want), tensor_name(t->v->cs, target), dtype_text(tensor_at(t->v->cs, target)->type));
    }
}

static void check_statement(Verify *v, StatementId id)
{
    const Statement *st = statement_at(v->cs, id);
    Types t = {v, id};
    if (st->kind == ST_DEFINE)
        check_definition(&t, st);
    if (st->kind == ST_HOST)
        check_host(&t, st);
    if (st->access.i != 0 && expr_at(v->cs, st->access)->kind != EX_ACCESS)
        breach(v, id, st->access, "if and while read a bool tensor");
    else if (st->access.i != 0)
        condition_type(&t, st->access, DT_NONE);
    if (st->trip.i != 0 && !dtype_is_int(tensor_at(v->cs, st->trip)->type))
        breach(v, id, (ExprId){0}, "the trip count '%s' is no integer", tensor_name(v->cs, st->trip));
}

void verify_types(Verify *v)
{
    for (uint32_t i = 1; i < v->cs->ranks.n; i++) {
        const Rank *rank = &v->cs->ranks.at[i];
        if (rank->kind == RANK_SCALAR && !dtype_is_int(tensor_at(v->cs, rank->scalar)->type))
            breach_at(v, rank->place, "the extent of %s is read from '%s', which is no integer", rank_name(v->cs, (RankId){i}),
                      tensor_name(v->cs, rank->scalar));
    }
    for (uint32_t i = 1; i < v->cs->tensors.n; i++) {
        const TensorDecl *tensor = &v->cs->tensors.at[i];
        if (tensor->role == TENSOR_CONST && tensor->data.kind == DATA_INLINE && tensor->data.value.type != tensor->type)
            breach_at(v, tensor->place, "the data of '%s' are %s", tensor_name(v->cs, (TensorId){i}),
                      dtype_text(tensor->data.value.type));
    }
    for (uint32_t i = 0; i < v->order.n; i++)
        check_statement(v, v->order.at[i]);
}
