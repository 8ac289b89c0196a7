/*
 * passes/onesweep.c: the pass onesweep: reductions that wait for a maximum of the same fibre become one sweep.
 *
 * In:   a cascade. Out: one that is equal in the real system, in which every maximum that only shifts exponents grows
 *       while its sums are taken, block by block (`iterate`), so that the fibre is traversed once.
 * Keep: outputs; statements that take no part; pinned cascades as they are. Recognised by dependence and algebra
 *       (onesweep.h), never by names or operators.
 */
#include "passes/onesweep.h"

#include <stdlib.h>

#include "support/text.h"

enum { DEFAULT_BLOCK = 64, MOST_REPORTED = 24 };

typedef struct Counted {
    TensorId tensor;
    uint32_t dim, before;
} Counted;

typedef struct Onesweep {
    PassContext *p;
    Cascade *cs;
    int64_t block;
    uint32_t changed;
    uint32_t n_counted;
    Counted counted[MOST_REPORTED];
    /* while collecting: */
    RankId along;
} Onesweep;

/* ---- the report ---- */

static void collect_counted(void *data, ExprId e)
{
    Onesweep *o = data;
    const Expr *x = expr_at(o->cs, e);
    uint32_t dim = 0;
    while (dim < x->n_args && !expr_uses_rank(o->cs, expr_arg(o->cs, e, dim), o->along))
        dim++;
    for (uint32_t k = 0; k < o->n_counted; k++)
        if (o->counted[k].tensor.i == x->tensor.i)
            return;
    if (dim < x->n_args && o->n_counted < MOST_REPORTED)
        o->counted[o->n_counted++] = (Counted){.tensor = x->tensor, .dim = dim};
}

static void count_before(Onesweep *o, const Sweep *s)
{
    o->n_counted = 0;
    for (uint32_t at = 0; at < s->items.n; at++) {
        const SweepItem *item = &s->item[at];
        o->along = item->along;
        if (at == s->first || item->role == ROLE_INSIDE || item->role == ROLE_SUM)
            sweep_visit_reads(o->cs, statement_at(o->cs, s->items.at[at]), collect_counted, o);
    }
    for (uint32_t k = 0; k < o->n_counted; k++)
        o->counted[k].before = passes_over(o->cs, &o->cs->top, o->counted[k].tensor, o->counted[k].dim, (StatementId){0});
}

static void report_sweep(const Onesweep *o, const Sweep *s)
{
    if (o->p->report == NULL)
        return;
    const Cascade *cs = o->cs;
    text_printf(o->p->report, "onesweep: %s over %s in %lld blocks of %lld; passes over %s:", tensor_name(cs, s->max),
                rank_name(cs, s->rank), (long long)rank_at(cs, s->generation)->extent, (long long)s->block,
                rank_name(cs, s->rank));
    for (uint32_t k = 0; k < o->n_counted; k++) {
        const Counted *c = &o->counted[k];
        const SweepTensor *t = &s->tensor[c->tensor.i];
        bool local = t->kind == SWEEP_LOCAL;
        uint32_t now = passes_over(cs, &cs->top, local ? t->inside : c->tensor, c->dim,
                                   local ? rank_at(cs, s->generation)->region : (StatementId){0});
        text_printf(o->p->report, "%s %s %u -> %u", k == 0 ? "" : ",", tensor_name(cs, c->tensor), c->before, now);
    }
    text_printf(o->p->report, "\n");
}

static void report_refusal(Onesweep *o, Sweep *s)
{
    if (o->p->report == NULL)
        return;
    const Cascade *cs = o->cs;
    o->n_counted = 0;
    o->along = s->rank;
    sweep_visit_reads(cs, statement_at(cs, s->items.at[s->first]), collect_counted, o);
    text_printf(o->p->report, "onesweep: %s over %s stays: %s; passes over %s:", tensor_name(cs, s->max),
                rank_name(cs, s->rank), s->reason, rank_name(cs, s->rank));
    for (uint32_t k = 0; k < o->n_counted; k++)
        text_printf(o->p->report, "%s %s %u", k == 0 ? "" : ",", tensor_name(cs, o->counted[k].tensor),
                    passes_over(cs, &cs->top, o->counted[k].tensor, o->counted[k].dim, (StatementId){0}));
    text_printf(o->p->report, "\n");
}

/* ---- candidates ---- */

/* T[o..] = max[m] scores, over plain ranks: may start a sweep. */
static bool is_candidate(const Cascade *cs, StatementId id)
{
    const Statement *st = statement_at(cs, id);
    if (st->kind != ST_DEFINE || st->reduction != RED_MAX || st->n_reduced != 1 || st->scatter != RED_NONE ||
        st->from.i != 0 || !sweep_plain_target(cs, st))
        return false;
    const TensorDecl *tensor = tensor_at(cs, st->targets[0].tensor);
    return dtype_kind(tensor->type) == DK_FLOAT && tensor->format == 0 && rank_at(cs, st->reduced[0])->extent > 0;
}

static int64_t block_of(const Onesweep *o, RankId rank)
{
    int64_t extent = rank_at(o->cs, rank)->extent;
    return extent < o->block ? extent : o->block;
}

/* A list of items: the body of `owner` or its other arm, or the cascade's own. It moves when statements are added. */
typedef struct List {
    StatementId owner;
    bool other;
} List;

static Block *items_of(Cascade *cs, List list)
{
    if (list.owner.i == 0)
        return &cs->top;
    return list.other ? &statement_at(cs, list.owner)->else_items : &statement_at(cs, list.owner)->body_items;
}

/* Tries the maximum at `at`; true if the list was rewritten. */
static bool try_sweep(Onesweep *o, List list, uint32_t at)
{
    Cascade *cs = o->cs;
    const Block *items = items_of(cs, list);
    if (!is_candidate(cs, items->at[at]))
        return false;
    const Use *uses = uses_count(cs);
    const Statement *st = statement_at(cs, items->at[at]);
    if (uses[st->targets[0].tensor.i].definitions != 1)
        return false;
    Sweep s = {.p = o->p,
               .cs = cs,
               .items = *items,
               .first = at,
               .max = st->targets[0].tensor,
               .rank = st->reduced[0],
               .uses = uses,
               .tensor = ARENA_ARRAY(&cs->cx->arena, SweepTensor, cs->tensors.n),
               .n_tensors = cs->tensors.n,
               .item = ARENA_ARRAY(&cs->cx->arena, SweepItem, items->n)};
    s.block = block_of(o, s.rank);
    if (!sweep_find(&s)) {
        if (s.needed.i != 0 || s.raw_shift || s.guarded_shift)
            report_refusal(o, &s);
        return false;
    }
    count_before(o, &s);
    Block swept = sweep_build(&s);
    *items_of(cs, list) = swept;
    report_sweep(o, &s);
    o->changed++;
    return true;
}

static void sweep_items(Onesweep *o, List list)
{
    for (uint32_t at = 0; at < items_of(o->cs, list)->n; at++) {
        StatementId id = items_of(o->cs, list)->at[at];
        sweep_items(o, (List){id, false});
        sweep_items(o, (List){id, true});
        while (at < items_of(o->cs, list)->n && try_sweep(o, list, at))
            continue;
    }
}

static bool read_block(const char *text, int64_t *out_block)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    *out_block = value;
    return *text != 0 && *end == 0 && value >= 1 && value <= INT32_MAX;
}

weir_status onesweep_run(PassContext *p, Cascade *cs)
{
    Onesweep o = {.p = p, .cs = cs, .block = DEFAULT_BLOCK};
    if (p->argument != NULL && !read_block(p->argument, &o.block)) {
        diag(&p->cx->diag, place_none(), E_USAGE, "onesweep:N takes the coordinates of one block, N >= 1");
        return WEIR_USAGE;
    }
    if (!cs->pinned)
        sweep_items(&o, (List){0});
    if (p->report != NULL)
        text_printf(p->report, "onesweep: changed=%u\n", o.changed);
    return WEIR_OK;
}
