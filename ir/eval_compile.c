/*
 * ir/eval_compile.c: expressions to instructions.
 *
 * In:   a statement. Out: its plan: sections `from`, condition, body in this order, each after what it reads.
 * Keep: an instruction stands for one node in one wanted type, so shared nodes are computed once.
 */
#include <string.h>

#include "ir/eval_plan.h"

typedef struct Compiler {
    Eval *ev;
    Plan *plan;
} Compiler;

/* Index expressions and conditions are computed in i64; the body of a reduction in its accumulator's type; else each
 * node in its own. */
typedef struct Mode {
    bool index;
    Dtype want; /* DT_NONE: the node's own */
} Mode;

static uint32_t compile(Compiler *c, ExprId e, Mode mode);

static uint32_t push(Compiler *c, Instr instr, ExprId e, Mode mode)
{
    instr.expr = e;
    instr.want = mode.want;
    instr.index = mode.index;
    vec_push(&c->ev->plan_arena, &c->plan->instrs, instr);
    return c->plan->instrs.n - 1;
}

static Dtype type_of(const Compiler *c, uint32_t instr)
{
    return c->plan->instrs.at[instr].type;
}

static uint32_t converted(Compiler *c, uint32_t instr, Mode mode)
{
    Dtype from = type_of(c, instr);
    Dtype to = mode.index ? DT_I64 : mode.want;
    if (to == DT_NONE || from == to || from == DT_BOOL)
        return instr;
    Instr cast = {.op = OP_CAST, .type = to, .from = from, .n_args = 1, .arg = {instr}};
    return push(c, cast, (ExprId){0}, mode);
}

/* ---- accesses ---- */

static void affine_index(Compiler *c, const Affine *affine, AffineIndex *out)
{
    out->constant = affine->constant;
    out->n = affine->n;
    out->rank = arena_copy(&c->ev->plan_arena, affine->rank, affine->n * sizeof *affine->rank);
    out->coefficient = arena_copy(&c->ev->plan_arena, affine->coefficient, affine->n * sizeof *affine->coefficient);
}

/* True and forms filled if every index is affine. */
static bool all_affine(Compiler *c, uint32_t n, const ExprId *index, AccessPlan *access)
{
    access->affine = ARENA_ARRAY(&c->ev->plan_arena, AffineIndex, n);
    for (uint32_t d = 0; d < n; d++) {
        Affine affine;
        if (!expr_affine(c->ev->cs, index[d], &affine))
            return false;
        affine_index(c, &affine, &access->affine[d]);
    }
    return true;
}

static Dtype part_type(const Compiler *c, const Expr *x)
{
    switch (x->part) {
    case PART_Q:
    case PART_ZERO:
        return DT_I32;
    case PART_SCALE:
        return DT_F32;
    case PART_VALUE:
        break;
    }
    return tensor_at(c->ev->cs, x->tensor)->type;
}

static uint32_t compile_access(Compiler *c, ExprId e, Dtype to, Mode mode)
{
    Cascade *cs = c->ev->cs;
    const Expr x = *expr_at(cs, e);
    AccessPlan access = {.expr = e, .tensor = x.tensor, .part = x.part, .n_dims = x.n_args};
    access.to = to == DT_NONE ? part_type(c, &x) : to;
    ExprId index[TENSOR_MAX_DIMS] = {{0}};
    for (uint32_t d = 0; d < x.n_args; d++)
        index[d] = expr_arg(cs, e, d);
    Instr instr = {.op = OP_LOAD, .type = access.to};
    if (!all_affine(c, x.n_args, index, &access)) {
        instr.op = OP_GATHER;
        access.index = ARENA_ARRAY(&c->ev->plan_arena, uint32_t, x.n_args);
        for (uint32_t d = 0; d < x.n_args; d++)
            access.index[d] = compile(c, index[d], (Mode){.index = true});
    }
    instr.access = c->plan->access.n;
    vec_push(&c->ev->plan_arena, &c->plan->access, access);
    return push(c, instr, e, mode);
}

/* ---- nodes ---- */

static uint32_t compile_literal(Compiler *c, ExprId e, const Expr *x, Mode mode)
{
    Instr instr = {.op = OP_CONST, .type = mode.index && x->type != DT_BOOL ? DT_I64 : x->type, .f = x->f, .i = x->i};
    return push(c, instr, e, mode);
}

static bool makes_nan(const Instr *instr)
{
    if (instr->op != OP_CALL || dtype_kind(instr->type) != DK_FLOAT)
        return false;
    return instr->fn != FN_SELECT && instr->fn != FN_NEG && instr->fn != FN_ABS;
}

/* A computed value that is moved on: its NaN is the canonical one. */
static uint32_t canonical(Compiler *c, uint32_t value)
{
    const Instr *instr = &c->plan->instrs.at[value];
    if (c->ev->system == EVAL_REAL || !makes_nan(instr))
        return value;
    Instr canon = {.op = OP_CANON, .type = instr->type, .from = instr->type, .n_args = 1, .arg = {value}};
    return push(c, canon, (ExprId){0}, (Mode){0});
}

static uint32_t compile_cast(Compiler *c, ExprId e, const Expr *x, Mode mode)
{
    ExprId arg = expr_arg(c->ev->cs, e, 0);
    const Expr *inner = expr_at(c->ev->cs, arg);
    if (inner->kind == EX_ACCESS && x->cast == CAST_PLAIN && !mode.index)
        return compile_access(c, arg, x->type, mode);
    uint32_t value = compile(c, arg, (Mode){0});
    if (x->cast == CAST_BITS)
        value = canonical(c, value);
    Instr instr = {.op = OP_CAST, .type = x->type, .from = type_of(c, value), .cast = x->cast, .n_args = 1,
                   .arg = {value}};
    return push(c, instr, e, mode);
}

static uint32_t compile_call(Compiler *c, ExprId e, const Expr *x, Mode mode)
{
    Cascade *cs = c->ev->cs;
    FnRule rule = fn_info(x->fn)->rule;
    Instr instr = {.op = OP_CALL, .fn = x->fn, .n_args = x->n_args};
    bool moves = x->fn == FN_SELECT || x->fn == FN_NEG || x->fn == FN_ABS;
    for (uint32_t k = 0; k < x->n_args; k++) {
        Mode inner = mode;
        if (rule == RULE_LOGIC || (x->fn == FN_SELECT && k == 0))
            inner.want = DT_NONE;
        if (rule == RULE_REQUANT)
            inner = (Mode){.want = k == 0 ? DT_I32 : DT_F32};
        instr.arg[k] = compile(c, expr_arg(cs, e, k), inner);
        if (moves)
            instr.arg[k] = canonical(c, instr.arg[k]);
    }
    instr.from = type_of(c, instr.arg[x->n_args - 1]);
    bool boolean = rule == RULE_COMPARE || rule == RULE_LOGIC;
    instr.type = boolean ? DT_BOOL : rule == RULE_REQUANT ? DT_F64 : instr.from;
    return push(c, instr, e, mode);
}

static uint32_t compile_scalar(Compiler *c, ExprId e, const Expr *x, Mode mode)
{
    bool coordinate = x->kind == EX_RANK || x->kind == EX_INDEX;
    bool fixed = !coordinate || rank_at(c->ev->cs, x->rank)->kind == RANK_ITERATIVE;
    Instr instr = {.op = fixed ? OP_EXTENT : OP_COORD, .type = DT_I64, .rank = x->rank,
                   .scalar = coordinate ? EX_RANK : x->kind};
    if (!fixed)
        c->plan->needs_coords = true;
    return push(c, instr, e, mode);
}

static uint32_t compile(Compiler *c, ExprId e, Mode mode)
{
    for (uint32_t i = 0; i < c->plan->instrs.n; i++) {
        const Instr *known = &c->plan->instrs.at[i];
        if (known->expr.i == e.i && e.i != 0 && known->want == mode.want && known->index == mode.index)
            return converted(c, i, mode);
    }
    const Expr x = *expr_at(c->ev->cs, e);
    uint32_t value = 0;
    switch (x.kind) {
    case EX_LITERAL:
        value = compile_literal(c, e, &x, mode);
        break;
    case EX_RANK:
    case EX_INDEX:
    case EX_EXTENT:
    case EX_COUNT:
        value = compile_scalar(c, e, &x, mode);
        break;
    case EX_ACCESS: {
        Dtype own = part_type(c, &x);
        Dtype to = mode.index ? DT_I64 : mode.want;
        value = compile_access(c, e, own == DT_BOOL ? DT_NONE : to, mode);
        break;
    }
    case EX_CAST:
        value = compile_cast(c, e, &x, mode);
        break;
    case EX_CALL:
        value = compile_call(c, e, &x, mode);
        break;
    case EX_NONE:
        weir_bug(c->ev->cx, "an expression is missing");
    }
    return converted(c, value, mode);
}

/* A root: what is stored or accumulated, of type `to` (bool may become a number). */
static uint32_t compile_root(Compiler *c, ExprId e, Mode mode, Dtype to)
{
    uint32_t value = canonical(c, compile(c, e, mode));
    Dtype from = type_of(c, value);
    if (to == DT_NONE || from == to)
        return value;
    Instr cast = {.op = OP_CAST, .type = to, .from = from, .n_args = 1, .arg = {value}};
    return push(c, cast, (ExprId){0}, (Mode){0});
}

/* ---- conditions as inequalities ---- */

typedef struct Tests {
    VEC(Inequality) list;
} Tests;

/* more - less + offset >= 0 */
static bool add_inequality(Compiler *c, Tests *tests, ExprId more, ExprId less, int64_t offset)
{
    Affine a, b;
    if (!expr_affine(c->ev->cs, more, &a) || !expr_affine(c->ev->cs, less, &b) || a.n + b.n > CASCADE_MAX_RANKS)
        return false;
    a.constant += offset - b.constant;
    for (uint32_t i = 0; i < b.n; i++) {
        a.rank[a.n] = b.rank[i];
        a.coefficient[a.n++] = -b.coefficient[i];
    }
    Inequality test = {0};
    affine_index(c, &a, &test.form);
    vec_push(&c->ev->plan_arena, &tests->list, test);
    return true;
}

static bool add_tests(Compiler *c, Tests *tests, ExprId e)
{
    const Expr *x = expr_at(c->ev->cs, e);
    if (x->kind != EX_CALL || x->n_args != 2)
        return false;
    ExprId a = expr_arg(c->ev->cs, e, 0), b = expr_arg(c->ev->cs, e, 1);
    switch (x->fn) {
    case FN_AND:
        return add_tests(c, tests, a) && add_tests(c, tests, b);
    case FN_LT:
        return add_inequality(c, tests, b, a, -1);
    case FN_LE:
        return add_inequality(c, tests, b, a, 0);
    case FN_GT:
        return add_inequality(c, tests, a, b, -1);
    case FN_GE:
        return add_inequality(c, tests, a, b, 0);
    case FN_EQ:
        return add_inequality(c, tests, a, b, 0) && add_inequality(c, tests, b, a, 0);
    default:
        return false;
    }
}

static void compile_condition(Compiler *c, ExprId condition)
{
    if (condition.i == 0)
        return;
    c->plan->condition = compile(c, condition, (Mode){.index = true});
    c->plan->needs_coords = true;
    Tests tests = {0};
    if (add_tests(c, &tests, condition)) {
        c->plan->n_tests = tests.list.n;
        c->plan->tests = tests.list.at;
    }
}

/* ---- plans ---- */

static Plan **plan_slot(Eval *ev, uint32_t key)
{
    if (ev->n_plans * 2 >= ev->n_plan_slots) {
        uint32_t n = ev->n_plan_slots == 0 ? 32 : ev->n_plan_slots * 2;
        Plan **slots = ARENA_ARRAY(&ev->plan_arena, Plan *, n);
        for (uint32_t i = 0; i < ev->n_plan_slots; i++) {
            if (ev->plans[i] == NULL)
                continue;
            uint32_t at = ev->plans[i]->id.i * UINT32_C(2654435761) & (n - 1);
            while (slots[at] != NULL)
                at = (at + 1) & (n - 1);
            slots[at] = ev->plans[i];
        }
        ev->plans = slots;
        ev->n_plan_slots = n;
    }
    uint32_t at = key * UINT32_C(2654435761) & (ev->n_plan_slots - 1);
    while (ev->plans[at] != NULL && ev->plans[at]->id.i != key)
        at = (at + 1) & (ev->n_plan_slots - 1);
    return &ev->plans[at];
}

static Plan *plan_new(Eval *ev, uint32_t key, StatementId id)
{
    Plan *plan = ARENA_NEW(&ev->plan_arena, Plan);
    plan->id.i = key;
    plan->st = statement_at(ev->cs, id);
    *plan_slot(ev, key) = plan;
    ev->n_plans++;
    return plan;
}

static void add_kept(Plan *plan, const Cascade *cs, const AffineIndex *index)
{
    for (uint32_t i = 0; i < index->n; i++)
        if (rank_at(cs, index->rank[i])->kind != RANK_ITERATIVE && plan->n_kept < CASCADE_MAX_RANKS)
            plan->kept[plan->n_kept++] = index->rank[i];
}

static void compile_target(Compiler *c, const Target *target)
{
    AccessPlan access = {.tensor = target->tensor, .n_dims = target->n_index,
                         .to = tensor_at(c->ev->cs, target->tensor)->type};
    if (!all_affine(c, target->n_index, target->index, &access))
        weir_bug(c->ev->cx, "a target index is not affine");
    for (uint32_t d = 0; d < target->n_index; d++)
        add_kept(c->plan, c->ev->cs, &access.affine[d]);
    c->plan->target = c->plan->access.n;
    vec_push(&c->ev->plan_arena, &c->plan->access, access);
}

static bool is_product(const Plan *plan)
{
    const Instr *body = &plan->instrs.at[plan->body];
    return body->op == OP_CALL && body->fn == FN_MUL;
}

static uint32_t unwrapped(const Plan *plan, uint32_t value)
{
    while (plan->instrs.at[value].op == OP_CANON)
        value = plan->instrs.at[value].arg[0];
    return value;
}

Plan *plan_define(Eval *ev, StatementId id)
{
    Plan *known = *plan_slot(ev, id.i);
    if (known != NULL)
        return known;
    Plan *plan = plan_new(ev, id.i, id);
    const Statement *st = plan->st;
    Compiler c = {ev, plan};
    Dtype target = tensor_at(ev->cs, st->targets[0].tensor)->type;
    bool reduces = st->reduction != RED_NONE;
    Mode mode = {.want = reduces ? st->accumulator : DT_NONE};
    push(&c, (Instr){.op = OP_CONST, .type = DT_I64}, (ExprId){0}, (Mode){0}); /* 0: none */
    if (st->from.i != 0)
        plan->from = compile_root(&c, st->from, (Mode){0}, st->accumulator == DT_NONE ? target : st->accumulator);
    plan->from_end = plan->instrs.n;
    compile_condition(&c, st->condition);
    plan->condition_end = plan->instrs.n;
    bool arg = reduces && reduction_info(st->reduction)->arg;
    plan->body = compile_root(&c, st->body, mode, reduces ? (arg ? DT_NONE : st->accumulator) : target);
    if (reduces)
        plan->body = unwrapped(plan, plan->body);
    plan->body_end = plan->instrs.n;
    plan->acc = type_of(&c, plan->body);
    plan->product = is_product(plan);
    compile_target(&c, &st->targets[0]);
    for (uint32_t k = 0; reduces && k < st->n_reduced; k++)
        plan->reduced[plan->n_reduced++] = st->reduced[k];
    return plan;
}

static const uint32_t scatter_bit = UINT32_C(1) << 31;

Plan *plan_scatter(Eval *ev, StatementId id)
{
    Plan *known = *plan_slot(ev, id.i | scatter_bit);
    if (known != NULL)
        return known;
    Plan *plan = plan_new(ev, id.i | scatter_bit, id);
    const Statement *st = plan->st;
    Compiler c = {ev, plan};
    push(&c, (Instr){.op = OP_CONST, .type = DT_I64}, (ExprId){0}, (Mode){0});
    compile_condition(&c, st->scatter_condition);
    plan->condition_end = plan->instrs.n;
    plan->body = compile_root(&c, st->scatter_value, (Mode){0}, tensor_at(ev->cs, st->targets[0].tensor)->type);
    plan->acc = type_of(&c, plan->body);
    plan->index = ARENA_ARRAY(&ev->plan_arena, uint32_t, st->n_scatter);
    for (uint32_t d = 0; d < st->n_scatter; d++)
        plan->index[d] = compile(&c, st->scatter_index[d], (Mode){.index = true});
    plan->body_end = plan->instrs.n;
    plan->n_kept = scatter_ranks(ev->cs, st, plan->kept, CASCADE_MAX_RANKS);
    plan->target = UINT32_MAX;
    return plan;
}

Plan *plan_value(Eval *ev, StatementId id)
{
    Plan *known = *plan_slot(ev, id.i);
    if (known != NULL)
        return known;
    Plan *plan = plan_new(ev, id.i, id);
    Compiler c = {ev, plan};
    push(&c, (Instr){.op = OP_CONST, .type = DT_I64}, (ExprId){0}, (Mode){0});
    plan->body = compile(&c, plan->st->access, (Mode){0});
    plan->body_end = plan->instrs.n;
    plan->acc = type_of(&c, plan->body);
    plan->target = UINT32_MAX;
    return plan;
}
