/*
 * passes/unused.c: removes items that no output needs.
 */
#include "passes/simplify.h"
#include "passes/uses.h"

typedef struct Needed {
    Cascade *cs;
    bool *tensor, *rank;
    uint32_t removed;
    bool grew;
} Needed;

static void need_tensor(Needed *n, TensorId id)
{
    if (id.i == 0 || n->tensor[id.i])
        return;
    n->tensor[id.i] = true;
    n->grew = true;
    const TensorDecl *t = tensor_at(n->cs, id);
    for (uint32_t d = 0; d < t->n_dims; d++)
        n->rank[t->dims[d].rank.i] = true;
}

static void need_node(void *data, ExprId e)
{
    Needed *n = data;
    const Expr *x = expr_at(n->cs, e);
    if (x->kind == EX_ACCESS) {
        need_tensor(n, x->tensor);
        need_tensor(n, x->pad_tensor);
    }
    n->rank[x->rank.i] = true;
}

static void need_expr(void *data, ExprId root)
{
    expr_visit(((Needed *)data)->cs, root, need_node, data);
}

static bool statement_needed(const Needed *n, const Statement *st)
{
    for (uint32_t t = 0; t < st->n_targets; t++)
        if (n->tensor[st->targets[t].tensor.i])
            return true;
    return false;
}

static bool region_needed(const Needed *n, const Block *block)
{
    for (uint32_t i = 0; i < block->n; i++) {
        const Statement *st = statement_at(n->cs, block->at[i]);
        if (statement_needed(n, st) || region_needed(n, &st->body_items) || region_needed(n, &st->else_items))
            return true;
    }
    return false;
}

static bool item_needed(const Needed *n, const Statement *st)
{
    switch (st->kind) {
    case ST_RANK:
        return n->rank[st->rank.i];
    case ST_TENSOR:
        return n->tensor[st->tensor.i] || tensor_at(n->cs, st->tensor)->role == TENSOR_IN;
    case ST_DEFINE:
    case ST_HOST:
        return statement_needed(n, st);
    case ST_ITERATE:
        return n->rank[st->rank.i] || region_needed(n, &st->body_items);
    case ST_IF:
        return region_needed(n, &st->body_items) || region_needed(n, &st->else_items);
    }
    return true;
}

static void need_item(void *data, StatementId id)
{
    Needed *n = data;
    const Statement *st = statement_at(n->cs, id);
    if (st->kind == ST_TENSOR && (tensor_at(n->cs, st->tensor)->role == TENSOR_IN || tensor_at(n->cs, st->tensor)->is_out))
        need_tensor(n, st->tensor);
    if (st->kind == ST_RANK && n->rank[st->rank.i]) {
        need_tensor(n, rank_at(n->cs, st->rank)->scalar);
        n->rank[rank_at(n->cs, st->rank)->count_of.i] = true;
    }
    if (st->kind == ST_RANK || st->kind == ST_TENSOR || !item_needed(n, st))
        return;
    for (uint32_t t = 0; t < st->n_targets; t++)
        need_tensor(n, st->targets[t].tensor);
    for (uint32_t a = 0; a < st->n_args; a++) {
        need_tensor(n, st->args[a].tensor);
        for (uint32_t r = 0; r < st->args[a].n_ranks; r++)
            n->rank[st->args[a].ranks[r].i] = true;
    }
    for (uint32_t r = 0; r < st->n_reduced; r++)
        n->rank[st->reduced[r].i] = true;
    need_tensor(n, st->trip);
    n->rank[st->rank.i] = n->rank[st->rank.i] || st->kind == ST_ITERATE;
    n->rank[st->trip_count_of.i] = true;
    statement_exprs(n->cs, st, need_expr, n);
}

static bool keep_item(void *data, StatementId id)
{
    Needed *n = data;
    bool keep = item_needed(n, statement_at(n->cs, id));
    n->removed += keep ? 0 : 1;
    return keep;
}

uint32_t simplify_remove_unused(Cascade *cs)
{
    Needed n = {.cs = cs,
                .tensor = ARENA_ARRAY(&cs->cx->arena, bool, cs->tensors.n),
                .rank = ARENA_ARRAY(&cs->cx->arena, bool, cs->ranks.n)};
    for (uint32_t t = 1; t < cs->tensors.n; t++)
        if (tensor_at(cs, (TensorId){t})->is_out)
            need_tensor(&n, (TensorId){t});
    do {
        n.grew = false;
        items_visit(cs, &cs->top, need_item, &n);
    } while (n.grew);
    cs->top = items_filter(cs, cs->top, keep_item, &n);
    return n.removed;
}
