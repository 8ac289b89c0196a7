/*
 * ir/group.c: which statement is in which group, which tensors stay inside.
 */
#include "ir/group.h"

#include "support/text.h"

uint32_t *groups_by_statement(const Groups *groups)
{
    uint32_t *by = ARENA_ARRAY(&groups->cs->cx->arena, uint32_t, groups->cs->statements.n);
    for (uint32_t g = 0; g < groups->list.n; g++)
        for (uint32_t s = 0; s < groups->list.at[g].n; s++)
            by[groups->list.at[g].statements[s].i] = g + 1;
    return by;
}

/* ---- internal tensors ---- */

typedef struct Inside {
    const Cascade *cs;
    const uint32_t *by_statement;
    uint32_t *owner; /* by tensor: number + 1 of the only group that touches it; 0 untouched; UINT32_MAX several */
    uint32_t now;
} Inside;

static void touch(Inside *in, TensorId tensor)
{
    uint32_t *owner = &in->owner[tensor.i];
    if (tensor.i == 0)
        return;
    *owner = in->now != 0 && (*owner == 0 || *owner == in->now) ? in->now : UINT32_MAX;
}

static void touch_node(void *data, ExprId e)
{
    Inside *in = data;
    const Expr *x = expr_at(in->cs, e);
    if (x->kind == EX_ACCESS) {
        touch(in, x->tensor);
        touch(in, x->pad_tensor);
    }
}

static void touch_expr(void *data, ExprId root)
{
    expr_visit(((Inside *)data)->cs, root, touch_node, data);
}

static void touch_block(Inside *in, const Block *block)
{
    for (uint32_t i = 0; i < block->n; i++) {
        const Statement *st = statement_at(in->cs, block->at[i]);
        in->now = in->by_statement[block->at[i].i];
        for (uint32_t t = 0; t < st->n_targets; t++)
            touch(in, st->targets[t].tensor);
        for (uint32_t a = 0; a < st->n_args; a++)
            touch(in, st->args[a].tensor);
        touch(in, st->trip);
        if (st->kind == ST_RANK)
            touch(in, rank_at(in->cs, st->rank)->scalar);
        statement_exprs(in->cs, st, touch_expr, in);
        touch_block(in, &st->body_items);
        touch_block(in, &st->else_items);
    }
}

bool *groups_internal(const Groups *groups)
{
    const Cascade *cs = groups->cs;
    Inside in = {.cs = cs,
                 .by_statement = groups_by_statement(groups),
                 .owner = ARENA_ARRAY(&cs->cx->arena, uint32_t, cs->tensors.n)};
    touch_block(&in, &cs->top);
    bool *internal = ARENA_ARRAY(&cs->cx->arena, bool, cs->tensors.n);
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        const TensorDecl *tensor = tensor_at(cs, (TensorId){t});
        bool carried = false;
        for (uint32_t d = 0; d < tensor->n_dims; d++)
            carried = carried || rank_at(cs, tensor->dims[d].rank)->kind == RANK_ITERATIVE;
        internal[t] = tensor->role == TENSOR_TMP && !tensor->is_out && !carried && in.owner[t] != 0 &&
                      in.owner[t] != UINT32_MAX;
    }
    return internal;
}

/* ---- text ---- */

/* The group as a cascade of its own: what it reads from outside becomes `in`, what leaves it `out`. */
static Cascade *group_cascade(const Groups *groups, const Group *group, const bool *internal)
{
    Cascade *cs = cascade_clone(groups->cs);
    cs->name = group->name;
    bool *defined = ARENA_ARRAY(&cs->cx->arena, bool, cs->tensors.n);
    bool *read = ARENA_ARRAY(&cs->cx->arena, bool, cs->tensors.n);
    Inside in = {.cs = cs, .by_statement = groups_by_statement(groups), .owner = ARENA_ARRAY(&cs->cx->arena, uint32_t, cs->tensors.n), .now = 1};
    for (uint32_t s = 0; s < group->n; s++) {
        const Statement *st = statement_at(cs, group->statements[s]);
        defined[st->targets[0].tensor.i] = true;
        statement_exprs(cs, st, touch_expr, &in);
    }
    for (uint32_t t = 1; t < cs->tensors.n; t++)
        read[t] = in.owner[t] != 0;
    cs->open.n = 0;
    bool *rank_used = ARENA_ARRAY(&cs->cx->arena, bool, cs->ranks.n);
    for (uint32_t s = 0; s < group->n; s++) {
        RankId ranks[CASCADE_MAX_RANKS];
        const Statement *st = statement_at(cs, group->statements[s]);
        uint32_t n = target_ranks(cs, st, ranks, CASCADE_MAX_RANKS);
        n += st->scatter == RED_NONE ? 0 : scatter_ranks(cs, st, ranks + n, CASCADE_MAX_RANKS - n);
        for (uint32_t r = 0; r < n; r++)
            rank_used[ranks[r].i] = true;
    }
    for (uint32_t t = 1; t < cs->tensors.n; t++)
        for (uint32_t d = 0; (read[t] || defined[t]) && d < cs->tensors.at[t].n_dims; d++)
            rank_used[cs->tensors.at[t].dims[d].rank.i] = true;
    for (uint32_t r = 1; r < cs->ranks.n; r++) {
        if (!rank_used[r])
            continue;
        if (cs->ranks.at[r].kind == RANK_ITERATIVE)
            cs->ranks.at[r].kind = RANK_STATIC;
        cascade_item_rank(cs, (RankId){r});
    }
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        TensorDecl *tensor = &cs->tensors.at[t];
        if (read[t] && !defined[t] && tensor->role == TENSOR_TMP)
            tensor->role = TENSOR_IN;
        tensor->is_out = defined[t] && !internal[t];
        if ((read[t] && !defined[t]) || (defined[t] && tensor->declared))
            cascade_item_tensor(cs, (TensorId){t});
    }
    for (uint32_t s = 0; s < group->n; s++) {
        Statement *st = statement_at(cs, group->statements[s]);
        const TensorDecl *target = tensor_at(cs, st->targets[0].tensor);
        st->out = target->is_out && !target->declared;
        cascade_item(cs, group->statements[s]);
    }
    cs->top = cascade_close(cs);
    return cs;
}

void groups_print(const Groups *groups, struct Text *out)
{
    const bool *internal = groups_internal(groups);
    for (uint32_t g = 0; g < groups->list.n; g++)
        cascade_print(group_cascade(groups, &groups->list.at[g], internal), out);
}
