/*
 * isa/host/lower_tree.c: the mapping tree as nested loops.
 *
 * In:   a mapping, or none: then a `for` over every rank. Loops that a leaf's ranks lack are put around the leaf.
 * Keep: a loop over a part of a split with a guarded edge runs full tiles, then one shorter tile written out again, so that
 *       register tiles have constant sizes; where the order of the parts does not allow that, the leaf is guarded.
 */
#include "isa/host/lower_internal.h"

#include <string.h>

enum { MOST_UNROLL = 32 };

/* ---- building ---- */

static uint32_t new_node(GroupLower *g, HostNode node, uint32_t parent)
{
    uint32_t k = g->nodes.n;
    node.parent = parent;
    vec_push(&g->cx->arena, &g->nodes, node);
    if (k == 0)
        return 0;
    HostNode *up = &g->nodes.at[parent];
    if (up->first == 0)
        up->first = k;
    else
        g->nodes.at[up->last].next = k;
    up->last = k;
    return k;
}

static PartId whole_rank(GroupLower *g, RankId rank)
{
    Mapping *m = g->m;
    for (uint32_t k = 1; k < m->parts.n; k++)
        if (m->parts.at[k].origin == PART_RANK && rank_same(m->parts.at[k].rank, rank))
            return (PartId){k};
    Part part = {.name = rank_at(g->cs, rank)->name, .origin = PART_RANK, .rank = rank, .extent = rank_at(g->cs, rank)->extent};
    part.stride = 1;
    vec_push(&g->cx->arena, &m->parts, part);
    return (PartId){m->parts.n - 1};
}

/* Whether a loop on the way from `node` up is over a part of `rank`. */
static bool on_path(const GroupLower *g, uint32_t node, RankId rank)
{
    for (; node != 0; node = g->nodes.at[node].parent)
        if (g->nodes.at[node].part.i != 0 && part_is_of(g->m, g->nodes.at[node].part, &rank, 1))
            return true;
    return false;
}

/* Fused ranks: part_is_of looks at the first joined only, so every joined part is asked. */
static bool covered(const GroupLower *g, uint32_t node, RankId rank)
{
    if (on_path(g, node, rank))
        return true;
    for (; node != 0; node = g->nodes.at[node].parent) {
        PartId part = g->nodes.at[node].part;
        while (part.i != 0 && part_at(g->m, part)->origin == PART_SPLIT)
            part = part_at(g->m, part)->parent;
        const Part *x = part_at(g->m, part);
        for (uint32_t k = 0; part.i != 0 && x->origin == PART_FUSED && k < x->n_joined; k++)
            if (part_is_of(g->m, x->joined[k], &rank, 1))
                return true;
    }
    return false;
}

static void add_leaf(GroupLower *g, uint32_t parent, StatementId statement)
{
    const Statement *st = statement_at(g->cs, statement);
    RankId ranks[CASCADE_MAX_RANKS];
    uint32_t n = target_ranks(g->cs, st, ranks, CASCADE_MAX_RANKS);
    if (st->scatter != RED_NONE)
        n = 0; /* a scatter brings its own loops */
    for (uint32_t k = 0; k < n; k++)
        if (!covered(g, parent, ranks[k]))
            parent = new_node(g, (HostNode){.role = ROLE_FOR, .part = whole_rank(g, ranks[k])}, parent);
    Leaf leaf = {.statement = statement};
    leaf.node = new_node(g, (HostNode){.role = ROLE_LEAF, .statement = statement, .leaf = g->leaves.n}, parent);
    uint32_t up[MOST_PATH], n_up = 0;
    for (uint32_t node = parent; node != 0; node = g->nodes.at[node].parent)
        if (g->nodes.at[node].part.i != 0 && n_up < MOST_PATH)
            up[n_up++] = node;
    for (uint32_t k = 0; k < n_up; k++)
        leaf.path[k] = up[n_up - 1 - k];
    leaf.n_path = n_up;
    vec_push(&g->cx->arena, &g->leaves, leaf);
}

static bool has_wanted(const GroupLower *g, const Mapping *m, MapNodeId id, const bool *wanted)
{
    const MapNode *n = node_at(m, id);
    if (n->role == ROLE_LEAF)
        return wanted == NULL || wanted[n->statement.i];
    for (MapNodeId c = n->first; c.i != 0; c = node_at(m, c)->next)
        if (has_wanted(g, m, c, wanted))
            return true;
    return false;
}

/* The one scatter below a node that has no other leaf, else 0. */
static StatementId lone_scatter(const GroupLower *g, MapNodeId id)
{
    const MapNode *n = node_at(g->m, id);
    while (n->role != ROLE_LEAF) {
        if (n->first.i == 0 || node_at(g->m, n->first)->next.i != 0)
            return (StatementId){0};
        n = node_at(g->m, n->first);
    }
    return statement_at(g->cs, n->statement)->scatter != RED_NONE ? n->statement : (StatementId){0};
}

static void copy_nodes(GroupLower *g, MapNodeId id, uint32_t parent, const bool *wanted)
{
    for (; id.i != 0; id = node_at(g->m, id)->next) {
        MapNode n = *node_at(g->m, id);
        if (!has_wanted(g, g->m, id, wanted))
            continue;
        StatementId scatter = lone_scatter(g, id);
        if (scatter.i != 0) {
            add_leaf(g, parent, scatter);
        } else if (n.role == ROLE_LEAF) {
            if (statement_at(g->cs, n.statement)->scatter != RED_NONE && parent != 0)
                refuse(g, "a scatter inside loops with other statements");
            add_leaf(g, parent, n.statement);
        } else {
            HostNode node = {.role = n.role, .part = n.role == ROLE_STAGE ? (PartId){0} : n.part, .combine = n.combine,
                             .each = n.each, .window = n.window, .window_leaf = n.window_leaf};
            copy_nodes(g, n.first, new_node(g, node, parent), wanted);
        }
    }
}

void tree_build(GroupLower *g, uint32_t n, const StatementId *statements, const bool *wanted)
{
    new_node(g, (HostNode){.role = ROLE_STAGE}, 0);
    if (g->m->root.i != 0) {
        copy_nodes(g, g->m->root, 0, wanted);
        return;
    }
    for (uint32_t k = 0; k < n; k++)
        if (wanted == NULL || wanted[statements[k].i])
            add_leaf(g, 0, statements[k]);
}

/* ---- loops ---- */

static void counted(GroupLower *g, const HostNode *n, LoopExprId lo, LoopExprId hi, BodyFn *body, void *data)
{
    LoopExprId *value = &g->part_value[n->part.i], before = *value;
    int64_t lo_least, lo_most, hi_least, hi_most;
    bool ranged = loop_index_range(g->p, &g->f, lo, &lo_least, &lo_most) && loop_index_range(g->p, &g->f, hi, &hi_least, &hi_most);
    bool fixed = ranged && lo_least == lo_most && hi_least == hi_most;
    if (fixed && hi_most <= lo_least)
        return;
    if (loop_index_add(g->p, &g->f, lo, loop_int(g->p, 1)).i == hi.i) {
        *value = lo;
        body(g, data);
        *value = before;
        return;
    }
    LoopVar var = {.name = "i", .type = DT_I64, .lanes = 1, .counter = true, .ranged = ranged};
    var.least = ranged ? lo_least : 0;
    var.most = ranged ? hi_most - 1 : 0;
    LoopStmt st = {.kind = LOOP_ST_FOR, .lo = lo, .hi = hi, .var = loop_add_var(g->p, &g->f, var)};
    st.unroll = (n->role == ROLE_UNROLL) && fixed && hi_most - lo_least <= MOST_UNROLL;
    st.lane = n->role == ROLE_LANE && fixed;
    st.parallel = n->role == ROLE_UNIT;
    *value = loop_var(g->p, &g->f, st.var);
    LoopBlock outer = g->block;
    g->block = (LoopBlock){0};
    body(g, data);
    st.body = g->block;
    g->block = outer;
    if (st.body.first.i != 0)
        loop_add(g->p, &g->block, st);
    *value = before;
}

/* How many coordinates of a part take part now; the last may be a shorter tile of parts inside. */
static int64_t extent_now(const GroupLower *g, PartId part)
{
    const Part *p = part_at(g->m, part);
    if (p->origin != PART_SPLIT)
        return p->extent;
    const SplitState *s = &g->splits[g->split_of[part.i] - 1];
    int64_t rest;
    switch (s->state) {
    case EDGE_LAST:
        rest = (s->limit - s->base + p->stride - 1) / p->stride;
        return rest < p->extent ? rest : p->extent;
    case EDGE_OPEN:
        if (g->m->splits.at[g->split_of[part.i] - 1].parts[0].i == part.i)
            return (extent_now(g, p->parent) + p->stride - 1) / p->stride;
        return p->extent;
    default:
        return p->extent;
    }
}

static bool any_bound(const GroupLower *g, const Split *split)
{
    for (uint32_t k = 0; k < split->n; k++)
        if (g->part_value[split->parts[k].i].i != 0)
            return true;
    return false;
}

/* The parts of a split divide their parent without a rest. */
static bool divides(const GroupLower *g, const Split *split)
{
    const Part *outer = part_at(g->m, split->parts[0]);
    return outer->extent * outer->stride == part_at(g->m, split->parent)->extent;
}

static bool run_time(const GroupLower *g, PartId part)
{
    while (part_at(g->m, part)->origin == PART_SPLIT)
        part = part_at(g->m, part)->parent;
    const Part *p = part_at(g->m, part);
    if (p->origin == PART_RANK) {
        RankKind kind = rank_at(g->cs, p->rank)->kind;
        return kind == RANK_SCALAR || kind == RANK_COUNT;
    }
    for (uint32_t k = 0; k < p->n_joined; k++)
        if (run_time(g, p->joined[k]))
            return true;
    return false;
}

/* Full tiles, then the shorter one. */
static void edge_loop(GroupLower *g, const HostNode *n, uint32_t s, int64_t limit, int64_t base, BodyFn *body, void *data)
{
    SplitState before = g->splits[s];
    const Split *split = &g->m->splits.at[s];
    const Part p = *part_at(g->m, n->part);
    int64_t full = (limit - base) / p.stride;
    bool outermost = split->parts[0].i == n->part.i;
    if (!outermost && full > p.extent)
        full = p.extent;
    int64_t rest = limit - base - full * p.stride;
    g->splits[s] = (SplitState){.state = EDGE_FULL, .limit = limit};
    counted(g, n, loop_int(g->p, 0), loop_int(g->p, full), body, data);
    if (rest > 0 && (outermost || full < p.extent)) {
        g->splits[s] = (SplitState){.state = EDGE_LAST, .limit = limit, .base = base + full * p.stride};
        if (split->edge == EDGE_OVERLAP && outermost && limit >= p.stride)
            g->splits[s] = (SplitState){.state = EDGE_FULL, .limit = limit, .shift = p.stride - rest};
        counted(g, n, loop_int(g->p, full), loop_int(g->p, full + 1), body, data);
    }
    g->splits[s] = before;
}

static void split_loop(GroupLower *g, const HostNode *n, BodyFn *body, void *data)
{
    uint32_t s = g->split_of[n->part.i] - 1;
    const Split *split = &g->m->splits.at[s];
    const Part p = *part_at(g->m, n->part);
    SplitState before = g->splits[s];
    bool outermost = split->parts[0].i == n->part.i;
    LoopExprId zero = loop_int(g->p, 0);
    bool nested = p.is_split; /* its own parts are looped over, not it: never here */
    if (nested)
        weir_bug(g->cx, "a loop over a part that is split");
    if (before.state == EDGE_FULL) {
        counted(g, n, zero, loop_int(g->p, p.extent), body, data);
    } else if (before.state == EDGE_LAST) {
        edge_loop(g, n, s, before.limit, before.base, body, data);
    } else if (before.state == EDGE_OPEN && outermost && !any_bound(g, split) && !run_time(g, n->part)) {
        edge_loop(g, n, s, extent_now(g, split->parent), 0, body, data);
    } else {
        LoopExprId hi = loop_int(g->p, p.extent);
        RankId rank;
        if (outermost && run_time(g, n->part) && part_rank(g->m, split->parent, &rank) &&
            part_at(g->m, split->parent)->origin == PART_RANK)
            hi = loop_index_div(g->p, &g->f, loop_index_add(g->p, &g->f, rank_end(g, rank), loop_int(g->p, p.stride - 1)), p.stride);
        g->splits[s].state = divides(g, split) && !run_time(g, n->part) && extent_now(g, split->parent) == part_at(g->m, split->parent)->extent
                                 ? EDGE_FULL : EDGE_CHECK;
        counted(g, n, zero, hi, body, data);
        g->splits[s] = before;
    }
}

/* ---- windows ---- */

typedef struct Window {
    GroupLower *g;
    const HostNode *node;
    LoopExprId lo, hi; /* first and last coordinate wanted; 0: none yet */
    bool all;
} Window;

/* First and last value of a rank of the consumer, whose parts may be bound or not. */
static void rank_interval(GroupLower *g, RankId rank, LoopExprId *lo, LoopExprId *hi)
{
    LoopExprId value = rank_coordinate(g, rank);
    if (value.i != 0) {
        *lo = *hi = value;
        return;
    }
    *lo = *hi = loop_int(g->p, 0);
    bool split_up = false;
    for (uint32_t s = 0; s < g->m->splits.n; s++) {
        const Split *split = &g->m->splits.at[s];
        const Part *parent = part_at(g->m, split->parent);
        if (parent->origin != PART_RANK || !rank_same(parent->rank, rank) || !any_bound(g, split))
            continue;
        split_up = true;
        for (uint32_t k = 0; k < split->n; k++) {
            const Part *p = part_at(g->m, split->parts[k]);
            LoopExprId v = g->part_value[split->parts[k].i];
            int64_t last = (extent_now(g, split->parts[k]) - 1) * p->stride;
            *lo = v.i == 0 ? *lo : loop_index_add(g->p, &g->f, *lo, loop_index_scale(g->p, &g->f, v, p->stride));
            *hi = loop_index_add(g->p, &g->f, *hi, v.i == 0 ? loop_int(g->p, last) : loop_index_scale(g->p, &g->f, v, p->stride));
        }
    }
    if (!split_up)
        *hi = loop_index_add(g->p, &g->f, rank_end(g, rank), loop_int(g->p, -1));
}

static void window_add(Window *w, ExprId index)
{
    GroupLower *g = w->g;
    Affine a;
    if (!expr_affine(g->cs, index, &a)) {
        w->all = true;
        return;
    }
    LoopExprId lo = loop_int(g->p, a.constant), hi = lo;
    for (uint32_t k = 0; k < a.n; k++) {
        LoopExprId first, last;
        rank_interval(g, a.rank[k], &first, &last);
        bool rising = a.coefficient[k] > 0;
        lo = loop_index_add(g->p, &g->f, lo, loop_index_scale(g->p, &g->f, rising ? first : last, a.coefficient[k]));
        hi = loop_index_add(g->p, &g->f, hi, loop_index_scale(g->p, &g->f, rising ? last : first, a.coefficient[k]));
    }
    w->lo = w->lo.i == 0 || w->lo.i == lo.i ? lo : loop_binary(g->p, LOOP_MIN, w->lo, lo);
    w->hi = w->hi.i == 0 || w->hi.i == hi.i ? hi : loop_binary(g->p, LOOP_MAX, w->hi, hi);
}

static void window_visit(void *data, ExprId root)
{
    Window *w = data;
    const Expr *x = expr_at(w->g->cs, root);
    if (x->kind != EX_ACCESS)
        return;
    for (uint32_t k = 0; k < w->g->leaves.n; k++) {
        const Leaf *leaf = &w->g->leaves.at[k];
        bool below = false;
        for (uint32_t d = 0; d < leaf->n_path; d++)
            below |= &w->g->nodes.at[leaf->path[d]] == w->node;
        const Target *t = &statement_at(w->g->cs, leaf->statement)->targets[0];
        RankId rank;
        if (!below || t->tensor.i != x->tensor.i || !part_rank(w->g->m, w->node->part, &rank))
            continue;
        for (uint32_t d = 0; d < t->n_index; d++) {
            const Expr *e = expr_at(w->g->cs, t->index[d]);
            if (e->kind == EX_RANK && rank_same(e->rank, rank))
                window_add(w, expr_arg(w->g->cs, root, d));
            else if (expr_uses_rank(w->g->cs, t->index[d], rank))
                w->all = true;
        }
    }
}

static void visit_roots(void *data, ExprId root)
{
    expr_visit(((Window *)data)->g->cs, root, window_visit, data);
}

static void window_loop(GroupLower *g, const HostNode *n, BodyFn *body, void *data)
{
    Window w = {.g = g, .node = n};
    const Part p = *part_at(g->m, n->part);
    statement_exprs(g->cs, statement_at(g->cs, n->window_leaf), visit_roots, &w);
    LoopExprId lo = loop_int(g->p, 0), hi = p.origin == PART_RANK ? rank_end(g, p.rank) : loop_int(g->p, p.extent);
    if (w.lo.i == 0 || w.all || p.origin != PART_RANK) {
        counted(g, n, lo, hi, body, data);
        return;
    }
    int64_t least, most, end_least, end_most;
    LoopExprId end = loop_index_add(g->p, &g->f, w.hi, loop_int(g->p, 1));
    if (!loop_index_range(g->p, &g->f, w.lo, &least, &most) || least < 0)
        w.lo = loop_binary(g->p, LOOP_MAX, w.lo, lo);
    if (!loop_index_range(g->p, &g->f, end, &least, &most) || !loop_index_range(g->p, &g->f, hi, &end_least, &end_most) || most > end_least)
        end = loop_binary(g->p, LOOP_MIN, end, hi);
    counted(g, n, w.lo, end, body, data);
}

void part_loop(GroupLower *g, const HostNode *n, BodyFn *body, void *data)
{
    const Part p = *part_at(g->m, n->part);
    if (n->window != WINDOW_NONE) {
        window_loop(g, n, body, data);
    } else if (p.origin == PART_SPLIT) {
        split_loop(g, n, body, data);
    } else {
        LoopExprId hi = p.origin == PART_RANK ? rank_end(g, p.rank) : loop_int(g->p, p.extent);
        counted(g, n, loop_int(g->p, 0), hi, body, data);
    }
}

void rank_loop(GroupLower *g, RankId rank, BodyFn *body, void *data)
{
    LoopExprId end = rank_end(g, rank), before = g->rank_value[rank.i];
    LoopVar var = {.name = "i", .type = DT_I64, .lanes = 1, .counter = true, .ranged = true};
    var.most = rank_at(g->cs, rank)->extent - 1;
    LoopStmt st = {.kind = LOOP_ST_FOR, .lo = loop_int(g->p, 0), .hi = end, .var = loop_add_var(g->p, &g->f, var)};
    g->rank_value[rank.i] = var.most == 0 && loop_expr(g->p, end)->op == LOOP_CONST ? loop_int(g->p, 0) : loop_var(g->p, &g->f, st.var);
    LoopBlock outer = g->block;
    g->block = (LoopBlock){0};
    body(g, data);
    st.body = g->block;
    g->block = outer;
    loop_add(g->p, &g->block, st);
    g->rank_value[rank.i] = before;
}

void if_true(GroupLower *g, LoopExprId condition, BodyFn *body, void *data)
{
    const LoopExpr *x = loop_expr(g->p, condition);
    if (x->op == LOOP_CONST) {
        if (x->i != 0)
            body(g, data);
        return;
    }
    LoopBlock outer = g->block;
    g->block = (LoopBlock){0};
    body(g, data);
    LoopStmt st = {.kind = LOOP_ST_IF, .a = condition, .body = g->block};
    g->block = outer;
    loop_add(g->p, &g->block, st);
}

/* The conditions that unresolved edges put on the statement's point. */
void guarded(GroupLower *g, const Statement *st, BodyFn *body, void *data)
{
    LoopExprId condition = loop_const_int(g->p, DT_BOOL, 1);
    for (uint32_t s = 0; s < g->m->splits.n; s++) {
        const Split *split = &g->m->splits.at[s];
        if (g->splits[s].state != EDGE_CHECK)
            continue;
        LoopExprId value = part_coordinate(g, split->parent);
        if (value.i != 0)
            condition = loop_binary(g->p, LOOP_LAND, condition,
                                    loop_binary(g->p, LOOP_LT, value, loop_int(g->p, part_at(g->m, split->parent)->extent)));
    }
    RankId ranks[CASCADE_MAX_RANKS];
    uint32_t n = target_ranks(g->cs, st, ranks, CASCADE_MAX_RANKS);
    for (uint32_t k = 0; k < n; k++) {
        RankKind kind = rank_at(g->cs, ranks[k])->kind;
        LoopExprId value = rank_coordinate(g, ranks[k]);
        if ((kind == RANK_SCALAR || kind == RANK_COUNT) && value.i != 0 && loop_expr(g->p, value)->op != LOOP_VAR)
            condition = loop_binary(g->p, LOOP_LAND, condition, loop_binary(g->p, LOOP_LT, value, rank_end(g, ranks[k])));
    }
    if_true(g, condition, body, data);
}

/* ---- walking ---- */

static void walk_children(GroupLower *g, void *data);

static void walk_node(GroupLower *g, uint32_t k)
{
    HostNode n = g->nodes.at[k];
    if (n.role == ROLE_LEAF) {
        reduce_point(g, n.leaf);
        return;
    }
    if (n.part.i == 0) {
        walk_children(g, &k);
        return;
    }
    for (uint32_t a = 0; a < g->leaves.n; a++)
        for (uint32_t s = 0; s < g->leaves.at[a].n_segments; s++)
            if (g->leaves.at[a].path[g->leaves.at[a].segments[s].first] == k)
                reduce_begin(g, a, s);
    part_loop(g, &g->nodes.at[k], walk_children, &k);
    for (uint32_t a = 0; a < g->leaves.n; a++)
        for (uint32_t s = 0; s < g->leaves.at[a].n_segments; s++)
            if (g->leaves.at[a].path[g->leaves.at[a].segments[s].first] == k)
                reduce_end(g, a, s);
}

static void walk_children(GroupLower *g, void *data)
{
    uint32_t k = *(const uint32_t *)data;
    for (uint32_t c = g->nodes.at[k].first; c != 0; c = g->nodes.at[c].next)
        walk_node(g, c);
}

void tree_walk(GroupLower *g)
{
    uint32_t root = 0;
    walk_children(g, &root);
}
