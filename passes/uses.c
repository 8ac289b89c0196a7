/*
 * passes/uses.c: def-use counts and walks over items.
 */
#include "passes/uses.h"

void items_visit(const Cascade *cs, const Block *block, void (*visit)(void *, StatementId), void *data)
{
    for (uint32_t i = 0; i < block->n; i++) {
        visit(data, block->at[i]);
        const Statement *st = statement_at(cs, block->at[i]);
        items_visit(cs, &st->body_items, visit, data);
        items_visit(cs, &st->else_items, visit, data);
    }
}

Block items_filter(Cascade *cs, Block block, bool (*keep)(void *, StatementId), void *data)
{
    Block kept = {0, block.n == 0 ? NULL : ARENA_ARRAY(&cs->cx->arena, StatementId, block.n)};
    for (uint32_t i = 0; i < block.n; i++) {
        StatementId id = block.at[i];
        Block body = items_filter(cs, statement_at(cs, id)->body_items, keep, data);
        Block other = items_filter(cs, statement_at(cs, id)->else_items, keep, data);
        statement_at(cs, id)->body_items = body;
        statement_at(cs, id)->else_items = other;
        if (keep(data, id))
            kept.at[kept.n++] = id;
    }
    return kept;
}

typedef struct Counting {
    const Cascade *cs;
    Use *uses;
} Counting;

static void count_node(void *data, ExprId e)
{
    Counting *c = data;
    const Expr *x = expr_at(c->cs, e);
    if (x->kind != EX_ACCESS)
        return;
    c->uses[x->tensor.i].reads++;
    if (x->pad == PAD_TENSOR)
        c->uses[x->pad_tensor.i].reads++;
}

static void count_expr(void *data, ExprId root)
{
    Counting *c = data;
    expr_visit(c->cs, root, count_node, data);
}

static void count_item(void *data, StatementId id)
{
    Counting *c = data;
    const Statement *st = statement_at(c->cs, id);
    if (st->kind == ST_TENSOR)
        return;
    if (st->kind == ST_RANK) {
        const Rank *rank = rank_at(c->cs, st->rank);
        if (rank->kind == RANK_SCALAR)
            c->uses[rank->scalar.i].reads++;
        return;
    }
    for (uint32_t t = 0; t < st->n_targets; t++) {
        c->uses[st->targets[t].tensor.i].definitions++;
        c->uses[st->targets[t].tensor.i].definition = id;
    }
    for (uint32_t a = 0; a < st->n_args; a++)
        if (st->args[a].key.i == 0)
            c->uses[st->args[a].tensor.i].reads++;
    if (st->trip.i != 0)
        c->uses[st->trip.i].reads++;
    statement_exprs(c->cs, st, count_expr, c);
}

Use *uses_count(const Cascade *cs)
{
    Counting c = {cs, ARENA_ARRAY(&cs->cx->arena, Use, cs->tensors.n)};
    items_visit(cs, &cs->top, count_item, &c);
    return c.uses;
}
