/*
 * ir/mapping_order.c: producers before consumers in every shared iteration, finished sums, windows, pipes.
 */
#include <string.h>

#include "ir/mapping_verify.h"

/* The leaves that define each tensor, as lists by number + 1. */
typedef struct Producers {
    uint32_t *first; /* by tensor */
    uint32_t *next;  /* by leaf */
} Producers;

typedef struct OrderCheck {
    MapVerify *v;
    Producers producers;
    uint32_t consumer; /* number of the leaf */
} OrderCheck;

/* Whether the tensor is carried: written at generations of an iterative rank. */
static bool carried(const Cascade *cs, const Statement *st)
{
    const Target *target = &st->targets[0];
    const TensorDecl *tensor = tensor_at(cs, target->tensor);
    for (uint32_t d = 0; d < tensor->n_dims; d++)
        if (rank_at(cs, tensor->dims[d].rank)->kind == RANK_ITERATIVE)
            return true;
    return false;
}

static bool same_index(const Cascade *cs, ExprId a, ExprId b)
{
    Affine x, y;
    if (expr_equal(cs, a, b))
        return true;
    if (!expr_affine(cs, a, &x) || !expr_affine(cs, b, &y) || x.constant != y.constant || x.n != y.n)
        return false;
    for (uint32_t i = 0; i < x.n; i++) {
        bool found = false;
        for (uint32_t j = 0; j < y.n; j++)
            found = found || (rank_same(x.rank[i], y.rank[j]) && x.coefficient[i] == y.coefficient[j]);
        if (!found)
            return false;
    }
    return true;
}

/* Whether the consumer reads, in dimensions that the part runs over, just the point the producer writes there. */
static bool reads_point(const MapVerify *v, const LeafView *producer, ExprId access, PartId part)
{
    const Target *target = &producer->st->targets[0];
    for (uint32_t d = 0; d < target->n_index; d++) {
        Affine index;
        bool runs = false;
        if (!expr_affine(v->cs, target->index[d], &index))
            return false;
        mapping_part_of(v->m, part, index.n, index.rank, &runs);
        if (runs && !same_index(v->cs, target->index[d], expr_arg(v->cs, access, d)))
            return false;
    }
    return true;
}

static bool on_path(const LeafView *view, MapNodeId node)
{
    for (uint32_t i = 0; i < view->n_path; i++)
        if (view->path[i].i == node.i)
            return true;
    return node.i == 0;
}

static const PlaceLine *buffered(const MapVerify *v, TensorId tensor)
{
    for (uint32_t i = 0; i < v->m->places.n; i++) {
        const PlaceLine *place = &v->m->places.at[i];
        if (place->tensor.i == tensor.i && (place->times >= 2 || strcmp(cx_text(v->cx, place->level), "stream") == 0))
            return place;
    }
    return NULL;
}

/* Rule 9 at the node where the paths part. */
static void check_pipe(MapVerify *v, const LeafView *producer, const LeafView *consumer, uint32_t shared)
{
    if (v->host || shared >= producer->n_path || shared >= consumer->n_path)
        return;
    bool stages = node_at(v->m, producer->path[shared])->role == ROLE_STAGE &&
                  node_at(v->m, consumer->path[shared])->role == ROLE_STAGE;
    bool pipe = shared > 0 && node_at(v->m, producer->path[shared - 1])->role == ROLE_PIPE;
    TensorId tensor = producer->st->targets[0].tensor;
    if ((stages || pipe) && buffered(v, tensor) == NULL)
        map_breach(v, MAPPING_PIPE, node_at(v->m, consumer->leaf)->line,
                   "%s goes between overlapping stages: it needs a stream or an xN buffer", tensor_name(v->cs, tensor));
}

static void check_windows(MapVerify *v, const LeafView *producer, const LeafView *consumer)
{
    for (uint32_t i = 0; i < producer->n_path; i++) {
        const MapNode *node = node_at(v->m, producer->path[i]);
        if (node->window != WINDOW_NONE && !on_path(consumer, node->parent))
            map_breach(v, MAPPING_ORDER, node_at(v->m, consumer->leaf)->line,
                       "%s reads %s outside the loop in which its window is computed", map_leaf_name(v, consumer),
                       map_leaf_name(v, producer));
    }
}

static void check_pair(OrderCheck *c, const LeafView *producer, const LeafView *consumer, ExprId access)
{
    MapVerify *v = c->v;
    uint32_t line = node_at(v->m, consumer->leaf)->line, shared = 0;
    const char *reader = map_leaf_name(v, consumer), *read = map_leaf_name(v, producer);
    if (carried(v->cs, producer->st))
        return;
    if (producer > consumer) {
        map_breach(v, MAPPING_ORDER, line, "%s reads %s, which comes later", reader, read);
        return;
    }
    while (shared < producer->n_path && shared < consumer->n_path &&
           producer->path[shared].i == consumer->path[shared].i) {
        const MapNode *node = node_at(v->m, producer->path[shared++]);
        bool reduced = false, kept = false;
        if (node->part.i == 0)
            continue;
        mapping_part_of(v->m, node->part, producer->st->n_reduced, producer->st->reduced, &reduced);
        mapping_part_of(v->m, node->part, producer->n_ranks, producer->ranks, &kept);
        if (reduced)
            map_breach(v, MAPPING_FINISHED, line, "%s reads %s inside the loop over %s that it is reduced by", reader, read,
                       map_part_name(v, node->part));
        else if (kept && producer->st->scatter == RED_NONE && !reads_point(v, producer, access, node->part))
            map_breach(v, MAPPING_ORDER, line, "%s reads points of %s that the shared loop over %s has not computed", reader,
                       read, map_part_name(v, node->part));
    }
    check_windows(v, producer, consumer);
    check_pipe(v, producer, consumer, shared);
}

static void visit_read(void *data, ExprId e)
{
    OrderCheck *c = data;
    const Expr *x = expr_at(c->v->cs, e);
    if (x->kind != EX_ACCESS)
        return;
    const LeafView *consumer = &c->v->views[c->consumer];
    for (uint32_t i = c->producers.first[x->tensor.i]; i != 0; i = c->producers.next[i - 1])
        if (i - 1 != c->consumer)
            check_pair(c, &c->v->views[i - 1], consumer, e);
}

static void visit_expr(void *data, ExprId e)
{
    OrderCheck *c = data;
    expr_visit(c->v->cs, e, visit_read, c);
}

/* A window names a leaf that reads something computed in it. */
static void check_window_leaf(MapVerify *v, MapNodeId id)
{
    const MapNode *node = node_at(v->m, id);
    const Statement *reader = statement_at(v->cs, node->window_leaf);
    const ExprId list[] = {reader->body, reader->condition, reader->from};
    for (uint32_t i = 0; i < v->n; i++) {
        if (!on_path(&v->views[i], id))
            continue;
        for (size_t k = 0; k < sizeof list / sizeof *list; k++)
            if (expr_uses_tensor(v->cs, list[k], v->views[i].st->targets[0].tensor))
                return;
    }
    map_breach(v, MAPPING_ORDER, node->line, "%s reads nothing that is computed in this window",
               tensor_name(v->cs, reader->targets[0].tensor));
}

void map_check_order(MapVerify *v)
{
    Arena *arena = &v->cx->arena;
    OrderCheck c = {v, {ARENA_ARRAY(arena, uint32_t, v->cs->tensors.n), ARENA_ARRAY(arena, uint32_t, v->n)}, 0};
    for (uint32_t i = 0; i < v->n; i++) {
        uint32_t *first = &c.producers.first[v->views[i].st->targets[0].tensor.i];
        c.producers.next[i] = *first;
        *first = i + 1;
    }
    for (c.consumer = 0; c.consumer < v->n; c.consumer++)
        statement_exprs(v->cs, v->views[c.consumer].st, visit_expr, &c);
    for (uint32_t i = 1; i < v->m->nodes.n; i++)
        if (v->m->nodes.at[i].window != WINDOW_NONE)
            check_window_leaf(v, (MapNodeId){i});
}
