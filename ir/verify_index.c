/*
 * ir/verify_index.c: invariants 6 and 7: what an index is made of, and that it stays inside.
 */
#include "ir/bounds.h"
#include "ir/verify.h"

/* ---- forms ---- */

typedef enum Position { IN_VALUE, IN_INDEX, IN_CONDITION } Position;

typedef struct Forms {
    Verify *v;
    StatementId st;
    void (*check)(struct Forms *f, ExprId id, Position position);
} Forms;

static Position operand_position(const Expr *e, Position position, uint32_t k)
{
    if (e->kind == EX_ACCESS)
        return IN_INDEX;
    if (position == IN_VALUE)
        return IN_VALUE;
    FnRule rule = fn_info(e->fn)->rule;
    bool condition = rule == RULE_LOGIC || (rule == RULE_SELECT && k == 0);
    return condition ? IN_CONDITION : IN_INDEX;
}

static void walk_forms(Forms *f, ExprId id, Position position)
{
    if (id.i == 0)
        return;
    f->check(f, id, position);
    const Expr *e = expr_at(f->v->cs, id);
    for (uint32_t k = 0; k < e->n_args; k++)
        walk_forms(f, expr_arg(f->v->cs, id, k), operand_position(e, position, k));
}

static void walk_statement(Forms *f)
{
    const Statement *st = statement_at(f->v->cs, f->st);
    for (uint32_t t = 0; t < st->n_targets; t++)
        for (uint32_t k = 0; k < st->targets[t].n_index; k++)
            walk_forms(f, st->targets[t].index[k], IN_INDEX);
    walk_forms(f, st->body, IN_VALUE);
    walk_forms(f, st->from, IN_VALUE);
    walk_forms(f, st->condition, IN_CONDITION);
    walk_forms(f, st->access, IN_VALUE);
    for (uint32_t k = 0; k < st->n_scatter; k++)
        walk_forms(f, st->scatter_index[k], IN_INDEX);
    walk_forms(f, st->scatter_condition, IN_CONDITION);
    walk_forms(f, st->scatter_value, IN_VALUE);
}

static void walk_all(Verify *v, void (*check)(Forms *, ExprId, Position))
{
    for (uint32_t i = 0; i < v->order.n; i++) {
        Forms f = {v, v->order.at[i], check};
        walk_statement(&f);
    }
}

static bool index_function(Fn fn)
{
    static const Fn fns[] = {FN_ADD, FN_SUB, FN_MUL, FN_DIV, FN_MOD, FN_NEG, FN_MIN, FN_MAX, FN_SELECT};
    for (size_t i = 0; i < sizeof fns / sizeof *fns; i++)
        if (fns[i] == fn)
            return true;
    return false;
}

static const char *index_fault(const Cascade *cs, const Expr *e)
{
    switch (e->kind) {
    case EX_RANK:
    case EX_EXTENT:
    case EX_COUNT:
        return NULL;
    case EX_LITERAL:
        return e->decimal ? "a decimal in an index" : dtype_is_int(e->type) ? NULL : "a bool in an index";
    case EX_INDEX:
        return "index(..) is for values: in an index write the rank itself";
    case EX_ACCESS:
        return dtype_is_int(e->part == PART_VALUE ? tensor_at(cs, e->tensor)->type : e->type)
                   ? NULL
                   : "an index is read from a tensor that is no integer";
    case EX_CALL:
        return index_function(e->fn) ? NULL : "the function is not for indices";
    case EX_CAST:
        return "casts are not for indices: every integer is an i64 there";
    case EX_NONE:
        break;
    }
    return "an index is missing";
}

static const char *condition_fault(const Cascade *cs, const Expr *e)
{
    FnRule rule = e->kind == EX_CALL ? fn_info(e->fn)->rule : RULE_ARITH;
    if (rule == RULE_COMPARE || rule == RULE_LOGIC || (e->kind == EX_LITERAL && e->type == DT_BOOL))
        return NULL;
    if (e->kind == EX_ACCESS && e->part == PART_VALUE && tensor_at(cs, e->tensor)->type == DT_BOOL)
        return NULL;
    return "a condition compares indices, reads bool tensors, and joins these by and, or, not";
}

static void check_form(Forms *f, ExprId id, Position position)
{
    const Expr *e = expr_at(f->v->cs, id);
    const char *fault = NULL;
    if (position == IN_INDEX)
        fault = index_fault(f->v->cs, e);
    else if (position == IN_CONDITION)
        fault = condition_fault(f->v->cs, e);
    else if (e->kind == EX_RANK)
        fault = "a rank is no value: write index(..) for its coordinate";
    if (fault != NULL)
        breach(f->v, f->st, id, "%s: %s", expr_text(f->v, id), fault);
}

/* ---- 7 ---- */

static void check_divisor(Forms *f, ExprId id, Position position)
{
    const Expr *e = expr_at(f->v->cs, id);
    int64_t divisor;
    if (position != IN_INDEX || e->kind != EX_CALL || (e->fn != FN_DIV && e->fn != FN_MOD))
        return;
    if (!expr_is_int(f->v->cs, expr_arg(f->v->cs, id, 1), &divisor) || divisor <= 0)
        breach(f->v, f->st, id, "%s: the divisor in an index is a positive constant", expr_text(f->v, id));
}

void verify_divisors(Verify *v)
{
    walk_all(v, check_divisor);
}

/* ---- 6: bounds ---- */

/* Whether the value of an index is known only when it runs. */
static bool depends_on_data(const Cascade *cs, ExprId id)
{
    const Expr *e = expr_at(cs, id);
    if (e->kind == EX_ACCESS || e->kind == EX_COUNT)
        return true;
    if (e->rank.i != 0 && rank_is_run_time(cs, e->rank))
        return true;
    for (uint32_t k = 0; k < e->n_args; k++)
        if (depends_on_data(cs, expr_arg(cs, id, k)))
            return true;
    return false;
}

static bool dim_is_run_time(const Cascade *cs, const Expr *access, uint32_t dim)
{
    const TensorDecl *tensor = tensor_at(cs, access->tensor);
    return dim < tensor->n_dims && rank_is_run_time(cs, tensor->dims[dim].rank);
}

/* The plain case, without the prover. */
static bool plainly_inside(const Cascade *cs, ExprId index, int64_t extent)
{
    const Expr *e = expr_at(cs, index);
    if (e->kind == EX_RANK)
        return rank_at(cs, e->rank)->extent <= extent;
    return e->kind == EX_LITERAL && e->i >= 0 && e->i < extent;
}

static void check_dim(Verify *v, StatementId st, ExprId id, uint32_t dim, ExprId condition)
{
    const Cascade *cs = v->cs;
    const Expr *e = expr_at(cs, id);
    ExprId index = expr_arg(cs, id, dim);
    int64_t extent = access_extent(cs, e, dim), low, high;
    if (plainly_inside(cs, index, extent) || dim_is_run_time(cs, e, dim) || depends_on_data(cs, index))
        return;
    Bounds b;
    bounds_init(&b, cs);
    bounds_assume(&b, condition, true);
    if (bounds_within(&b, index, 0, extent - 1))
        return;
    const char *range = "";
    if (bounds_interval(&b, index, &low, &high))
        range = arena_printf(&v->cx->arena, " (%lld..%lld)", (long long)low, (long long)high);
    breach(v, st, index, "index %u of '%s', %s%s, is not proven to stay in 0..%lld", dim + 1, tensor_name(cs, e->tensor),
           expr_text(v, index), range, (long long)extent - 1);
    diag_note(&v->cx->diag, "write %s[..]?v to read v outside, or a condition that leaves those points out",
              tensor_name(cs, e->tensor));
}

/* Without points nothing is read. */
static bool empty_space(Verify *v, StatementId id)
{
    const Statement *st = statement_at(v->cs, id);
    RankId ranks[CASCADE_MAX_RANKS];
    uint32_t n = target_ranks(v->cs, st, ranks, CASCADE_MAX_RANKS);
    for (uint32_t k = 0; k < n; k++)
        if (rank_at(v->cs, ranks[k])->extent == 0)
            return true;
    return false;
}

static void check_bounds(Verify *v, StatementId st, ExprId id, ExprId condition)
{
    const Expr *e = expr_at(v->cs, id);
    for (uint32_t k = 0; k < e->n_args && e->pad == PAD_NONE; k++)
        check_dim(v, st, id, k, condition);
}

void verify_indices(Verify *v)
{
    walk_all(v, check_form);
    if (v->breaches != 0)
        return;
    for (uint32_t i = 0; i < v->order.n; i++)
        if (!empty_space(v, v->order.at[i]))
            statement_accesses(v, v->order.at[i], check_bounds);
}
