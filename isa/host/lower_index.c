/*
 * isa/host/lower_index.c: coordinates of ranks from the counters of their parts, extents, elements in a layout.
 */
#include "isa/host/lower_internal.h"

#include <string.h>

static LoopExprId of_split(GroupLower *g, PartId part)
{
    for (uint32_t s = 0; s < g->m->splits.n; s++) {
        const Split *split = &g->m->splits.at[s];
        if (split->parent.i != part.i)
            continue;
        LoopExprId sum = loop_int(g->p, -g->splits[s].shift);
        uint32_t k = 0;
        for (; k < split->n; k++) {
            LoopExprId value = part_coordinate(g, split->parts[k]);
            if (value.i == 0)
                break;
            sum = loop_index_add(g->p, &g->f, sum, loop_index_scale(g->p, &g->f, value, part_at(g->m, split->parts[k])->stride));
        }
        if (k == split->n)
            return sum;
    }
    return (LoopExprId){0};
}

static LoopExprId of_fusion(GroupLower *g, PartId part)
{
    for (uint32_t q = 0; q < g->m->fusions.n; q++) {
        PartId fused = g->m->fusions.at[q].part;
        const Part *f = part_at(g->m, fused);
        int64_t inner = 1;
        for (uint32_t k = f->n_joined; k-- > 0;) {
            const Part *joined = part_at(g->m, f->joined[k]);
            if (f->joined[k].i == part.i) {
                LoopExprId value = part_coordinate(g, fused);
                if (value.i == 0)
                    break;
                value = loop_index_div(g->p, &g->f, value, inner);
                return k == 0 ? value : loop_index_mod(g->p, &g->f, value, joined->extent);
            }
            inner *= joined->extent;
        }
    }
    return (LoopExprId){0};
}

LoopExprId part_coordinate(GroupLower *g, PartId part)
{
    if (g->part_value[part.i].i != 0)
        return g->part_value[part.i];
    LoopExprId value = of_split(g, part);
    return value.i != 0 ? value : of_fusion(g, part);
}

LoopExprId rank_coordinate(GroupLower *g, RankId rank)
{
    if (rank_at(g->cs, rank)->kind == RANK_ITERATIVE)
        return scalar_param(g, SCALAR_COORDINATE, rank);
    if (g->rank_value[rank.i].i != 0)
        return g->rank_value[rank.i];
    for (uint32_t k = 1; k < g->m->parts.n; k++)
        if (g->m->parts.at[k].origin == PART_RANK && rank_same(g->m->parts.at[k].rank, rank))
            return part_coordinate(g, (PartId){k});
    return (LoopExprId){0};
}

LoopExprId scalar_param(GroupLower *g, ScalarKind kind, RankId rank)
{
    for (uint32_t k = 0; k < g->scalars.n; k++)
        if (g->scalars.at[k].kind == kind && rank_same(g->scalars.at[k].rank, rank))
            return loop_var(g->p, &g->f, g->scalars.at[k].var);
    const Rank *r = rank_at(g->cs, rank);
    LoopVar var = {.name = "x", .type = DT_I64, .lanes = 1, .counter = true, .parameter = true, .ranged = true};
    var.least = 0;
    var.most = r->extent > 0 && kind == SCALAR_COORDINATE ? r->extent - 1 : r->extent;
    ScalarParam param = {.kind = kind, .rank = rank, .var = loop_add_var(g->p, &g->f, var)};
    vec_push(&g->cx->arena, &g->scalars, param);
    return loop_var(g->p, &g->f, param.var);
}

LoopExprId rank_end(GroupLower *g, RankId rank)
{
    const Rank *r = rank_at(g->cs, rank);
    if (r->kind == RANK_SCALAR || r->kind == RANK_COUNT)
        return scalar_param(g, SCALAR_EXTENT, rank);
    return loop_int(g->p, r->extent);
}

LoopExprId dim_end(GroupLower *g, TensorId tensor, uint32_t dim)
{
    const TensorDim *d = &tensor_at(g->cs, tensor)->dims[dim];
    const Rank *r = rank_at(g->cs, d->rank);
    bool after = r->kind == RANK_ITERATIVE && g->l->coordinate[d->rank.i].i == 0;
    LoopExprId end = after ? scalar_param(g, SCALAR_COUNT, d->rank) : rank_end(g, d->rank);
    return d->next ? loop_index_add(g->p, &g->f, end, loop_int(g->p, 1)) : end;
}

static LoopExprId item_value(GroupLower *g, const LayoutItem *item, const LoopExprId *index)
{
    LoopExprId sum = loop_int(g->p, 0);
    for (uint32_t k = 0; k < item->n_dims; k++)
        sum = loop_index_add(g->p, &g->f, sum, loop_index_scale(g->p, &g->f, index[item->dim[k]], item->mult[k]));
    for (uint32_t s = 0; s < item->n_steps; s++) {
        sum = loop_index_div(g->p, &g->f, sum, item->divide[s]);
        if (item->modulo[s] != 0)
            sum = loop_index_mod(g->p, &g->f, sum, item->modulo[s]);
    }
    return sum;
}

LoopExprId layout_index(GroupLower *g, const Layout *layout, TensorId tensor, const LoopExprId *index)
{
    LoopExprId sum = loop_int(g->p, 0);
    if (layout->row_major) {
        for (uint32_t d = 0; d < tensor_at(g->cs, tensor)->n_dims; d++)
            sum = loop_index_add(g->p, &g->f, loop_index_scale(g->p, &g->f, sum, dim_extent(g->cs, tensor, d)), index[d]);
        return sum;
    }
    for (uint32_t k = 0; k < layout->n; k++)
        sum = loop_index_add(g->p, &g->f, loop_index_scale(g->p, &g->f, sum, layout->items[k].extent),
                        item_value(g, &layout->items[k], index));
    return sum;
}

bool part_rank(const Mapping *m, PartId part, RankId *out_rank)
{
    while (part_at(m, part)->origin == PART_SPLIT)
        part = part_at(m, part)->parent;
    *out_rank = part_at(m, part)->rank;
    return part_at(m, part)->origin == PART_RANK;
}

bool part_is_of(const Mapping *m, PartId part, const RankId *ranks, uint32_t n)
{
    RankId rank;
    if (part_rank(m, part, &rank)) {
        for (uint32_t k = 0; k < n; k++)
            if (rank_same(ranks[k], rank))
                return true;
        return false;
    }
    while (part_at(m, part)->origin == PART_SPLIT)
        part = part_at(m, part)->parent;
    return part_is_of(m, part_at(m, part)->joined[0], ranks, n);
}
