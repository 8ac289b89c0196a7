/*
 * passes/onesweep_cone.c: which statements take part in the sweep of a maximum.
 *
 * Forward over the list: statements that depend on the maximum are values along the fibre, sums over it, or wait
 * until it is complete. A value along the fibre that anybody outside needs is barred, and the walk is repeated
 * without it. Backward: producers that only the sweep reads, and that are as big as the scores, move inside.
 */
#include "passes/onesweep.h"

typedef struct Reads {
    const Cascade *cs;
    void (*visit)(void *, ExprId);
    void *data;
} Reads;

static void visit_access(void *data, ExprId e)
{
    Reads *r = data;
    if (expr_at(r->cs, e)->kind == EX_ACCESS)
        r->visit(r->data, e);
}

static void visit_root(void *data, ExprId root)
{
    expr_visit(((Reads *)data)->cs, root, visit_access, data);
}

void sweep_visit_reads(const Cascade *cs, const Statement *st, void (*visit)(void *, ExprId), void *data)
{
    Reads r = {cs, visit, data};
    statement_exprs(cs, st, visit_root, &r);
}

bool sweep_plain_target(const Cascade *cs, const Statement *st)
{
    const Target *target = &st->targets[0];
    for (uint32_t d = 0; d < target->n_index; d++) {
        const Expr *x = expr_at(cs, target->index[d]);
        if (x->kind != EX_RANK || rank_at(cs, x->rank)->kind == RANK_ITERATIVE)
            return false;
        for (uint32_t e = 0; e < d; e++)
            if (expr_uses_rank(cs, target->index[e], x->rank))
                return false;
    }
    return true;
}

/* ---- the fibre of a statement ---- */

typedef struct Along {
    const Sweep *s;
    const Statement *st;
    RankId rank;
    bool conflict;
} Along;

static bool iterates(const Cascade *cs, const Statement *st, RankId rank)
{
    RankId ranks[CASCADE_MAX_RANKS];
    uint32_t n = target_ranks(cs, st, ranks, CASCADE_MAX_RANKS);
    for (uint32_t k = 0; k < n; k++)
        if (rank_same(ranks[k], rank))
            return true;
    return false;
}

static void meet_along(Along *a, RankId rank)
{
    if (!iterates(a->s->cs, a->st, rank))
        return;
    a->conflict = a->conflict || (a->rank.i != 0 && !rank_same(a->rank, rank));
    a->rank = rank;
}

static void along_read(void *data, ExprId e)
{
    Along *a = data;
    const Cascade *cs = a->s->cs;
    const Expr *x = expr_at(cs, e);
    if (x->tensor.i >= a->s->n_tensors || !a->s->tensor[x->tensor.i].carries)
        return;
    const Expr *index = expr_at(cs, expr_arg(cs, e, a->s->tensor[x->tensor.i].along));
    if (index->kind == EX_RANK)
        meet_along(a, index->rank);
}

/* The rank of `st` that runs over the fibre; 0: none, or more than one. */
static RankId along_of(const Sweep *s, const Statement *st)
{
    Along a = {.s = s, .st = st};
    meet_along(&a, s->rank);
    sweep_visit_reads(s->cs, st, along_read, &a);
    return a.conflict ? (RankId){0} : a.rank;
}

/* Tensors that the scores read at the reduced rank carry the fibre. */
static void seed_carriers(void *data, ExprId e)
{
    Sweep *s = data;
    const Expr *x = expr_at(s->cs, e);
    uint32_t found = 0;
    for (uint32_t d = 0; d < x->n_args; d++) {
        const Expr *index = expr_at(s->cs, expr_arg(s->cs, e, d));
        if (index->kind == EX_RANK && rank_same(index->rank, s->rank)) {
            s->tensor[x->tensor.i].along = d;
            found++;
        }
    }
    s->tensor[x->tensor.i].carries = found == 1;
}

/* ---- forward ---- */

typedef struct Depends {
    const Sweep *s;
    bool yes;
} Depends;

static void depends_expr(void *data, ExprId e)
{
    Depends *d = data;
    d->yes = d->yes || sweep_depends(d->s, e);
}

static void depends_item(void *data, StatementId id)
{
    Depends *d = data;
    const Statement *st = statement_at(d->s->cs, id);
    statement_exprs(d->s->cs, st, depends_expr, d);
    const TensorId scalars[2] = {st->trip, st->kind == ST_RANK ? rank_at(d->s->cs, st->rank)->scalar : (TensorId){0}};
    for (uint32_t k = 0; k < st->n_args + 2; k++) {
        TensorId tensor = k < 2 ? scalars[k] : st->args[k - 2].tensor;
        SweepKind kind = tensor.i < d->s->n_tensors ? d->s->tensor[tensor.i].kind : SWEEP_FREE;
        d->yes = d->yes || kind != SWEEP_FREE;
    }
}

static bool item_depends(const Sweep *s, StatementId id)
{
    Depends d = {.s = s};
    const Block one = {1, &id};
    items_visit(s->cs, &one, depends_item, &d);
    return d.yes;
}

static void mark_done(void *data, StatementId id)
{
    Sweep *s = data;
    const Statement *st = statement_at(s->cs, id);
    for (uint32_t t = 0; st->kind != ST_TENSOR && t < st->n_targets; t++)
        s->tensor[st->targets[t].tensor.i].kind = SWEEP_DONE;
}

static void set_after(Sweep *s, uint32_t at)
{
    const Block one = {1, &s->items.at[at]};
    s->item[at].role = ROLE_AFTER;
    items_visit(s->cs, &one, mark_done, s);
    const Statement *st = statement_at(s->cs, s->items.at[at]);
    if (st->kind != ST_DEFINE || st->reduction != RED_NONE || st->scatter != RED_NONE || !sweep_plain_target(s->cs, st))
        return;
    SweepTensor *tensor = &s->tensor[st->targets[0].tensor.i];
    bool guarded;
    tensor->definition = s->items.at[at];
    tensor->shift = s->uses[st->targets[0].tensor.i].definitions == 1 && sweep_shift(s, st->body, &guarded).i != 0 && guarded;
}

/* What is applied after a sum may not vary along its ranks. */
static bool posts_keep(const Sweep *s, const Statement *st, const SweepForm *split)
{
    for (uint32_t r = 0; r < st->n_reduced; r++) {
        for (uint32_t k = 0; k < split->n_posts; k++)
            if (expr_uses_rank(s->cs, split->posts[k].operand, st->reduced[r]))
                return false;
        for (uint32_t k = 0; k < split->degree; k++)
            if (expr_uses_rank(s->cs, split->shift[k], st->reduced[r]))
                return false;
    }
    return true;
}

static bool reduces(const Statement *st, RankId rank)
{
    for (uint32_t r = 0; r < st->n_reduced; r++)
        if (rank_same(st->reduced[r], rank))
            return true;
    return false;
}

/* A dependent statement along the fibre that may be inside: fills its item. */
static bool goes_inside(Sweep *s, uint32_t at)
{
    Cascade *cs = s->cs;
    SweepItem *item = &s->item[at];
    const Statement st = *statement_at(cs, s->items.at[at]);
    if (item->barred || st.kind != ST_DEFINE || st.scatter != RED_NONE || st.from.i != 0)
        return false;
    s->splitting = s->items.at[at];
    item->along = along_of(s, &st);
    if (item->along.i == 0 || sweep_depends(s, st.condition) || !sweep_split(s, st.body, item->along, &item->split))
        return false;
    if (item->split.done || (st.reduction != RED_NONE && st.reduction != RED_SUM) || !posts_keep(s, &st, &item->split))
        return false;
    const TensorDecl *tensor = tensor_at(cs, st.targets[0].tensor);
    item->role = ROLE_INSIDE;
    if (reduces(&st, item->along)) {
        item->role = ROLE_SUM;
        return dtype_kind(tensor->type) == DK_FLOAT && tensor->format == 0;
    }
    return tensor->role == TENSOR_TMP && !tensor->is_out && !tensor->declared && tensor->format == 0 && sweep_plain_target(cs, &st) &&
           s->uses[st.targets[0].tensor.i].definitions == 1;
}

static uint32_t dimension_of(const Cascade *cs, const Statement *st, RankId rank)
{
    uint32_t d = 0;
    while (!expr_uses_rank(cs, st->targets[0].index[d], rank))
        d++;
    return d;
}

static void set_inside(Sweep *s, uint32_t at)
{
    const Statement *st = statement_at(s->cs, s->items.at[at]);
    SweepTensor *tensor = &s->tensor[st->targets[0].tensor.i];
    SweepItem *item = &s->item[at];
    if (item->role == ROLE_SUM) {
        tensor->kind = SWEEP_SUM;
        tensor->split = &item->split;
        s->last = at;
        return;
    }
    *tensor = (SweepTensor){.kind = SWEEP_LOCAL,
                            .carries = true,
                            .dependent = true,
                            .along = dimension_of(s->cs, st, item->along),
                            .definition = s->items.at[at],
                            .split = &item->split};
}

static void forward(Sweep *s)
{
    for (uint32_t t = 0; t < s->n_tensors; t++)
        s->tensor[t] = (SweepTensor){0};
    const Statement *max = statement_at(s->cs, s->items.at[s->first]);
    sweep_visit_reads(s->cs, max, seed_carriers, s);
    s->max = max->targets[0].tensor;
    s->tensor[s->max.i].kind = SWEEP_MAX;
    s->last = 0;
    s->raw_shift = s->guarded_shift = false;
    for (uint32_t at = 0; at < s->items.n; at++)
        s->item[at].role = ROLE_STAYS;
    s->item[s->first].role = ROLE_INSIDE;
    s->item[s->first].along = s->rank;
    for (uint32_t at = s->first + 1; at < s->items.n; at++) {
        if (!item_depends(s, s->items.at[at]))
            continue;
        if (goes_inside(s, at))
            set_inside(s, at);
        else
            set_after(s, at);
    }
}

/* ---- who reads what ---- */

static void count_read(void *data, ExprId e)
{
    Sweep *s = data;
    const Expr *x = expr_at(s->cs, e);
    s->tensor[x->tensor.i].loop_reads++;
}

static void count_reads(Sweep *s)
{
    for (uint32_t t = 0; t < s->n_tensors; t++)
        s->tensor[t].loop_reads = 0;
    for (uint32_t at = 0; at < s->items.n; at++)
        if (s->item[at].role == ROLE_INSIDE || s->item[at].role == ROLE_SUM)
            sweep_visit_reads(s->cs, statement_at(s->cs, s->items.at[at]), count_read, s);
}

/* Bars values along the fibre that are read outside. */
static bool bar_needed_outside(Sweep *s)
{
    bool barred = false;
    count_reads(s);
    for (uint32_t at = s->first + 1; at < s->items.n; at++) {
        TensorId tensor = s->item[at].role != ROLE_INSIDE ? (TensorId){0}
                                                          : statement_at(s->cs, s->items.at[at])->targets[0].tensor;
        if (tensor.i == 0 || s->tensor[tensor.i].loop_reads == s->uses[tensor.i].reads)
            continue;
        s->needed = s->needed.i != 0 ? s->needed : tensor;
        s->item[at].barred = barred = true;
    }
    return barred;
}

/* ---- backward ---- */

typedef struct Pull {
    Sweep *s;
    const SweepItem *item;
    const Statement *reader;
    bool changed;
} Pull;

static int position(const Sweep *s, StatementId id, uint32_t before)
{
    for (uint32_t at = 0; at < before; at++)
        if (s->items.at[at].i == id.i)
            return (int)at;
    return -1;
}

typedef struct Fits {
    const Sweep *s;
    TensorId tensor;
    uint32_t along;
    RankId rank;
    bool yes;
} Fits;

static void fits_read(void *data, ExprId e)
{
    Fits *f = data;
    const Expr *x = expr_at(f->s->cs, e);
    if (x->tensor.i != f->tensor.i)
        return;
    const Expr *index = expr_at(f->s->cs, expr_arg(f->s->cs, e, f->along));
    f->yes = f->yes && x->pad == PAD_NONE && index->kind == EX_RANK && rank_same(index->rank, f->rank);
}

/* Every read inside is at the reader's own coordinate of the fibre. */
static bool reads_fit(const Sweep *s, TensorId tensor, uint32_t along)
{
    Fits f = {.s = s, .tensor = tensor, .along = along, .yes = true};
    for (uint32_t at = 0; at < s->items.n; at++) {
        f.rank = s->item[at].along;
        if (s->item[at].role == ROLE_INSIDE || s->item[at].role == ROLE_SUM)
            sweep_visit_reads(s->cs, statement_at(s->cs, s->items.at[at]), fits_read, &f);
    }
    return f.yes;
}

/* Every kept rank of the reader's own value, and the fibre, are plain indices: the producer is as big as the scores. */
static bool covers(const Pull *pull, ExprId access)
{
    const Cascade *cs = pull->s->cs;
    const Expr *x = expr_at(cs, access);
    const Target *target = &pull->reader->targets[0];
    for (uint32_t k = 0; k <= target->n_index; k++) {
        RankId rank = k == target->n_index ? pull->item->along : expr_at(cs, target->index[k])->rank;
        bool found = false;
        for (uint32_t d = 0; d < x->n_args; d++) {
            const Expr *index = expr_at(cs, expr_arg(cs, access, d));
            found = found || (index->kind == EX_RANK && rank_same(index->rank, rank));
        }
        if (!found)
            return false;
    }
    return true;
}

static void pull_read(void *data, ExprId e)
{
    Pull *pull = data;
    Sweep *s = pull->s;
    const Cascade *cs = s->cs;
    const Expr *x = expr_at(cs, e);
    const TensorDecl *tensor = tensor_at(cs, x->tensor);
    SweepTensor *info = &s->tensor[x->tensor.i];
    if (info->kind != SWEEP_FREE || tensor->role != TENSOR_TMP || tensor->is_out || tensor->declared || tensor->format != 0 ||
        x->pad != PAD_NONE || s->uses[x->tensor.i].definitions != 1 || s->uses[x->tensor.i].reads != info->loop_reads ||
        !covers(pull, e))
        return;
    int at = position(s, s->uses[x->tensor.i].definition, s->last);
    const Statement *st = at < 0 ? NULL : statement_at(cs, s->items.at[at]);
    if (st == NULL || st->kind != ST_DEFINE || st->scatter != RED_NONE || s->item[at].role != ROLE_STAYS ||
        !sweep_plain_target(cs, st))
        return;
    uint32_t along = 0;
    for (uint32_t d = 0; d < x->n_args; d++)
        if (expr_uses_rank(cs, expr_arg(cs, e, d), pull->item->along))
            along = d;
    if (!reads_fit(s, x->tensor, along))
        return;
    *info = (SweepTensor){.kind = SWEEP_LOCAL, .carries = true, .along = along, .definition = s->items.at[at],
                          .loop_reads = info->loop_reads};
    s->item[at].role = ROLE_INSIDE;
    s->item[at].along = expr_at(cs, st->targets[0].index[along])->rank;
    pull->changed = true;
}

static void pull_producers(Sweep *s)
{
    bool changed;
    do {
        changed = false;
        count_reads(s);
        for (uint32_t at = 0; at < s->last; at++) {
            const Statement *st = statement_at(s->cs, s->items.at[at]);
            if (s->item[at].role != ROLE_INSIDE || !sweep_plain_target(s->cs, st))
                continue;
            Pull pull = {.s = s, .item = &s->item[at], .reader = st};
            sweep_visit_reads(s->cs, st, pull_read, &pull);
            changed = changed || pull.changed;
        }
    } while (changed);
}

/* ---- -inf ---- */

static bool is_scaled_sum(const Sweep *s, ExprId e)
{
    const Expr *x = expr_at(s->cs, e);
    return x->kind == EX_ACCESS && x->tensor.i < s->n_tensors && s->tensor[x->tensor.i].kind == SWEEP_SUM &&
           s->tensor[x->tensor.i].split->degree != 0;
}

/* True if `e` is NaN where every sum it reads is 0 or NaN: the sums occur only as quotients of two. */
static bool only_quotients(const Sweep *s, ExprId e)
{
    const Cascade *cs = s->cs;
    const Expr *x = expr_at(cs, e);
    if (is_scaled_sum(s, e))
        return false;
    if (x->kind == EX_CALL && x->fn == FN_DIV && is_scaled_sum(s, expr_arg(cs, e, 0)) && is_scaled_sum(s, expr_arg(cs, e, 1)))
        return true;
    for (uint32_t k = 0; k < x->n_args; k++)
        if (!only_quotients(s, expr_arg(cs, e, k)))
            return false;
    return true;
}

typedef struct Quotients {
    const Sweep *s;
    bool yes;
} Quotients;

static void quotients_expr(void *data, ExprId e)
{
    Quotients *q = data;
    q->yes = q->yes && only_quotients(q->s, e);
}

static void quotients_item(void *data, StatementId id)
{
    Quotients *q = data;
    statement_exprs(q->s->cs, statement_at(q->s->cs, id), quotients_expr, q);
}

static bool sum_is_divided(const Sweep *s, const Statement *st, const SweepForm *split)
{
    const TensorDecl *tensor = tensor_at(s->cs, st->targets[0].tensor);
    for (uint32_t k = 0; k < split->n_posts; k++)
        if (split->posts[k].kind == POST_OVER && is_scaled_sum(s, split->posts[k].operand))
            return true;
    return split->degree == 0 || (split->n_posts == 0 && !tensor->is_out && !tensor->declared);
}

/* A row whose scores are all -inf is NaN before and 0 inside the sweep: equal where only quotients are read. */
static bool empty_rows_agree(const Sweep *s)
{
    Quotients q = {s, true};
    for (uint32_t at = 0; at < s->items.n && q.yes; at++) {
        const Block one = {1, &s->items.at[at]};
        if (s->item[at].role == ROLE_AFTER)
            items_visit(s->cs, &one, quotients_item, &q);
        if (s->item[at].role == ROLE_SUM)
            q.yes = sum_is_divided(s, statement_at(s->cs, s->items.at[at]), &s->item[at].split);
    }
    return q.yes;
}

static bool after_may_move(const Sweep *s)
{
    for (uint32_t at = 0; at < s->last; at++) {
        StatementKind kind = statement_at(s->cs, s->items.at[at])->kind;
        if (s->item[at].role == ROLE_AFTER && kind != ST_DEFINE && kind != ST_HOST)
            return false;
    }
    return true;
}

bool sweep_find(Sweep *s)
{
    do
        forward(s);
    while (bar_needed_outside(s));
    bool scaled = false;
    for (uint32_t at = s->first; at <= s->last; at++)
        scaled = scaled || (s->item[at].role == ROLE_SUM && s->item[at].split.degree != 0);
    if (!scaled) {
        if (s->needed.i != 0)
            s->reason = arena_printf(&s->cs->cx->arena, "'%s' is needed whole", tensor_name(s->cs, s->needed));
        else if (s->reason == NULL)
            s->reason = "no sum depends on it";
        return false;
    }
    s->reason = NULL;
    pull_producers(s);
    const Statement *max = statement_at(s->cs, s->items.at[s->first]);
    bool infinite = sweep_may_be_infinite(s, max->body);
    s->guard = max->condition.i != 0 || infinite;
    if (!after_may_move(s))
        s->reason = "a region between needs its results";
    else if (infinite && s->raw_shift && (s->guarded_shift || !empty_rows_agree(s)))
        s->reason = "a row of -inf would give 0 where it gives NaN";
    return s->reason == NULL;
}
