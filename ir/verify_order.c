/*
 * ir/verify_order.c: the order of definitions and reads: invariants 1 (its second half), 8 and 11.
 */
#include "ir/bounds.h"
#include "ir/verify.h"

/* ---- 1: before every use ---- */

static bool defined_here(const Verify *v, StatementId st, TensorId tensor)
{
    for (uint32_t t = 0; t < statement_at(v->cs, st)->n_targets; t++)
        if (statement_at(v->cs, st)->targets[t].tensor.i == tensor.i)
            return true;
    return false;
}

/* Whether definition and read stand in the region of an iterative rank that the definition writes along: then
 * generations decide (invariant 8). */
static bool by_generation(const Verify *v, const Definition *d, StatementId read)
{
    for (uint32_t dim = 0; dim < definition_target(v, d)->n_index; dim++) {
        Affine a;
        if (!expr_affine(v->cs, definition_target(v, d)->index[dim], &a) || a.n != 1)
            continue;
        const Rank *rank = rank_at(v->cs, a.rank[0]);
        if (rank->kind == RANK_ITERATIVE && (stands_in(v, read, rank->region) || read.i == rank->region.i))
            return true;
    }
    return false;
}

/* A `while` reads before anything in its region runs, what the region gives for generation 0 included. */
static bool while_reads_own(const Verify *v, const Definition *d, StatementId read)
{
    return statement_at(v->cs, read)->kind == ST_ITERATE && stands_in(v, d->statement, read);
}

static void check_read(Verify *v, StatementId st, TensorId tensor, ExprId access)
{
    const TensorDecl *decl = tensor_at(v->cs, tensor);
    const char *name = tensor_name(v->cs, tensor);
    if (decl->role != TENSOR_TMP)
        return;
    const Definition *d = first_definition(v, tensor);
    if (d == NULL) {
        breach(v, st, access, "'%s' is read and never defined", name);
        return;
    }
    if (!stands_in_block(v, st, tensor_scope(v, tensor))) {
        int own = v->invariant;
        v->invariant = 9;
        breach(v, st, access, "'%s' is local to the region that defines it", name);
        v->invariant = own;
        return;
    }
    for (; d != NULL; d = next_definition(v, d)) {
        if (v->position[d->statement.i] < v->position[st.i] && d->statement.i != st.i)
            continue;
        if (by_generation(v, d, st) || while_reads_own(v, d, st) || in_other_arms(v, d->statement, st))
            continue;
        breach(v, st, access, "'%s' is read before it is %sdefined", name,
               d == first_definition(v, tensor) ? "" : "completely ");
        return;
    }
}

void verify_order(Verify *v)
{
    for (uint32_t i = 0; i < v->order.n; i++)
        statement_reads(v, v->order.at[i], check_read);
}

/* ---- 8: generations ---- */

/* How a tensor lives along one iterative rank. */
typedef struct Carried {
    RankId t;
    StatementId region;
    uint32_t dim;
    bool next; /* written at t + 1, else at t */
} Carried;

static bool carried_along(const Verify *v, TensorId tensor, StatementId region, Carried *out)
{
    *out = (Carried){.t = statement_at(v->cs, region)->rank, .region = region};
    if (!carries(v, tensor, out->t, &out->dim))
        return false;
    for (const Definition *d = first_definition(v, tensor); d != NULL; d = next_definition(v, d))
        out->next = out->next || carried_offset(v, d, out->dim, out->t) > 0;
    return true;
}

/* Definitions inside a region: along t if the tensor outlives a step, at generation 0 (constant), t or t + 1. */
static void check_definition(Verify *v, const Definition *d, StatementId region)
{
    Affine a;
    int64_t constant;
    Carried c;
    const Target *target = definition_target(v, d);
    const char *name = tensor_name(v->cs, target->tensor), *t = rank_name(v->cs, statement_at(v->cs, region)->rank);
    if (!carried_along(v, target->tensor, region, &c)) {
        if (!stands_in_block(v, region, tensor_scope(v, target->tensor)))
            return;
        breach(v, d->statement, (ExprId){0}, "'%s' is declared outside and would be defined again at every %s", name, t);
        return;
    }
    ExprId index = target->index[c.dim];
    const Statement *st = statement_at(v->cs, d->statement);
    if (st->scatter != RED_NONE && !expr_equal(v->cs, st->scatter_index[c.dim], index))
        breach(v, d->statement, st->scatter_index[c.dim], "the scatter into '%s' leaves the generation %s of its target", name,
               expr_text(v, index));
    if (expr_is_int(v->cs, index, &constant) && constant == 0 && c.next)
        return;
    bool along = expr_affine(v->cs, index, &a) && a.n == 1 && rank_same(a.rank[0], c.t) && a.coefficient[0] == 1;
    if (!along || (a.constant != 0 && a.constant != 1))
        breach(v, d->statement, index, "the region of %s writes '%s' at generation %s; 0, %s and %s + 1 are allowed", t, name,
               expr_text(v, index), t, t);
}

static void check_start(Verify *v, TensorId tensor, StatementId region)
{
    Carried c;
    int64_t constant;
    if (!carried_along(v, tensor, region, &c) || !c.next)
        return;
    const Definition *first = NULL;
    for (const Definition *d = first_definition(v, tensor); d != NULL; d = next_definition(v, d)) {
        if (expr_is_int(v->cs, definition_target(v, d)->index[c.dim], &constant) && constant == 0)
            return;
        if (first == NULL && carried_offset(v, d, c.dim, c.t) >= 0)
            first = d;
    }
    if (first != NULL && first->statement.i != 0)
        breach(v, first->statement, (ExprId){0}, "'%s' is carried along %s and has no generation 0", tensor_name(v->cs, tensor),
               rank_name(v->cs, c.t));
}

/* Whether every definition along t, at t + `offset`, stands before the read. */
static bool written_before(const Verify *v, TensorId tensor, const Carried *c, int64_t offset, StatementId read)
{
    for (const Definition *d = first_definition(v, tensor); d != NULL; d = next_definition(v, d)) {
        if (carried_offset(v, d, c->dim, c->t) != offset || in_other_arms(v, d->statement, read))
            continue;
        if (d->statement.i == read.i || v->position[d->statement.i] > v->position[read.i])
            return false;
    }
    return true;
}

static void check_generation(Verify *v, StatementId st, ExprId access, ExprId condition, StatementId region)
{
    Carried c;
    const Expr *e = expr_at(v->cs, access);
    if (!carried_along(v, e->tensor, region, &c) || c.dim >= e->n_args)
        return;
    bool written = written_before(v, e->tensor, &c, c.next ? 1 : 0, st);
    int64_t most = (c.next ? 0 : -1) + (written ? 1 : 0);
    Bounds b;
    bounds_init(&b, v->cs);
    bounds_assume(&b, condition, true);
    ExprId index = expr_arg(v->cs, access, c.dim);
    if (bounds_at_most(&b, index, c.t, most))
        return;
    const char *t = rank_name(v->cs, c.t);
    breach(v, st, access, "'%s' is read at generation %s, which is not proven to be written: %s%s is the last one here",
           tensor_name(v->cs, e->tensor), expr_text(v, index), t, most > 0 ? " + 1" : most < 0 ? " - 1" : "");
}

static void check_generations(Verify *v, StatementId st, ExprId access, ExprId condition)
{
    if (statement_at(v->cs, st)->kind == ST_ITERATE)
        check_generation(v, st, access, condition, st);
    for (StatementId region = v->block[st.i].region; region.i != 0; region = v->block[region.i].region)
        if (statement_at(v->cs, region)->kind == ST_ITERATE)
            check_generation(v, st, access, condition, region);
}

static void check_count(Verify *v, StatementId st, ExprId e)
{
    const Expr *x = expr_at(v->cs, e);
    if (x->kind != EX_COUNT)
        return;
    StatementId region = rank_at(v->cs, x->rank)->region;
    if (v->position[st.i] < v->end[region.i])
        breach(v, st, e, "count(%s) is known after its region only", rank_name(v->cs, x->rank));
}

typedef struct CountVisit {
    Verify *v;
    StatementId st;
} CountVisit;

static void visit_count(void *data, ExprId e)
{
    const CountVisit *c = data;
    check_count(c->v, c->st, e);
}

static void visit_counts(void *data, ExprId root)
{
    const CountVisit *c = data;
    expr_visit(c->v->cs, root, visit_count, data);
}

void verify_generations(Verify *v)
{
    for (uint32_t i = 0; i < v->order.n; i++) {
        StatementId st = v->order.at[i];
        CountVisit counts = {v, st};
        statement_exprs(v->cs, statement_at(v->cs, st), visit_counts, &counts);
        statement_accesses(v, st, check_generations);
        for (StatementId region = v->block[st.i].region; region.i != 0; region = v->block[region.i].region)
            for (uint32_t t = 0; t < statement_at(v->cs, st)->n_targets && statement_at(v->cs, region)->kind == ST_ITERATE; t++)
                check_definition(v, &(Definition){st, t, 0}, region);
    }
    for (uint32_t i = 1; i < v->cs->tensors.n; i++)
        for (const Definition *d = first_definition(v, (TensorId){i}); d != NULL; d = NULL)
            for (StatementId region = v->block[d->statement.i].region; region.i != 0; region = v->block[region.i].region)
                if (statement_at(v->cs, region)->kind == ST_ITERATE)
                    check_start(v, (TensorId){i}, region);
}

/* ---- 11: run-time extents ---- */

typedef struct RankUse {
    Verify *v;
    StatementId st;
} RankUse;

static void check_rank_use(Verify *v, StatementId st, RankId id)
{
    const Rank *rank = rank_at(v->cs, id);
    if (v->mark[id.i] == v->stamp)
        return;
    v->mark[id.i] = v->stamp;
    if (rank->kind == RANK_COUNT) {
        StatementId region = rank_at(v->cs, rank->count_of)->region;
        if (rank_at(v->cs, rank->count_of)->kind != RANK_ITERATIVE || v->position[st.i] < v->end[region.i])
            breach(v, st, (ExprId){0}, "the extent of %s, count(%s), is known after the region only", rank_name(v->cs, id),
                   rank_name(v->cs, rank->count_of));
    }
    if (rank->kind != RANK_SCALAR || tensor_at(v->cs, rank->scalar)->role != TENSOR_TMP || defined_here(v, st, rank->scalar))
        return;
    const Definition *d = first_definition(v, rank->scalar);
    bool known = d != NULL && stands_in_block(v, st, tensor_scope(v, rank->scalar));
    for (; d != NULL; d = next_definition(v, d))
        known = known && (v->position[d->statement.i] < v->position[st.i] || in_other_arms(v, d->statement, st));
    if (!known)
        breach(v, st, (ExprId){0}, "the extent of %s is read from '%s', which is not defined before", rank_name(v->cs, id),
               tensor_name(v->cs, rank->scalar));
}

static void visit_rank(void *data, ExprId e)
{
    const RankUse *use = data;
    const Expr *x = expr_at(use->v->cs, e);
    if (x->kind == EX_RANK || x->kind == EX_INDEX || x->kind == EX_EXTENT)
        check_rank_use(use->v, use->st, x->rank);
}

static void visit_ranks(void *data, ExprId root)
{
    const RankUse *use = data;
    expr_visit(use->v->cs, root, visit_rank, data);
}

void verify_run_time(Verify *v)
{
    for (uint32_t i = 0; i < v->order.n; i++) {
        StatementId id = v->order.at[i];
        const Statement *st = statement_at(v->cs, id);
        RankUse use = {v, id};
        v->stamp++;
        statement_exprs(v->cs, st, visit_ranks, &use);
        for (uint32_t k = 0; k < st->n_reduced; k++)
            check_rank_use(v, id, st->reduced[k]);
        if (st->trip_count_of.i != 0 && v->position[id.i] < v->end[rank_at(v->cs, st->trip_count_of)->region.i])
            breach(v, id, (ExprId){0}, "count(%s) is known after its region only", rank_name(v->cs, st->trip_count_of));
    }
}
