/*
 * ir/mapping.c: building a mapping, its parts and its tree.
 *
 * Keep: parts stand before the parts made of them, so walks over parents and joined parts end.
 */
#include "ir/mapping.h"

#include <string.h>

Place mapping_text_place(const Mapping *m, uint32_t line)
{
    line = line != 0 ? line : m->line;
    return line == 0 ? place_none() : place_text(m->source, line, 0, 0);
}

Mapping *mapping_new(Cascade *cs, Name name, Name machine, uint32_t n, const StatementId *statements)
{
    Arena *arena = &cs->cx->arena;
    Mapping *m = ARENA_NEW(arena, Mapping);
    m->cs = cs;
    m->name = name;
    m->machine = machine;
    m->n_statements = n;
    m->statements = n == 0 ? NULL : arena_copy(arena, statements, n * sizeof *statements);
    vec_push(arena, &m->parts, (Part){0});
    vec_push(arena, &m->nodes, (MapNode){0});
    return m;
}

/* ---- parts ---- */

static PartId add_part(Mapping *m, Part part)
{
    vec_push(&m->cs->cx->arena, &m->parts, part);
    return (PartId){m->parts.n - 1};
}

PartId mapping_part(Mapping *m, RankId rank)
{
    for (uint32_t i = 1; i < m->parts.n; i++)
        if (m->parts.at[i].origin == PART_RANK && rank_same(m->parts.at[i].rank, rank))
            return (PartId){i};
    const Rank *r = rank_at(m->cs, rank);
    return add_part(m, (Part){.name = r->name, .origin = PART_RANK, .rank = rank, .extent = r->extent});
}

PartId mapping_part_named(const Mapping *m, Name name)
{
    for (uint32_t i = 1; name.i != 0 && i < m->parts.n; i++)
        if (name_is(m->parts.at[i].name, name))
            return (PartId){i};
    return (PartId){0};
}

void mapping_split(Mapping *m, PartId parent, uint32_t n, const Name *names, const int64_t *inner_extents, EdgeRule edge,
                   ExprId pad, PartId *out_parts)
{
    Arena *arena = &m->cs->cx->arena;
    int64_t stride = 1, whole = part_at(m, parent)->extent;
    for (uint32_t k = 1; k < n; k++)
        if (inner_extents[k - 1] < 1 || __builtin_mul_overflow(stride, inner_extents[k - 1], &stride))
            weir_bug(m->cs->cx, "split of %s: extents", cx_text(m->cs->cx, part_at(m, parent)->name));
    for (uint32_t k = 0; k < n; k++) {
        int64_t extent = k == 0 ? whole / stride + (whole % stride != 0) : inner_extents[k - 1];
        if (k != 0)
            stride /= extent;
        out_parts[k] = add_part(m, (Part){.name = names[k], .origin = PART_SPLIT, .parent = parent, .extent = extent,
                                          .stride = stride});
    }
    part_at(m, parent)->is_split = true;
    Split split = {.parent = parent, .n = n, .parts = arena_copy(arena, out_parts, n * sizeof *out_parts),
                   .edge = edge, .pad = pad};
    vec_push(arena, &m->clauses, ((Clause){CLAUSE_SPLIT, m->splits.n}));
    vec_push(arena, &m->splits, split);
}

PartId mapping_fuse(Mapping *m, Name name, uint32_t n, const PartId *parts)
{
    Arena *arena = &m->cs->cx->arena;
    int64_t extent = 1;
    for (uint32_t k = 0; k < n; k++)
        if (__builtin_mul_overflow(extent, part_at(m, parts[k])->extent, &extent))
            weir_bug(m->cs->cx, "fusion %s: extents", cx_text(m->cs->cx, name));
    PartId fused = add_part(m, (Part){.name = name, .origin = PART_FUSED, .extent = extent, .n_joined = n,
                                      .joined = arena_copy(arena, parts, n * sizeof *parts)});
    vec_push(arena, &m->clauses, ((Clause){CLAUSE_FUSE, m->fusions.n}));
    vec_push(arena, &m->fusions, ((Fusion){.part = fused}));
    return fused;
}

bool mapping_part_of(const Mapping *m, PartId part, uint32_t n, const RankId *ranks, bool *out_any)
{
    const Part *p = part_at(m, part);
    while (p->origin == PART_SPLIT)
        p = part_at(m, p->parent);
    bool all = true, any = false;
    if (p->origin == PART_RANK) {
        for (uint32_t i = 0; i < n; i++)
            any = any || rank_same(ranks[i], p->rank);
        all = any;
    }
    for (uint32_t k = 0; k < p->n_joined; k++) {
        bool some;
        all = mapping_part_of(m, p->joined[k], n, ranks, &some) && all;
        any = any || some;
    }
    *out_any = any;
    return all;
}

const Split *mapping_split_of(const Mapping *m, PartId parent, const bool *have)
{
    for (uint32_t s = 0; s < m->splits.n; s++) {
        const Split *split = &m->splits.at[s];
        bool all = split->parent.i == parent.i;
        for (uint32_t k = 0; all && k < split->n; k++)
            all = have[split->parts[k].i];
        if (all)
            return split;
    }
    return NULL;
}

/* ---- coordinates ---- */

typedef struct Coordinates {
    const Mapping *m;
    Cascade *cs;
    const RankId *part_rank;
} Coordinates;

static ExprId from_parts(const Coordinates *c, PartId part);

/* From the parts of a split. */
static ExprId from_split(const Coordinates *c, const Split *split)
{
    ExprId sum = {0};
    for (uint32_t k = 0; k < split->n; k++) {
        ExprId x = from_parts(c, split->parts[k]);
        if (x.i == 0)
            return x;
        x = ex_scale(c->cs, part_at(c->m, split->parts[k])->stride, x);
        sum = sum.i == 0 ? x : ex_binary(c->cs, FN_ADD, sum, x);
    }
    return sum;
}

/* The coordinate of `part`, or of what it is a split of, as far as given parts make it up; no fusions upwards. */
static ExprId from_parts(const Coordinates *c, PartId part)
{
    if (c->part_rank[part.i].i != 0)
        return ex_rank(c->cs, c->part_rank[part.i]);
    for (uint32_t s = 0; s < c->m->splits.n; s++) {
        const Split *split = &c->m->splits.at[s];
        ExprId sum = split->parent.i == part.i ? from_split(c, split) : (ExprId){0};
        if (sum.i != 0)
            return sum;
    }
    return (ExprId){0};
}

/* From a fusion that `part` is joined in: q / (what is right of it) % its extent. */
static ExprId from_fusion(const Coordinates *c, PartId fused, PartId part)
{
    const Part *f = part_at(c->m, fused);
    ExprId q = mapping_coordinate(c->m, c->cs, fused, c->part_rank);
    int64_t right = 1;
    uint32_t at = f->n_joined;
    while (f->joined[--at].i != part.i)
        right *= part_at(c->m, f->joined[at])->extent;
    if (q.i != 0 && right != 1)
        q = ex_binary(c->cs, FN_DIV, q, ex_int(c->cs, right));
    if (q.i != 0 && at != 0)
        q = ex_binary(c->cs, FN_MOD, q, ex_int(c->cs, part_at(c->m, part)->extent));
    return q;
}

ExprId mapping_coordinate(const Mapping *m, Cascade *cs, PartId part, const RankId *part_rank)
{
    Coordinates c = {m, cs, part_rank};
    ExprId x = from_parts(&c, part);
    for (uint32_t i = 0; x.i == 0 && i < m->fusions.n; i++) {
        const Part *fused = part_at(m, m->fusions.at[i].part);
        bool joined = false;
        for (uint32_t k = 0; k < fused->n_joined; k++)
            joined = joined || fused->joined[k].i == part.i;
        if (joined)
            x = from_fusion(&c, m->fusions.at[i].part, part);
    }
    return x;
}

/* ---- the tree ---- */

MapNodeId mapping_node(Mapping *m, MapNode node)
{
    vec_push(&m->cs->cx->arena, &m->nodes, node);
    return (MapNodeId){m->nodes.n - 1};
}

void mapping_append(Mapping *m, MapNodeId parent, MapNodeId child)
{
    MapNodeId *first = parent.i == 0 ? &m->root : &node_at(m, parent)->first;
    MapNodeId *last = parent.i == 0 ? &m->last_root : &node_at(m, parent)->last;
    if (last->i == 0)
        *first = child;
    else
        node_at(m, *last)->next = child;
    *last = child;
    node_at(m, child)->parent = parent;
}

void mapping_place(Mapping *m, PlaceLine line)
{
    vec_push(&m->cs->cx->arena, &m->places, line);
}

MapNodeId mapping_leaf(const Mapping *m, StatementId statement)
{
    for (uint32_t i = 1; i < m->nodes.n; i++)
        if (m->nodes.at[i].role == ROLE_LEAF && m->nodes.at[i].statement.i == statement.i)
            return (MapNodeId){i};
    return (MapNodeId){0};
}

uint32_t mapping_path(const Mapping *m, MapNodeId node, MapNodeId *out_path, uint32_t most)
{
    uint32_t n = 0;
    for (MapNodeId i = node; i.i != 0; i = node_at(m, i)->parent)
        n++;
    uint32_t k = n;
    for (MapNodeId i = node; i.i != 0; i = node_at(m, i)->parent)
        if (--k < most)
            out_path[k] = i;
    return n;
}

uint32_t mapping_leaves(const Mapping *m, MapNodeId *out_leaves, uint32_t most)
{
    uint32_t n = 0;
    MapNodeId at = m->root;
    while (at.i != 0) {
        const MapNode *node = node_at(m, at);
        if (node->role == ROLE_LEAF) {
            if (n < most)
                out_leaves[n] = at;
            n++;
        }
        if (node->first.i != 0) {
            at = node->first;
            continue;
        }
        while (at.i != 0 && node_at(m, at)->next.i == 0)
            at = node_at(m, at)->parent;
        if (at.i != 0)
            at = node_at(m, at)->next;
    }
    return n;
}
