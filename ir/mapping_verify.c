/*
 * ir/mapping_verify.c: the rules of a mapping: parts, combines, edges, leaves.
 */
#include "ir/mapping_verify.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void map_breach(MapVerify *v, MappingRule rule, uint32_t line, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    diag(&v->cx->diag, mapping_text_place(v->m, line), E_MAPPING, message, (int)rule);
    v->failed = true;
}

const char *map_part_name(const MapVerify *v, PartId part)
{
    return cx_text(v->cx, part_at(v->m, part)->name);
}

const char *map_leaf_name(const MapVerify *v, const LeafView *view)
{
    return tensor_name(v->cs, view->st->targets[0].tensor);
}

static uint32_t line_of(const MapVerify *v, MapNodeId node)
{
    return node_at(v->m, node)->line;
}

/* ---- rule 1: parts ---- */

typedef struct Cover {
    const Mapping *m;
    const bool *given; /* by part: on the path */
    bool *used;
} Cover;

static bool splits_cover(const Cover *c, PartId part, bool mark)
{
    if (c->given[part.i]) {
        c->used[part.i] = c->used[part.i] || mark;
        return true;
    }
    for (uint32_t s = 0; s < c->m->splits.n; s++) {
        const Split *split = &c->m->splits.at[s];
        bool all = split->parent.i == part.i;
        for (uint32_t k = 0; all && k < split->n; k++)
            all = splits_cover(c, split->parts[k], false);
        for (uint32_t k = 0; all && mark && k < split->n; k++)
            splits_cover(c, split->parts[k], true);
        if (all)
            return true;
    }
    return false;
}

static bool covers(const Cover *c, PartId part)
{
    if (splits_cover(c, part, false))
        return splits_cover(c, part, true);
    for (uint32_t f = 0; f < c->m->fusions.n; f++) {
        PartId fused = c->m->fusions.at[f].part;
        const Part *whole = part_at(c->m, fused);
        for (uint32_t k = 0; k < whole->n_joined; k++)
            if (whole->joined[k].i == part.i && covers(c, fused))
                return true;
    }
    return false;
}

static PartId whole_rank(const Mapping *m, RankId rank)
{
    for (uint32_t i = 1; i < m->parts.n; i++)
        if (m->parts.at[i].origin == PART_RANK && rank_same(m->parts.at[i].rank, rank))
            return (PartId){i};
    return (PartId){0};
}

static void check_parts(MapVerify *v, const LeafView *view)
{
    Arena *arena = &v->cx->arena;
    bool *given = ARENA_ARRAY(arena, bool, v->m->parts.n);
    Cover cover = {v->m, given, ARENA_ARRAY(arena, bool, v->m->parts.n)};
    for (uint32_t i = 0; i < view->n_path; i++) {
        PartId part = node_at(v->m, view->path[i])->part;
        if (part.i != 0 && given[part.i])
            map_breach(v, MAPPING_PARTS, line_of(v, view->leaf), "%s: the part %s appears twice on the path",
                       map_leaf_name(v, view), map_part_name(v, part));
        given[part.i] = part.i != 0;
    }
    for (uint32_t r = 0; r < view->n_ranks; r++) {
        PartId part = whole_rank(v->m, view->ranks[r]);
        bool covered = part.i != 0 && covers(&cover, part);
        if (!covered && view->st->scatter == RED_NONE)
            map_breach(v, MAPPING_PARTS, line_of(v, view->leaf), "%s: no loops over all of the rank %s",
                       map_leaf_name(v, view), rank_name(v->cs, view->ranks[r]));
    }
    for (uint32_t i = 0; i < view->n_path; i++) {
        PartId part = node_at(v->m, view->path[i])->part;
        bool any = false;
        if (part.i != 0)
            mapping_part_of(v->m, part, view->n_ranks, view->ranks, &any);
        if (any && !cover.used[part.i] && view->st->scatter == RED_NONE)
            map_breach(v, MAPPING_PARTS, line_of(v, view->leaf), "%s: %s runs over points that other parts on the path run over",
                       map_leaf_name(v, view), map_part_name(v, part));
    }
}

/* ---- rules 6, 7: reductions ---- */

static bool power_of_two(int64_t x)
{
    return x > 0 && (x & (x - 1)) == 0;
}

static void check_reduced_loop(MapVerify *v, const LeafView *view, const MapNode *node)
{
    const char *name = map_leaf_name(v, view);
    bool parallel = node->role == ROLE_LANE || node->role == ROLE_UNIT;
    if (parallel && node->combine == COMBINE_NONE)
        map_breach(v, MAPPING_COMBINE, node->line, "%s is reduced over %s, which is parallel: a combine is missing", name,
                   map_part_name(v, node->part));
    int64_t extent = part_at(v->m, node->part)->extent;
    if ((node->combine == COMBINE_TREE || node->combine == COMBINE_PAIRS) && !power_of_two(extent))
        map_breach(v, MAPPING_COMBINE, node->line, "%s: tree and pairs need a power of two, %s has %lld", name,
                   map_part_name(v, node->part), (long long)extent);
}

static void check_reduction(MapVerify *v, const LeafView *view)
{
    const Statement *st = view->st;
    for (uint32_t i = 0; i < view->n_path; i++) {
        const MapNode *node = node_at(v->m, view->path[i]);
        if (node->part.i == 0)
            continue;
        bool reduced;
        bool all = mapping_part_of(v->m, node->part, st->n_reduced, st->reduced, &reduced);
        if (!reduced)
            continue;
        if (!all)
            map_breach(v, MAPPING_FUSED, node->line, "%s: %s mixes reduced and kept ranks", map_leaf_name(v, view),
                       map_part_name(v, node->part));
        check_reduced_loop(v, view, node);
    }
}

static void check_combines(MapVerify *v)
{
    for (uint32_t i = 1; i < v->m->nodes.n; i++) {
        const MapNode *node = &v->m->nodes.at[i];
        if (node->combine != COMBINE_NONE && node->role != ROLE_LANE && node->role != ROLE_UNIT)
            map_breach(v, MAPPING_COMBINE, node->line, "a combine belongs to lane or unit");
    }
}

/* ---- rule 8: iterative ranks ---- */

typedef struct UseOfRank {
    const Cascade *cs;
    RankId rank;
    bool used;
} UseOfRank;

static void note_use(void *data, ExprId e)
{
    UseOfRank *use = data;
    use->used = use->used || expr_uses_rank(use->cs, e, use->rank);
}

static bool statement_uses(const Cascade *cs, const Statement *st, RankId rank)
{
    UseOfRank use = {cs, rank, false};
    statement_exprs(cs, st, note_use, &use);
    return use.used;
}

static void check_iterative(MapVerify *v, PartId part)
{
    const Part *p = part_at(v->m, part);
    for (uint32_t i = 0; i < v->n; i++) {
        const LeafView *view = &v->views[i];
        bool inside = false;
        for (uint32_t k = 0; k < view->n_path; k++)
            inside = inside || node_at(v->m, view->path[k])->part.i == part.i;
        if (statement_uses(v->cs, view->st, p->rank) && !inside)
            map_breach(v, MAPPING_CARRIED, line_of(v, view->leaf), "%s uses the iterative rank %s and stands outside its loop",
                       map_leaf_name(v, view), map_part_name(v, part));
    }
}

static void check_carried(MapVerify *v)
{
    bool *checked = ARENA_ARRAY(&v->cx->arena, bool, v->m->parts.n);
    for (uint32_t i = 1; i < v->m->nodes.n; i++) {
        const MapNode *node = &v->m->nodes.at[i];
        const Part *part = part_at(v->m, node->part);
        if (node->part.i == 0 || part->origin != PART_RANK || rank_at(v->cs, part->rank)->kind != RANK_ITERATIVE)
            continue;
        if (node->role != ROLE_FOR && node->role != ROLE_PIPE)
            map_breach(v, MAPPING_CARRIED, node->line, "the iterative rank %s runs in sequence: for or pipe",
                       map_part_name(v, node->part));
        if (!checked[node->part.i])
            check_iterative(v, node->part);
        checked[node->part.i] = true;
    }
}

/* ---- rule 12: edges ---- */

static double pad_value(const Cascade *cs, ExprId pad)
{
    const Expr *x = expr_at(cs, pad);
    return x->decimal ? x->f : (double)x->i;
}

/* Whether a read gives the padding wherever `rank` lies behind its end. */
static bool read_pads(const Cascade *cs, const Expr *x, ExprId e, RankId rank, double pad)
{
    for (uint32_t k = 0; k < x->n_args; k++) {
        const Expr *index = expr_at(cs, expr_arg(cs, e, k));
        if (index->kind != EX_RANK || !rank_same(index->rank, rank) ||
            dim_extent(cs, x->tensor, k) > rank_at(cs, rank)->extent)
            continue;
        return x->pad == PAD_NONE || (x->pad == PAD_LITERAL && pad_value(cs, x->pad_literal) == pad);
    }
    return false;
}

/* Whether the body is 0 behind the end of `rank` when reads there give 0. */
static bool body_zero(const Cascade *cs, ExprId e, RankId rank)
{
    const Expr *x = expr_at(cs, e);
    if (x->kind == EX_ACCESS)
        return read_pads(cs, x, e, rank, 0);
    if (x->kind == EX_CAST)
        return body_zero(cs, expr_arg(cs, e, 0), rank);
    if (x->kind != EX_CALL || x->n_args == 0)
        return false;
    bool left = body_zero(cs, expr_arg(cs, e, 0), rank);
    if (x->fn == FN_NEG || x->fn == FN_ABS)
        return left;
    bool right = x->n_args > 1 && body_zero(cs, expr_arg(cs, e, 1), rank);
    if (x->fn == FN_MUL)
        return left || right;
    return (x->fn == FN_ADD || x->fn == FN_SUB) && left && right;
}

static bool pad_neutral(const Cascade *cs, const Statement *st, RankId rank, double pad)
{
    const Expr *body = expr_at(cs, st->body);
    bool plain = body->kind == EX_ACCESS && read_pads(cs, body, st->body, rank, pad);
    switch (st->reduction) {
    case RED_SUM: return pad == 0 && body_zero(cs, st->body, rank);
    case RED_PROD: return pad == 1 && plain;
    case RED_MAX: return plain && isinf(pad) && pad < 0;
    case RED_MIN: return plain && isinf(pad) && pad > 0;
    case RED_ANY: return plain && pad == 0;
    case RED_ALL: return plain && pad == 1;
    case RED_NONE: case RED_ARGMAX: case RED_ARGMIN: case RED_SET: case RED_COUNT: break;
    }
    return false;
}

/* The rank that leaves its extent behind the end of a split's parent. */
static RankId leaving_rank(const Mapping *m, PartId parent)
{
    const Part *p = part_at(m, parent);
    while (p->origin == PART_FUSED)
        p = part_at(m, p->joined[0]);
    return p->origin == PART_RANK ? p->rank : (RankId){0};
}

/* A split whose parts a leaf runs over, with its edge. */
static void check_edge(MapVerify *v, const LeafView *view, const Split *split)
{
    const Part *outer = part_at(v->m, split->parts[0]);
    bool reduced, on_path = false;
    mapping_part_of(v->m, split->parent, view->st->n_reduced, view->st->reduced, &reduced);
    for (uint32_t i = 0; i < view->n_path; i++)
        on_path = on_path || node_at(v->m, view->path[i])->part.i == split->parts[0].i;
    if (!reduced || !on_path || outer->extent * outer->stride == part_at(v->m, split->parent)->extent)
        return;
    RankId rank = leaving_rank(v->m, split->parent);
    if (split->edge == EDGE_OVERLAP)
        map_breach(v, MAPPING_EDGES, split->line, "%s is reduced by %s: overlap would count points twice",
                   map_part_name(v, split->parent), map_leaf_name(v, view));
    if (split->edge == EDGE_PAD &&
        (rank.i == 0 || !pad_neutral(v->cs, view->st, rank, pad_value(v->cs, split->pad))))
        map_breach(v, MAPPING_EDGES, split->line, "%s: padding of %s may change the result", map_leaf_name(v, view),
                   map_part_name(v, split->parent));
}

static void check_clauses(MapVerify *v)
{
    for (uint32_t s = 0; s < v->m->splits.n; s++) {
        const Split *split = &v->m->splits.at[s];
        const Part *parent = part_at(v->m, split->parent);
        if (parent->origin == PART_RANK && rank_at(v->cs, parent->rank)->kind == RANK_ITERATIVE)
            map_breach(v, MAPPING_EDGES, split->line, "the iterative rank %s is not split", map_part_name(v, split->parent));
        for (uint32_t i = 0; i < v->n; i++)
            check_edge(v, &v->views[i], split);
    }
    for (uint32_t f = 0; f < v->m->fusions.n; f++) {
        const Part *fused = part_at(v->m, v->m->fusions.at[f].part);
        for (uint32_t k = 0; k < fused->n_joined; k++) {
            const Part *part = part_at(v->m, fused->joined[k]);
            if (part->origin == PART_RANK && rank_at(v->cs, part->rank)->kind != RANK_STATIC)
                map_breach(v, MAPPING_EDGES, v->m->fusions.at[f].line, "%s has no fixed extent and is not fused",
                           map_part_name(v, fused->joined[k]));
        }
    }
}

/* ---- rule 10: leaves ---- */

static void check_leaves(MapVerify *v)
{
    uint8_t *seen = ARENA_ARRAY(&v->cx->arena, uint8_t, v->cs->statements.n); /* 1 in the group, 2 in the tree */
    for (uint32_t i = 0; i < v->m->n_statements; i++)
        seen[v->m->statements[i].i] = 1;
    for (uint32_t i = 0; i < v->n; i++) {
        const LeafView *view = &v->views[i];
        uint32_t line = line_of(v, view->leaf);
        if ((seen[view->id.i] & 2) != 0)
            map_breach(v, MAPPING_LEAVES, line, "%s is a leaf twice", map_leaf_name(v, view));
        else if (seen[view->id.i] == 0)
            map_breach(v, MAPPING_LEAVES, line, "%s is no statement of the group", map_leaf_name(v, view));
        seen[view->id.i] |= 2;
    }
    for (uint32_t i = 0; i < v->m->n_statements; i++)
        if (seen[v->m->statements[i].i] == 1)
            map_breach(v, MAPPING_LEAVES, 0, "%s is not in the tree of map %s",
                       tensor_name(v->cs, statement_at(v->cs, v->m->statements[i])->targets[0].tensor),
                       cx_text(v->cx, v->m->name));
}

/* ---- all ---- */

/* The leaves in execution order, each with its path; false if the tree is too deep. */
static bool view_leaves(MapVerify *v)
{
    Arena *arena = &v->cx->arena;
    v->n = mapping_leaves(v->m, NULL, 0);
    MapNodeId *leaves = ARENA_ARRAY(arena, MapNodeId, v->n);
    mapping_leaves(v->m, leaves, v->n);
    v->views = ARENA_ARRAY(arena, LeafView, v->n);
    for (uint32_t i = 0; i < v->n; i++) {
        LeafView *view = &v->views[i];
        view->leaf = leaves[i];
        view->id = node_at(v->m, leaves[i])->statement;
        view->st = statement_at(v->cs, view->id);
        view->n_path = mapping_path(v->m, leaves[i], NULL, 0);
        if (view->n_path > MAP_MOST_PATH) {
            map_breach(v, MAPPING_PARTS, line_of(v, leaves[i]), "loops nested too deep");
            return false;
        }
        view->path = ARENA_ARRAY(arena, MapNodeId, view->n_path);
        mapping_path(v->m, leaves[i], view->path, view->n_path);
        view->n_ranks = view->st->scatter != RED_NONE ? scatter_ranks(v->cs, view->st, view->ranks, CASCADE_MAX_RANKS)
                                                      : target_ranks(v->cs, view->st, view->ranks, CASCADE_MAX_RANKS);
    }
    return true;
}

/* Whether `name` is the host side of a device: NAME.host. */
static bool is_host_side(const char *name)
{
    size_t n = strlen(name);
    return n > 5 && strcmp(name + n - 5, ".host") == 0;
}

weir_status mapping_verify(const Mapping *m, const Machine *machine)
{
    weir_context *cx = m->cs->cx;
    MapVerify v = {.m = m, .machine = machine, .cs = m->cs, .cx = cx};
    const char *name = cx_text(cx, m->machine), *whole = cx_text(cx, machine->name);
    v.side = is_host_side(name);
    v.host = v.side || strcmp(machine_word(machine, "kind", ""), "host") == 0;
    bool of_whole = v.side && strcmp(name, arena_printf(&cx->arena, "%s.host", whole)) == 0;
    if (!of_whole && strcmp(name, whole) != 0)
        map_breach(&v, MAPPING_COUNTS, 0, "map %s is for the machine %s, not for %s", cx_text(cx, m->name), name, whole);
    if (!view_leaves(&v))
        return WEIR_INVALID;
    check_leaves(&v);
    for (uint32_t i = 0; i < v.n; i++) {
        check_parts(&v, &v.views[i]);
        check_reduction(&v, &v.views[i]);
    }
    check_combines(&v);
    check_carried(&v);
    check_clauses(&v);
    map_check_order(&v);
    map_check_limits(&v);
    return v.failed ? WEIR_INVALID : WEIR_OK;
}
