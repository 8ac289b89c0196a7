/*
 * isa/host/lower_place.c: where tensors live: buffers of the program, local arrays, layouts, offsets.
 */
#include "isa/host/lower_internal.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_LOCAL = 4096, MOST_LOCALS = 12288, ALIGN = 64 };

/* ---- layouts ---- */

static uint32_t dim_of_rank(const Cascade *cs, TensorId tensor, RankId rank)
{
    const TensorDecl *t = tensor_at(cs, tensor);
    for (uint32_t d = 0; d < t->n_dims; d++)
        if (rank_same(t->dims[d].rank, rank))
            return d;
    return UINT32_MAX;
}

static bool layout_item(const Mapping *m, TensorId tensor, PartId part, LayoutItem *out)
{
    const Part *p = part_at(m, part);
    LayoutItem item = {0};
    if (p->origin == PART_RANK) {
        item.dim[0] = dim_of_rank(m->cs, tensor, p->rank);
        if (item.dim[0] == UINT32_MAX)
            return false;
        item.n_dims = 1;
        item.mult[0] = 1;
        item.extent = dim_extent(m->cs, tensor, item.dim[0]);
    } else if (p->origin == PART_SPLIT) {
        if (!layout_item(m, tensor, p->parent, &item) || item.n_steps == LOOP_LAYOUT_STEPS)
            return false;
        bool outermost = true;
        for (uint32_t s = 0; s < m->splits.n; s++)
            for (uint32_t k = 1; k < m->splits.at[s].n; k++)
                outermost &= m->splits.at[s].parts[k].i != part.i;
        item.divide[item.n_steps] = p->stride;
        item.modulo[item.n_steps++] = outermost ? 0 : p->extent;
        item.extent = p->extent;
    } else {
        item.extent = p->extent;
        int64_t inner = p->extent;
        for (uint32_t k = 0; k < p->n_joined; k++) {
            LayoutItem joined;
            if (!layout_item(m, tensor, p->joined[k], &joined) || joined.n_steps != 0 || item.n_dims == LOOP_LAYOUT_DIMS)
                return false;
            inner /= joined.extent > 0 ? joined.extent : 1;
            item.dim[item.n_dims] = joined.dim[0];
            item.mult[item.n_dims++] = inner;
        }
    }
    *out = item;
    return true;
}

static bool layout_of_line(weir_context *cx, const Mapping *m, const PlaceLine *line, Layout *out)
{
    Layout layout = {.n = line->n_parts, .items = ARENA_ARRAY(&cx->arena, LayoutItem, line->n_parts)};
    for (uint32_t k = 0; k < line->n_parts; k++)
        if (!layout_item(m, line->tensor, line->parts[k], &layout.items[k]))
            return false;
    *out = layout;
    return true;
}

int64_t layout_elements(const Layout *layout, const Cascade *cs, TensorId tensor)
{
    if (layout->row_major)
        return tensor_size(cs, tensor);
    int64_t n = 1;
    for (uint32_t k = 0; k < layout->n; k++)
        if (__builtin_mul_overflow(n, layout->items[k].extent, &n))
            return -1;
    return n;
}

/* Every coordinate of the tensor has an element of its own: each dimension is there whole. */
static bool covers(const Layout *layout, const Cascade *cs, TensorId tensor)
{
    for (uint32_t d = 0; d < tensor_at(cs, tensor)->n_dims; d++) {
        int64_t points = 1;
        for (uint32_t k = 0; k < layout->n; k++)
            for (uint32_t j = 0; j < layout->items[k].n_dims; j++)
                if (layout->items[k].dim[j] == d)
                    points *= layout->items[k].extent;
        if (points < dim_extent(cs, tensor, d))
            return false;
    }
    return true;
}

static const PlaceLine *line_of(const Mapping *m, TensorId tensor)
{
    for (uint32_t k = 0; m != NULL && k < m->places.n; k++)
        if (m->places.at[k].tensor.i == tensor.i && m->places.at[k].has_layout)
            return &m->places.at[k];
    return NULL;
}

void layouts_collect(Lower *l)
{
    l->layout_of = ARENA_ARRAY(&l->cx->arena, Layout, l->cs->tensors.n);
    for (uint32_t t = 0; t < l->cs->tensors.n; t++)
        l->layout_of[t].row_major = true;
    for (uint32_t k = 0; l->groups != NULL && k < l->groups->list.n; k++) {
        const Mapping *m = l->groups->list.at[k].mapping;
        for (uint32_t j = 0; m != NULL && j < m->places.n; j++) {
            const PlaceLine *line = &m->places.at[j];
            const TensorDecl *t = tensor_at(l->cs, line->tensor);
            Layout layout;
            if (t->role != TENSOR_TMP || t->is_out || l->internal[line->tensor.i] || !line->has_layout ||
                !l->layout_of[line->tensor.i].row_major)
                continue;
            if (layout_of_line(l->cx, m, line, &layout) && covers(&layout, l->cs, line->tensor))
                l->layout_of[line->tensor.i] = layout;
        }
    }
}

static bool same_layout(const Layout *a, const Layout *b)
{
    if (a->row_major || b->row_major)
        return a->row_major == b->row_major;
    return a->n == b->n && memcmp(a->items, b->items, a->n * sizeof a->items[0]) == 0;
}

/* ---- buffers ---- */

static uint32_t add_buffer(Lower *l, LoopBuffer b)
{
    b.bytes = b.elements * dtype_bytes(b.type);
    b.first_use = b.last_use = l->calls;
    vec_push(&l->cx->arena, &l->p->buffers, b);
    return l->p->buffers.n - 1;
}

static uint32_t constant_buffer(Lower *l, const GroupLower *g, TensorId tensor)
{
    const PlaceLine *line = g != NULL ? line_of(g->m, tensor) : NULL;
    Layout layout = {.row_major = true};
    if (line != NULL && (!layout_of_line(l->cx, g->m, line, &layout) || !covers(&layout, l->cs, tensor)))
        layout = (Layout){.row_major = true};
    for (uint32_t k = 0; k < l->p->buffers.n; k++)
        if (l->p->buffers.at[k].tensor.i == tensor.i && same_layout(&l->p->buffers.at[k].layout, &layout))
            return k;
    const TensorDecl *t = tensor_at(l->cs, tensor);
    return add_buffer(l, (LoopBuffer){.name = t->name, .tensor = tensor, .kind = BUFFER_CONST, .type = t->type, .layout = layout,
                                      .elements = (uint64_t)layout_elements(&layout, l->cs, tensor)});
}

uint32_t buffer_for(Lower *l, GroupLower *g, TensorId tensor)
{
    const TensorDecl *t = tensor_at(l->cs, tensor);
    uint32_t k;
    if (t->role == TENSOR_CONST) {
        k = constant_buffer(l, g, tensor);
    } else if (l->buffer_of[tensor.i] != 0) {
        k = l->buffer_of[tensor.i] - 1;
    } else {
        LoopBufferKind kind = t->is_out ? BUFFER_OUT : t->role == TENSOR_IN ? BUFFER_IN : BUFFER_ARENA;
        k = add_buffer(l, (LoopBuffer){.name = t->name, .tensor = tensor, .kind = kind, .type = t->type,
                                       .layout = l->layout_of[tensor.i],
                                       .elements = (uint64_t)layout_elements(&l->layout_of[tensor.i], l->cs, tensor)});
        l->buffer_of[tensor.i] = k + 1;
    }
    l->p->buffers.at[k].last_use = l->calls;
    return k;
}

static uint32_t add_parameter(GroupLower *g, const char *name, uint32_t buffer)
{
    const LoopBuffer *b = &g->p->buffers.at[buffer];
    LoopSlot slot = {.name = name, .type = b->type, .is_aligned = b->kind == BUFFER_CONST || b->kind == BUFFER_ARENA};
    vec_push(&g->cx->arena, &g->params, buffer);
    return loop_add_slot(g->p, &g->f, slot);
}

uint32_t tensor_slot(GroupLower *g, TensorId tensor, bool written)
{
    TensorSlot *t = &g->tensors[tensor.i];
    if (!t->set) {
        uint32_t buffer = buffer_for(g->l, g, tensor);
        *t = (TensorSlot){.set = true, .layout = g->p->buffers.at[buffer].layout};
        t->slot = add_parameter(g, tensor_name(g->cs, tensor), buffer);
    }
    g->f.slots.at[t->slot].written |= written;
    return t->slot;
}

uint32_t scratch_buffer(Lower *l, const char *name, Dtype type, uint64_t elements)
{
    LoopBuffer b = {.name = intern_text(&l->cx->names, name), .kind = BUFFER_ARENA, .type = type, .elements = elements};
    b.layout.row_major = true;
    return add_buffer(l, b);
}

uint32_t place_temporary(GroupLower *g, const char *name, Dtype type, uint64_t elements)
{
    uint64_t bytes = elements * dtype_bytes(type);
    if (bytes <= MOST_LOCAL && g->local_bytes + bytes <= MOST_LOCALS) {
        g->local_bytes += bytes;
        LoopSlot slot = {.name = name, .type = type, .local = true, .elements = elements, .written = true, .is_aligned = true};
        return loop_add_slot(g->p, &g->f, slot);
    }
    return add_parameter(g, name, scratch_buffer(g->l, name, type, elements));
}

/* ---- tensors inside a group ---- */

typedef struct Uses {
    const GroupLower *g;
    TensorId tensor;
    uint32_t dim;
    RankId rank;
    bool found, plain; /* the tensor is read; by the rank itself in the dimension */
} Uses;

static void see_access(void *data, ExprId e)
{
    Uses *u = data;
    const Expr *x = expr_at(u->g->cs, e);
    if (x->kind != EX_ACCESS || x->tensor.i != u->tensor.i)
        return;
    u->found = true;
    if (u->dim < x->n_args) {
        const Expr *index = expr_at(u->g->cs, expr_arg(u->g->cs, e, u->dim));
        u->plain &= index->kind == EX_RANK && rank_same(index->rank, u->rank);
    }
}

static void see_root(void *data, ExprId root)
{
    expr_visit(((Uses *)data)->g->cs, root, see_access, data);
}

static bool leaf_uses(const GroupLower *g, const Leaf *leaf, Uses *u)
{
    const Statement *st = statement_at(g->cs, leaf->statement);
    u->found = st->targets[0].tensor.i == u->tensor.i;
    if (u->found && u->dim < st->targets[0].n_index) {
        const Expr *index = expr_at(g->cs, st->targets[0].index[u->dim]);
        u->plain &= index->kind == EX_RANK && rank_same(index->rank, u->rank);
    }
    statement_exprs(g->cs, st, see_root, u);
    return u->found;
}

/* The loops around all leaves that define or read the tensor. */
static uint32_t common_path(const GroupLower *g, TensorId tensor, uint32_t *path)
{
    uint32_t n = UINT32_MAX;
    for (uint32_t k = 0; k < g->leaves.n; k++) {
        const Leaf *leaf = &g->leaves.at[k];
        Uses u = {.g = g, .tensor = tensor, .dim = UINT32_MAX};
        if (!leaf_uses(g, leaf, &u))
            continue;
        uint32_t same = 0;
        while (n != UINT32_MAX && same < n && same < leaf->n_path && leaf->path[same] == path[same])
            same++;
        if (n == UINT32_MAX)
            memcpy(path, leaf->path, (same = leaf->n_path) * sizeof path[0]);
        n = same;
    }
    return n == UINT32_MAX ? 0 : n;
}

static bool part_on(const GroupLower *g, const uint32_t *path, uint32_t n, PartId part)
{
    for (uint32_t k = 0; k < n; k++)
        if (g->nodes.at[path[k]].part.i == part.i)
            return true;
    return false;
}

static bool plain_everywhere(const GroupLower *g, TensorId tensor, uint32_t dim, RankId rank)
{
    Uses u = {.g = g, .tensor = tensor, .dim = dim, .rank = rank, .plain = true};
    for (uint32_t k = 0; k < g->leaves.n; k++)
        (void)leaf_uses(g, &g->leaves.at[k], &u);
    return u.plain;
}

/* The items of one dimension: what the common loops do not fix. */
static void dim_items(const GroupLower *g, TensorId tensor, uint32_t dim, const uint32_t *path, uint32_t n_path, Layout *layout)
{
    RankId rank = tensor_at(g->cs, tensor)->dims[dim].rank;
    LayoutItem whole = {.n_dims = 1, .dim = {dim}, .mult = {1}, .extent = dim_extent(g->cs, tensor, dim)};
    bool plain = plain_everywhere(g, tensor, dim, rank);
    for (uint32_t p = 1; plain && p < g->m->parts.n; p++)
        if (g->m->parts.at[p].origin == PART_RANK && rank_same(g->m->parts.at[p].rank, rank) && part_on(g, path, n_path, (PartId){p}))
            return;
    uint32_t splits = 0, the = 0, fixed = 0;
    for (uint32_t s = 0; s < g->m->splits.n; s++) {
        RankId of;
        if (part_rank(g->m, g->m->splits.at[s].parent, &of) && rank_same(of, rank)) {
            splits++;
            the = s;
        }
    }
    const Split *split = splits == 1 ? &g->m->splits.at[the] : NULL;
    for (uint32_t k = 0; split != NULL && k < split->n; k++)
        fixed += part_on(g, path, n_path, split->parts[k]) ? 1 : 0;
    if (!plain || fixed == 0 || split->edge == EDGE_OVERLAP) {
        layout->items[layout->n++] = whole;
        return;
    }
    for (uint32_t k = 0; k < split->n; k++)
        if (!part_on(g, path, n_path, split->parts[k]) && layout_item(g->m, tensor, split->parts[k], &layout->items[layout->n]))
            layout->n++;
}

static void place_one(GroupLower *g, TensorId tensor)
{
    const TensorDecl *t = tensor_at(g->cs, tensor);
    const PlaceLine *line = line_of(g->m, tensor);
    Layout layout = {0};
    if (line == NULL || !layout_of_line(g->cx, g->m, line, &layout)) {
        uint32_t path[MOST_PATH], n = common_path(g, tensor, path);
        layout = (Layout){.items = ARENA_ARRAY(&g->cx->arena, LayoutItem, 4 * (t->n_dims + 1))};
        for (uint32_t d = 0; d < t->n_dims; d++)
            dim_items(g, tensor, d, path, n, &layout);
    }
    int64_t elements = layout_elements(&layout, g->cs, tensor);
    uint32_t slot = place_temporary(g, tensor_name(g->cs, tensor), t->type, (uint64_t)elements);
    g->tensors[tensor.i] = (TensorSlot){.set = true, .slot = slot, .layout = layout};
}

void place_internal(GroupLower *g)
{
    for (uint32_t k = 0; k < g->leaves.n; k++) {
        const Statement *st = statement_at(g->cs, g->leaves.at[k].statement);
        TensorId tensor = st->targets[0].tensor;
        if (g->l->internal[tensor.i] && !g->tensors[tensor.i].set)
            place_one(g, tensor);
    }
}

/* ---- offsets ---- */

static uint64_t aligned(uint64_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static int by_size(const void *a, const void *b)
{
    const LoopBuffer *x = *(LoopBuffer *const *)a, *y = *(LoopBuffer *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x < y ? -1 : x > y;
}

static bool overlap(const Lower *l, const LoopBuffer *a, const LoopBuffer *b)
{
    return l->options.keep_all || (a->first_use <= b->last_use && b->first_use <= a->last_use);
}

/* First fit, largest first: the lowest offset that no buffer alive at the same time covers. */
static uint64_t fit(const Lower *l, LoopBuffer **placed, uint32_t n, const LoopBuffer *b, uint64_t start)
{
    uint64_t at = start;
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t k = 0; k < n; k++) {
            const LoopBuffer *other = placed[k];
            uint64_t end = other->offset + aligned(other->bytes);
            if (overlap(l, b, other) && at < end && other->offset < at + aligned(b->bytes)) {
                at = end;
                moved = true;
            }
        }
    }
    return at;
}

static uint64_t peak(const Lower *l, LoopBuffer **list, uint32_t n)
{
    uint64_t most = 0;
    for (uint32_t c = 0; c <= l->calls; c++) {
        uint64_t live = 0;
        for (uint32_t k = 0; k < n; k++)
            if (list[k]->first_use <= c && c <= list[k]->last_use)
                live += aligned(list[k]->bytes);
        most = live > most ? live : most;
    }
    return most;
}

void arena_assign(Lower *l)
{
    LoopProgram *p = l->p;
    uint64_t start = LOOP_ARENA_HEAD, end = start;
    LoopBuffer **list = ARENA_ARRAY(&l->cx->arena, LoopBuffer *, p->buffers.n + 1);
    uint32_t n = 0;
    for (uint32_t k = 0; k < p->buffers.n; k++)
        if (p->buffers.at[k].kind == BUFFER_ARENA)
            list[n++] = &p->buffers.at[k];
    qsort(list, n, sizeof list[0], by_size);
    for (uint32_t k = 0; k < n; k++) {
        list[k]->offset = fit(l, list, k, list[k], start);
        uint64_t last = list[k]->offset + aligned(list[k]->bytes);
        end = last > end ? last : end;
    }
    p->arena_bytes = end;
    p->arena_bound_bytes = start + peak(l, list, n);
}

weir_status weights_assign(Lower *l)
{
    uint64_t at = 0;
    for (uint32_t k = 0; k < l->p->buffers.n; k++) {
        LoopBuffer *b = &l->p->buffers.at[k];
        if (b->kind != BUFFER_CONST)
            continue;
        b->offset = at;
        at += aligned(b->bytes);
    }
    l->p->weights_bytes = at;
    return WEIR_OK;
}
