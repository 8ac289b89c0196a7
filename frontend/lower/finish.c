/*
 * frontend/lower/finish.c: see finish.h.
 */
#include "frontend/lower/finish.h"

typedef struct Used {
    Cascade *cs;
    bool *tensors, *ranks;
} Used;

static void use_tensor(Used *used, TensorId id)
{
    if (id.i == 0 || used->tensors[id.i])
        return;
    used->tensors[id.i] = true;
    const TensorDecl *decl = tensor_at(used->cs, id);
    for (uint32_t d = 0; d < decl->n_dims; d++) {
        RankId rank = decl->dims[d].rank;
        used->ranks[rank.i] = true;
        use_tensor(used, rank_at(used->cs, rank)->scalar);
    }
}

static void use_node(void *data, ExprId id)
{
    Used *used = data;
    const Expr *e = expr_at(used->cs, id);
    if (e->kind == EX_ACCESS) {
        use_tensor(used, e->tensor);
        use_tensor(used, e->pad_tensor);
    }
    used->ranks[e->rank.i] = true;
}

static void use_expr(void *data, ExprId id)
{
    Used *used = data;
    expr_visit(used->cs, id, use_node, used);
}

static void use_block(Used *used, uint32_t n, const StatementId *list)
{
    for (uint32_t i = 0; i < n; i++) {
        const Statement *st = statement_at(used->cs, list[i]);
        for (uint32_t t = 0; t < st->n_targets; t++)
            use_tensor(used, st->targets[t].tensor);
        for (uint32_t k = 0; k < st->n_args; k++)
            use_tensor(used, st->args[k].tensor);
        for (uint32_t k = 0; k < st->n_reduced; k++)
            used->ranks[st->reduced[k].i] = true;
        use_tensor(used, st->trip);
        statement_exprs(used->cs, st, use_expr, used);
        use_block(used, st->body_items.n, st->body_items.at);
        use_block(used, st->else_items.n, st->else_items.at);
    }
}

static bool defines(const Statement *st, TensorId tensor)
{
    for (uint32_t t = 0; t < st->n_targets; t++)
        if (st->targets[t].tensor.i == tensor.i)
            return true;
    return false;
}

bool defined_on_top(const Cascade *cs, TensorId tensor)
{
    if (tensor_at(cs, tensor)->declared)
        return true;
    for (uint32_t i = cs->open.n; i > 0; i--)
        if (defines(statement_at(cs, cs->open.at[i - 1]), tensor))
            return true;
    return false;
}

/* Marks the definitions of outputs: `out` before a single one, a declaration before several. */
static void mark_outputs(Walk *w, Cascade *cs, const Block *body)
{
    uint32_t *first = ARENA_ARRAY(&w->cx->arena, uint32_t, cs->tensors.n); /* its defining item + 1 */
    bool *several = ARENA_ARRAY(&w->cx->arena, bool, cs->tensors.n);
    for (uint32_t i = 0; i < body->n; i++) {
        const Statement *st = statement_at(cs, body->at[i]);
        for (uint32_t t = 0; t < st->n_targets; t++) {
            uint32_t tensor = st->targets[t].tensor.i;
            several[tensor] = several[tensor] || first[tensor] != 0 || st->n_targets > 1;
            first[tensor] = first[tensor] == 0 ? i + 1 : first[tensor];
        }
    }
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        TensorDecl *decl = &cs->tensors.at[t];
        if (!decl->is_out || decl->declared || first[t] == 0)
            continue;
        if (!several[t]) {
            statement_at(cs, body->at[first[t] - 1])->out = true;
            continue;
        }
        decl->declared = true;
        StatementId item = cascade_add_statement(cs, (Statement){.kind = ST_TENSOR, .tensor = {t}});
        vec_push(&w->cx->arena, &w->emit->constants, item);
    }
}

void finish_cascade(Walk *w, Cascade *cs)
{
    Arena *arena = &w->cx->arena;
    Emit *emit = w->emit;
    Block body = cascade_close(cs);
    mark_outputs(w, cs, &body);
    Used used = {.cs = cs,
                 .tensors = ARENA_ARRAY(arena, bool, cs->tensors.n),
                 .ranks = ARENA_ARRAY(arena, bool, cs->ranks.n)};
    use_block(&used, body.n, body.at);
    for (uint32_t i = 0; i < emit->inputs.n; i++)
        use_tensor(&used, statement_at(cs, emit->inputs.at[i])->tensor);
    VEC(StatementId) items = {0};
    for (uint32_t i = 0; i < emit->ranks.n; i++)
        if (used.ranks[statement_at(cs, emit->ranks.at[i])->rank.i])
            vec_push(arena, &items, emit->ranks.at[i]);
    for (uint32_t i = 0; i < emit->inputs.n; i++)
        vec_push(arena, &items, emit->inputs.at[i]);
    for (uint32_t i = 0; i < emit->constants.n; i++)
        if (used.tensors[statement_at(cs, emit->constants.at[i])->tensor.i])
            vec_push(arena, &items, emit->constants.at[i]);
    for (uint32_t i = 0; i < body.n; i++)
        vec_push(arena, &items, body.at[i]);
    cs->top = (Block){items.n, items.at};
}
