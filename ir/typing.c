/*
 * ir/typing.c: expressions of the syntax tree become nodes; literals take the type they meet.
 *
 * Keep: a wrongly typed expression is built all the same, with the first operand's type; the verifier reports it.
 */
#include "ir/print.h"
#include "ir/resolve.h"

#include <string.h>

static Dtype natural_type(Resolve *r, SynExpr *e);

/* ---- types without literals ---- */

static Fn called_fn(const Resolve *r, const SynExpr *e)
{
    if (e->kind == SYN_OP)
        return e->fn;
    const char *text = cx_text(r->p->cx, e->name.name);
    return fn_named(text, strlen(text));
}

static Dtype cast_type(const Resolve *r, const SynExpr *e)
{
    const char *text = cx_text(r->p->cx, e->name.name);
    return dtype_from_text(text, strlen(text));
}

static AccessPart part_of(const Resolve *r, const SynExpr *e)
{
    static const char *const parts[] = {[PART_Q] = "q", [PART_SCALE] = "scale", [PART_ZERO] = "zero"};
    for (unsigned i = PART_Q; e->words.n == 1 && i <= PART_ZERO; i++)
        if (strcmp(parts[i], cx_text(r->p->cx, e->words.at[0].name)) == 0)
            return (AccessPart)i;
    return PART_VALUE;
}

static Dtype access_type(const Resolve *r, const SynExpr *e)
{
    Symbol symbol = r->symbols[e->name.name.i];
    if (symbol.kind != SYMBOL_TENSOR)
        return DT_NONE;
    AccessPart part = part_of(r, e);
    if (part == PART_Q || part == PART_ZERO)
        return DT_I32;
    return part == PART_SCALE ? DT_F32 : tensor_at(r->cs, (TensorId){symbol.id})->type;
}

static Dtype first_type(Resolve *r, const SynExpr *e, uint32_t from)
{
    for (uint32_t k = from; k < e->args.n; k++) {
        Dtype type = natural_type(r, e->args.at[k]);
        if (type != DT_NONE)
            return type;
    }
    return DT_NONE;
}

static Dtype call_natural(Resolve *r, const SynExpr *e)
{
    Fn fn = called_fn(r, e);
    if (fn == FN_NONE)
        return cast_type(r, e);
    switch (fn_info(fn)->rule) {
    case RULE_COMPARE:
    case RULE_LOGIC:
        return DT_BOOL;
    case RULE_REQUANT:
        return DT_F64;
    case RULE_SELECT:
        return first_type(r, e, 1);
    case RULE_ARITH:
    case RULE_FLOAT:
    case RULE_INT:
    case RULE_INDEX:
        break;
    }
    return first_type(r, e, 0);
}

static Dtype natural_type(Resolve *r, SynExpr *e)
{
    if (e->typed)
        return e->natural;
    e->typed = true;
    switch (e->kind) {
    case SYN_NUMBER:
        e->natural = e->number.kind == NUMBER_TRUE || e->number.kind == NUMBER_FALSE ? DT_BOOL : DT_NONE;
        break;
    case SYN_NAME:
    case SYN_INDEX:
    case SYN_EXTENT:
    case SYN_COUNT:
        e->natural = DT_I64;
        break;
    case SYN_ACCESS:
        e->natural = access_type(r, e);
        break;
    case SYN_CALL:
    case SYN_OP:
        e->natural = call_natural(r, e);
        break;
    }
    return e->natural;
}

/* What literals alone are. */
static Dtype literal_default(const SynExpr *e)
{
    if (e->kind == SYN_NUMBER)
        return e->number.kind == NUMBER_INT ? DT_I64 : DT_F32;
    Dtype type = DT_I64;
    for (uint32_t k = 0; k < e->args.n; k++)
        if (literal_default(e->args.at[k]) == DT_F32)
            type = DT_F32;
    return type;
}

/* ---- nodes ---- */

static void set_place(Resolve *r, ExprId id, SynAt at)
{
    Expr *node = &r->cs->exprs.at[id.i];
    node->line = at.line;
    node->column = at.column;
    node->end_column = at.end_column;
}

static ExprId push(Resolve *r, const SynExpr *e, Expr node, uint32_t n, const ExprId *args)
{
    ExprId id = ex_push(r->cs, node, n, args);
    set_place(r, id, e->at);
    return id;
}

static ExprId nothing(Resolve *r, const SynExpr *e)
{
    return push(r, e, (Expr){.kind = EX_LITERAL, .type = DT_I64}, 0, NULL);
}

static ExprId rank_node(Resolve *r, const SynExpr *e, ExprKind kind)
{
    RankId rank = resolve_rank(r, e->name);
    return push(r, e, (Expr){.kind = kind, .type = DT_I64, .rank = rank}, 0, NULL);
}

static bool access_part(Resolve *r, const SynExpr *e, AccessPart *out_part)
{
    *out_part = part_of(r, e);
    if (e->words.n == 0 || *out_part != PART_VALUE)
        return true;
    unknown_name(r, e->words.at[0], "part (q, scale, zero)", NULL);
    return false;
}

static ExprId access_node(Resolve *r, SynExpr *e)
{
    Expr node = {.kind = EX_ACCESS, .type = access_type(r, e), .tensor = resolve_tensor(r, e->name)};
    ExprId index[TENSOR_MAX_DIMS];
    if (e->args.n > TENSOR_MAX_DIMS) {
        invariant_error(r, e->at, 2, "an index list of %u entries; %d are allowed", e->args.n, TENSOR_MAX_DIMS);
        return nothing(r, e);
    }
    if (!access_part(r, e, &node.part))
        return nothing(r, e);
    for (uint32_t k = 0; k < e->args.n; k++)
        index[k] = resolve_expr(r, e->args.at[k], AS_INDEX, DT_I64, DT_NONE);
    if (e->pad != NULL && e->pad->kind == SYN_NUMBER) {
        node.pad = PAD_LITERAL;
        node.pad_literal = resolve_literal(r, e->pad->at, e->pad->number, node.type == DT_NONE ? DT_F32 : node.type);
    } else if (e->pad != NULL) {
        node.pad = PAD_TENSOR;
        node.pad_tensor = resolve_tensor(r, e->pad->name);
    }
    return push(r, e, node, e->args.n, index);
}

static ExprId cast_node(Resolve *r, SynExpr *e, Dtype type)
{
    static const char *const modes[] = {
        [CAST_SAT] = "sat", [CAST_BITS] = "bits", [CAST_UP] = "up", [CAST_DOWN] = "down"};
    Expr node = {.kind = EX_CAST, .type = type};
    for (unsigned m = CAST_SAT; e->words.n == 1 && m <= CAST_DOWN; m++)
        if (strcmp(modes[m], cx_text(r->p->cx, e->words.at[0].name)) == 0)
            node.cast = (CastMode)m;
    if (e->words.n != 0 && node.cast == CAST_PLAIN)
        unknown_name(r, e->words.at[e->words.n - 1], "cast modifier (sat, bits, up, down)", NULL);
    if (e->args.n != 1) {
        parse_error(r->p, e->at, E_SYNTAX, "a cast takes one argument");
        return nothing(r, e);
    }
    Dtype want = cast_literal_type(type, node.cast, literal_default(e->args.at[0]) != DT_I64);
    ExprId arg = resolve_expr(r, e->args.at[0], AS_VALUE, want, DT_NONE);
    return push(r, e, node, 1, &arg);
}

static ExprId unknown_call(Resolve *r, const SynExpr *e)
{
    const char *text = cx_text(r->p->cx, e->name.name);
    if (reduction_named(text, strlen(text)) != RED_NONE) {
        parse_error(r->p, e->name.at, E_SYNTAX, "'%s' is a reduction: %s[ranks] stands first in its statement", text, text);
        return nothing(r, e);
    }
    Nearest nearest = nearest_to(text, strlen(text));
    for (int fn = 1; fn < FN_COUNT; fn++)
        if (fn_info((Fn)fn)->precedence == 0)
            nearest_offer(&nearest, fn_info((Fn)fn)->text);
    for (int type = 1; type < DT_COUNT; type++)
        nearest_offer(&nearest, dtype_text((Dtype)type));
    unknown_name(r, e->name, "function", nearest.best);
    return nothing(r, e);
}

typedef struct Operands {
    ExprPlace place[4];
    Dtype want[4];
    Dtype result;
    Dtype accumulator;
} Operands;

/* Where each operand of a function stands and what its literals become. */
static Operands operands_of(Resolve *r, SynExpr *e, Fn fn, ExprPlace place, Dtype want, Dtype accumulator)
{
    FnRule rule = fn_info(fn)->rule;
    Operands o = {.accumulator = accumulator};
    Dtype met = rule == RULE_COMPARE ? first_type(r, e, 0) : natural_type(r, e);
    if (place != AS_VALUE)
        met = rule == RULE_LOGIC ? DT_BOOL : DT_I64;
    else if (accumulator != DT_NONE && rule != RULE_LOGIC)
        met = accumulator;
    else if (met == DT_NONE)
        met = want != DT_NONE && rule != RULE_COMPARE ? want : literal_default(e);
    for (int k = 0; k < 4; k++) {
        o.place[k] = place == AS_VALUE ? AS_VALUE : rule == RULE_LOGIC ? AS_CONDITION : AS_INDEX;
        o.want[k] = rule == RULE_REQUANT ? (k == 0 ? DT_I32 : DT_F32) : met;
    }
    if (rule == RULE_SELECT) {
        o.place[0] = place == AS_VALUE ? AS_VALUE : AS_CONDITION;
        o.want[0] = DT_BOOL;
    }
    o.result = rule == RULE_COMPARE || rule == RULE_LOGIC ? DT_BOOL : rule == RULE_REQUANT ? DT_F64 : met;
    return o;
}

static ExprId call_node(Resolve *r, SynExpr *e, ExprPlace place, Dtype want, Dtype accumulator)
{
    Fn fn = called_fn(r, e);
    if (fn == FN_NONE) {
        Dtype type = cast_type(r, e);
        return type == DT_NONE ? unknown_call(r, e) : cast_node(r, e, type);
    }
    const FnInfo *info = fn_info(fn);
    if (e->words.n != 0)
        unknown_name(r, e->words.at[0], "modifier of a function", NULL);
    if (e->args.n != info->arity) {
        parse_error(r->p, e->at, E_SYNTAX, "'%s' takes %u arguments, not %u", info->text, info->arity, e->args.n);
        return nothing(r, e);
    }
    Operands o = operands_of(r, e, fn, place, want, accumulator);
    ExprId args[4];
    for (uint32_t k = 0; k < e->args.n; k++)
        args[k] = resolve_expr(r, e->args.at[k], o.place[k], o.want[k], accumulator);
    return push(r, e, (Expr){.kind = EX_CALL, .type = o.result, .fn = fn}, e->args.n, args);
}

static ExprId number_node(Resolve *r, SynExpr *e, ExprPlace place, Dtype want, Dtype accumulator)
{
    if (place != AS_VALUE)
        want = DT_I64;
    else if (accumulator != DT_NONE)
        want = accumulator;
    else if (want == DT_NONE)
        want = literal_default(e);
    return resolve_literal(r, e->at, e->number, want);
}

ExprId resolve_expr(Resolve *r, SynExpr *e, ExprPlace place, Dtype want, Dtype accumulator)
{
    if (e == NULL)
        return (ExprId){0};
    switch (e->kind) {
    case SYN_NUMBER:
        return number_node(r, e, place, want, accumulator);
    case SYN_NAME:
        return rank_node(r, e, EX_RANK);
    case SYN_INDEX:
        return rank_node(r, e, EX_INDEX);
    case SYN_EXTENT:
        return rank_node(r, e, EX_EXTENT);
    case SYN_COUNT:
        return rank_node(r, e, EX_COUNT);
    case SYN_ACCESS:
        return access_node(r, e);
    case SYN_CALL:
    case SYN_OP:
        break;
    }
    return call_node(r, e, place, want, accumulator);
}
