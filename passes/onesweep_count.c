/*
 * passes/onesweep_count.c: passes over a rank (FuseMax section 3).
 *
 * A fibre is followed from one tensor through everything derived from it. A statement that runs along it belongs to
 * the traversal after the last one whose complete result it needs; the number of different traversals is the answer.
 */
#include "passes/onesweep.h"

typedef struct FibreTensor {
    uint32_t along;    /* bit d: dimension d runs over the fibre */
    bool block;        /* exists for one block of the fibre, inside the region `region` */
    uint32_t region;
    uint32_t level;    /* of the traversal that computes it */
    uint32_t complete; /* the last traversal that it needs complete */
} FibreTensor;

typedef struct Fibre {
    const Cascade *cs;
    FibreTensor *tensor;
    uint32_t n;
    uint64_t seen;     /* bit l: a statement belongs to traversal l */
    uint32_t region;   /* the innermost iterate around, its statement */
    RankId generation; /* its rank */
    /* of the statement at hand: */
    uint32_t n_ranks; /* the ranks that run over the fibre */
    RankId ranks[CASCADE_MAX_RANKS];
    bool by_block;    /* the iterative rank does */
    uint32_t level, complete;
} Fibre;

enum { MOST_LEVEL = 63 };

static void add_along(Fibre *f, RankId rank)
{
    for (uint32_t k = 0; k < f->n_ranks; k++)
        if (rank_same(f->ranks[k], rank))
            return;
    if (f->n_ranks < CASCADE_MAX_RANKS)
        f->ranks[f->n_ranks++] = rank;
}

static void index_ranks(void *data, ExprId e)
{
    Fibre *f = data;
    const Expr *x = expr_at(f->cs, e);
    if (x->kind == EX_RANK || x->kind == EX_INDEX)
        add_along(f, x->rank);
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static void meet_read(void *data, ExprId e)
{
    Fibre *f = data;
    const Expr *x = expr_at(f->cs, e);
    if (x->tensor.i >= f->n)
        return;
    const FibreTensor *t = &f->tensor[x->tensor.i];
    uint32_t before = f->n_ranks;
    for (uint32_t d = 0; d < x->n_args; d++)
        if ((t->along >> d & 1) != 0)
            expr_visit(f->cs, expr_arg(f->cs, e, d), index_ranks, f);
    bool block = t->block && t->region == f->region;
    f->by_block = f->by_block || block;
    bool runs = f->n_ranks != before || block;
    for (uint32_t d = 0; !runs && d < x->n_args; d++)
        for (uint32_t k = 0; (t->along >> d & 1) != 0 && k < f->n_ranks; k++)
            runs = runs || expr_uses_rank(f->cs, expr_arg(f->cs, e, d), f->ranks[k]);
    if (runs)
        f->level = larger(f->level, t->level);
    f->complete = larger(f->complete, runs ? t->complete : larger(t->complete, t->along != 0 || t->block ? t->level : 0));
}

static bool is_along(const Fibre *f, RankId rank)
{
    for (uint32_t k = 0; k < f->n_ranks; k++)
        if (rank_same(f->ranks[k], rank))
            return true;
    return false;
}

/* What the target carries after a statement along the fibre. */
static void set_target(Fibre *f, const Target *target)
{
    FibreTensor *t = &f->tensor[target->tensor.i];
    bool runs = f->n_ranks != 0 || f->by_block;
    t->complete = larger(t->complete, f->complete);
    if (!runs)
        return;
    uint32_t kept = 0;
    for (uint32_t d = 0; d < target->n_index; d++)
        for (uint32_t k = 0; k < f->n_ranks; k++)
            if (expr_uses_rank(f->cs, target->index[d], f->ranks[k]))
                kept |= 1u << d;
    bool by_generation = f->by_block || (f->generation.i != 0 && is_along(f, f->generation));
    t->along |= kept;
    t->level = larger(t->level, f->level);
    if (by_generation && kept == 0) {
        t->block = true;
        t->region = f->region;
        for (uint32_t d = 0; d < target->n_index; d++)
            t->along |= expr_uses_rank(f->cs, target->index[d], f->generation) ? 1u << d : 0;
    } else if (kept == 0) {
        t->complete = larger(t->complete, f->level);
    } else if (by_generation) {
        t->block = true;
        t->region = f->region;
    }
}

static void count_statement(Fibre *f, const Statement *st)
{
    f->n_ranks = 0;
    f->by_block = false;
    f->level = f->complete = 0;
    sweep_visit_reads(f->cs, st, meet_read, f);
    if (f->n_ranks != 0 || f->by_block) {
        f->level = larger(f->level, f->complete + 1);
        f->level = f->level > MOST_LEVEL ? MOST_LEVEL : f->level;
        f->seen |= (uint64_t)1 << f->level;
    }
    for (uint32_t t = 0; t < st->n_targets; t++)
        set_target(f, &st->targets[t]);
}

static void count_block(Fibre *f, const Block *block)
{
    for (uint32_t i = 0; i < block->n; i++) {
        const Statement *st = statement_at(f->cs, block->at[i]);
        if (st->kind == ST_DEFINE || st->kind == ST_HOST)
            count_statement(f, st);
        uint32_t region = f->region;
        RankId generation = f->generation;
        if (st->kind == ST_ITERATE) {
            f->region = block->at[i].i;
            f->generation = st->rank;
        }
        count_block(f, &st->body_items);
        f->region = region;
        f->generation = generation;
        count_block(f, &st->else_items);
    }
}

uint32_t passes_over(const Cascade *cs, const Block *block, TensorId tensor, uint32_t dim, StatementId region)
{
    Fibre f = {.cs = cs, .tensor = ARENA_ARRAY(&cs->cx->arena, FibreTensor, cs->tensors.n), .n = cs->tensors.n};
    f.tensor[tensor.i] = (FibreTensor){.along = 1u << dim, .block = region.i != 0, .region = region.i};
    count_block(&f, block);
    return (uint32_t)__builtin_popcountll(f.seen);
}
