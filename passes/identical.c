/*
 * passes/identical.c: a canonical text of each group; equal texts, equal groups.
 */
#include "passes/identical.h"

#include "support/text.h"

typedef struct Key {
    const Cascade *cs;
    Text text;
    uint32_t *rank, *tensor; /* numbers by first occurrence, + 1 */
    uint32_t n_ranks, n_tensors;
} Key;

static void put_rank(Key *k, RankId id)
{
    if (k->rank[id.i] == 0) {
        k->rank[id.i] = ++k->n_ranks;
        const Rank *rank = rank_at(k->cs, id);
        text_printf(&k->text, "r%u=%d:%lld ", k->n_ranks, (int)rank->kind, (long long)rank->extent);
    } else {
        text_printf(&k->text, "r%u ", k->rank[id.i]);
    }
}

static void put_tensor(Key *k, TensorId id)
{
    if (k->tensor[id.i] != 0) {
        text_printf(&k->text, "t%u ", k->tensor[id.i]);
        return;
    }
    const TensorDecl *tensor = tensor_at(k->cs, id);
    k->tensor[id.i] = ++k->n_tensors;
    text_printf(&k->text, "t%u=%d:%d:%u[", k->n_tensors, (int)tensor->type, tensor->role == TENSOR_CONST, tensor->format);
    for (uint32_t d = 0; d < tensor->n_dims; d++) {
        text_printf(&k->text, "%d", tensor->dims[d].next);
        put_rank(k, tensor->dims[d].rank);
    }
    text_printf(&k->text, "] ");
}

static void put_expr(Key *k, ExprId e)
{
    if (e.i == 0) {
        text_printf(&k->text, "- ");
        return;
    }
    const Expr *x = expr_at(k->cs, e);
    for (uint32_t a = 0; a < x->n_args; a++)
        put_expr(k, expr_arg(k->cs, e, a));
    text_printf(&k->text, "%d.%d.%d.%d.%d.%d.%u ", (int)x->kind, (int)x->type, (int)x->fn, (int)x->cast, (int)x->part,
                (int)x->pad, x->n_args);
    if (x->kind == EX_LITERAL)
        text_printf(&k->text, "%lld/%a ", (long long)x->i, x->f);
    if (x->rank.i != 0)
        put_rank(k, x->rank);
    if (x->tensor.i != 0)
        put_tensor(k, x->tensor);
    if (x->pad_tensor.i != 0)
        put_tensor(k, x->pad_tensor);
    if (x->pad_literal.i != 0)
        put_expr(k, x->pad_literal);
}

static void put_statement(Key *k, const Statement *st)
{
    text_printf(&k->text, "s%d.%d.%d.%d ", (int)st->reduction, (int)st->order, (int)st->accumulator, (int)st->scatter);
    put_tensor(k, st->targets[0].tensor);
    for (uint32_t d = 0; d < st->targets[0].n_index; d++)
        put_expr(k, st->targets[0].index[d]);
    for (uint32_t r = 0; r < st->n_reduced; r++)
        put_rank(k, st->reduced[r]);
    put_expr(k, st->from);
    put_expr(k, st->condition);
    put_expr(k, st->body);
    for (uint32_t i = 0; i < st->n_scatter; i++)
        put_expr(k, st->scatter_index[i]);
    put_expr(k, st->scatter_condition);
    put_expr(k, st->scatter_value);
}

static void put_part(Key *k, const Mapping *m, PartId id)
{
    const Part *part = part_at(m, id);
    text_printf(&k->text, "p%d:%lld:%lld ", (int)part->origin, (long long)part->extent, (long long)part->stride);
    if (part->origin == PART_RANK)
        put_rank(k, part->rank);
    if (part->origin == PART_SPLIT)
        put_part(k, m, part->parent);
    for (uint32_t j = 0; j < part->n_joined; j++)
        put_part(k, m, part->joined[j]);
}

static void put_nodes(Key *k, const Mapping *m, MapNodeId id, const Group *group)
{
    for (; id.i != 0; id = node_at(m, id)->next) {
        const MapNode *node = node_at(m, id);
        text_printf(&k->text, "%d.%d.%d(", (int)node->role, (int)node->combine, node->each);
        if (node->part.i != 0)
            put_part(k, m, node->part);
        for (uint32_t s = 0; s < group->n; s++)
            if (node->role == ROLE_LEAF && group->statements[s].i == node->statement.i)
                text_printf(&k->text, "leaf%u ", s);
        put_nodes(k, m, node->first, group);
        text_printf(&k->text, ")");
    }
}

static void put_places(Key *k, const Mapping *m)
{
    for (uint32_t i = 0; i < m->places.n; i++) {
        const PlaceLine *line = &m->places.at[i];
        put_tensor(k, line->tensor);
        text_printf(&k->text, "in%u x%u a%u ", line->level.i, line->times, line->align);
        for (uint32_t d = 0; d < line->n_parts; d++)
            put_part(k, m, line->parts[d]);
    }
}

static Name group_key(const Cascade *cs, const Group *group, const bool *internal)
{
    Arena *arena = &cs->cx->arena;
    Key k = {.cs = cs, .rank = ARENA_ARRAY(arena, uint32_t, cs->ranks.n), .tensor = ARENA_ARRAY(arena, uint32_t, cs->tensors.n)};
    text_init(&k.text, arena);
    for (uint32_t s = 0; s < group->n; s++) {
        const Statement *st = statement_at(cs, group->statements[s]);
        text_printf(&k.text, "%d ", internal[st->targets[0].tensor.i]);
        put_statement(&k, st);
    }
    put_nodes(&k, group->mapping, group->mapping->root, group);
    put_places(&k, group->mapping);
    return intern(&cs->cx->names, k.text.at, k.text.n);
}

void identical_groups(Groups *groups)
{
    const bool *internal = groups_internal(groups);
    Arena *arena = &groups->cs->cx->arena;
    Name *key = ARENA_ARRAY(arena, Name, groups->list.n);
    VEC(uint32_t) first = {0}; /* by key: the first group + 1 */
    for (uint32_t g = 0; g < groups->list.n; g++) {
        key[g] = group_key(groups->cs, &groups->list.at[g], internal);
        while (first.n <= key[g].i)
            vec_push(arena, &first, 0);
        groups->list.at[g].same_as = first.at[key[g].i];
        if (first.at[key[g].i] == 0)
            first.at[key[g].i] = g + 1;
    }
}
