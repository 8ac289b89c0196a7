/*
 * backends/device_part.c: items of the pinned cascade as a cascade of their own.
 *
 * In:   a step of the host. Out: a cascade with these items; what they read from other steps is `in`, what other steps
 *       read or the model gives is `out`.
 * Keep: tensors and ranks keep their numbers, so rows of TENS are found by them.
 */
#include "backends/device.h"

typedef struct Pieces {
    const Device *device;
    Cascade *cs;
    bool *read, *defined; /* by tensor */
    bool *rank_used;
} Pieces;

static void meet_node(void *data, ExprId e)
{
    Pieces *p = data;
    const Expr *x = expr_at(p->cs, e);
    if (x->kind == EX_ACCESS) {
        p->read[x->tensor.i] = true;
        p->read[x->pad_tensor.i] = p->read[x->pad_tensor.i] || x->pad == PAD_TENSOR;
    }
    if (x->kind == EX_RANK || x->kind == EX_INDEX || x->kind == EX_EXTENT || x->kind == EX_COUNT)
        p->rank_used[x->rank.i] = true;
}

static void meet_expr(void *data, ExprId root)
{
    expr_visit(((Pieces *)data)->cs, root, meet_node, data);
}

static void meet_item(Pieces *p, StatementId id)
{
    const Statement *st = statement_at(p->cs, id);
    for (uint32_t k = 0; k < st->n_targets; k++)
        p->defined[st->targets[k].tensor.i] = true;
    for (uint32_t a = 0; a < st->n_args; a++) {
        p->read[st->args[a].tensor.i] = true;
        for (uint32_t r = 0; r < st->args[a].n_ranks; r++)
            p->rank_used[st->args[a].ranks[r].i] = true;
    }
    p->read[st->trip.i] = true;
    for (uint32_t r = 0; r < st->n_reduced; r++)
        p->rank_used[st->reduced[r].i] = true;
    statement_exprs(p->cs, st, meet_expr, p);
    for (uint32_t i = 0; i < st->body_items.n; i++)
        meet_item(p, st->body_items.at[i]);
    for (uint32_t i = 0; i < st->else_items.n; i++)
        meet_item(p, st->else_items.at[i]);
}

static void clear_outs(Cascade *cs, const Block *block)
{
    for (uint32_t i = 0; i < block->n; i++) {
        Statement *st = statement_at(cs, block->at[i]);
        st->out = false;
        clear_outs(cs, &st->body_items);
        clear_outs(cs, &st->else_items);
    }
}

/* An output whose declaration is its (only or first) definition says `out` there; in regions and of several targets it is declared. */
static void declare(Pieces *p, TensorId id, uint32_t n, const StatementId *items)
{
    Cascade *cs = p->cs;
    TensorDecl *tensor = tensor_at(cs, id);
    bool inside = tensor->role == TENSOR_TMP && p->defined[id.i];
    bool carried = false;
    for (uint32_t d = 0; d < tensor->n_dims; d++)
        carried = carried || rank_at(cs, tensor->dims[d].rank)->kind == RANK_ITERATIVE;
    bool leaves = id.i >= p->device->job->pinned->tensors.n || p->device->owner[id.i] == UINT32_MAX;
    tensor->is_out = inside && (tensor->is_out || leaves);
    if (!inside) {
        tensor->role = tensor->role == TENSOR_TMP ? TENSOR_IN : tensor->role;
        cascade_item_tensor(cs, id);
        return;
    }
    for (uint32_t i = 0; i < n && !tensor->declared && tensor->is_out; i++) {
        Statement *st = statement_at(cs, items[i]);
        if (st->kind == ST_DEFINE && st->targets[0].tensor.i == id.i) {
            st->out = true;
            return;
        }
    }
    if (tensor->declared || (tensor->is_out && !carried)) {
        tensor->declared = true;
        cascade_item_tensor(cs, id);
    }
}

void device_part(const Device *device, Cascade *cs, uint32_t n, const StatementId *items, const char *name)
{
    Arena *arena = &device->cx->arena;
    Pieces p = {.device = device, .cs = cs, .read = ARENA_ARRAY(arena, bool, cs->tensors.n),
              .defined = ARENA_ARRAY(arena, bool, cs->tensors.n), .rank_used = ARENA_ARRAY(arena, bool, cs->ranks.n)};
    cs->name = intern_text(&cs->cx->names, name);
    clear_outs(cs, &cs->top);
    for (uint32_t i = 0; i < n; i++)
        meet_item(&p, items[i]);
    for (uint32_t t = 1; t < cs->tensors.n; t++)
        for (uint32_t d = 0; (p.read[t] || p.defined[t]) && d < cs->tensors.at[t].n_dims; d++)
            p.rank_used[cs->tensors.at[t].dims[d].rank.i] = true;
    cs->open.n = 0;
    for (uint32_t r = 1; r < cs->ranks.n; r++)
        if (p.rank_used[r] && cs->ranks.at[r].kind == RANK_STATIC)
            cascade_item_rank(cs, (RankId){r});
    for (uint32_t t = 1; t < cs->tensors.n; t++)
        if (p.read[t] || p.defined[t])
            declare(&p, (TensorId){t}, n, items);
        else
            cs->tensors.at[t].is_out = false;
    for (uint32_t i = 0; i < n; i++)
        cascade_item(cs, items[i]);
    cs->top = cascade_close(cs);
    for (uint32_t t = 1; t < cs->tensors.n; t++)
        if (!p.read[t] && !p.defined[t])
            cs->tensors.at[t].role = TENSOR_TMP;
}
