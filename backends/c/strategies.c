/*
 * backends/c/strategies.c: mappings for a vector machine with caches.
 *
 * A vector of lanes runs over one rank L; every access must then be contiguous, constant (packed so), or independent
 * of L. Register tiles follow "accumulators + vectors of the lane operand + one broadcast <= 16 registers".
 */
#include "backends/c/strategies.h"

#include <string.h>

#include "ir/index.h"

enum { TILE_MOST = 6, TREE_VECTORS = 2, DOT_ROWS = 4, GATHER_COST = 8 };

/* ---- which statements may run in lanes ---- */

static void check_lane_node(void *data, ExprId e)
{
    const Cascade *cs = ((void **)data)[0];
    bool *fits = ((void **)data)[1];
    const Expr *x = expr_at(cs, e);
    if (x->kind == EX_INDEX || x->kind == EX_CAST || x->kind == EX_COUNT)
        *fits = false;
    if (x->kind == EX_ACCESS && x->type != DT_F32)
        *fits = false;
}

/* f32 throughout: what the vector unit computes. */
static bool lanes_fit(const Scheduling *s)
{
    bool fits = s->shape.regular;
    void *data[2] = {s->cs, &fits};
    for (uint32_t i = 0; i < s->group->n && fits; i++) {
        const Statement *st = statement_at(s->cs, s->group->statements[i]);
        fits = fits && tensor_at(s->cs, st->targets[0].tensor)->type == DT_F32 && st->scatter == RED_NONE &&
               st->condition.i == 0 && st->accumulator == DT_NONE && st->from.i == 0;
        expr_visit(s->cs, st->body, check_lane_node, data);
        for (uint32_t d = 0; d < st->targets[0].n_index; d++) {
            RankId rank;
            fits = fits && index_is_rank(s->cs, st->targets[0].index[d], &rank);
        }
    }
    for (uint32_t a = 0; a < s->shape.n_accesses; a++)
        fits = fits && s->shape.access[a].affine;
    return fits;
}

static bool packable(const ShapeAccess *a)
{
    return a->constant && a->plain;
}

/* Every access of the followers (epilogue) is affine. */
static bool followers_fit(const Scheduling *s)
{
    for (uint32_t i = 1; i < s->group->n; i++) {
        Shape shape;
        shape_of(s->cs, s->group->statements[i], &shape);
        if (!shape.regular)
            return false;
        for (uint32_t a = 0; a < shape.n_accesses; a++)
            if (!shape.access[a].affine)
                return false;
    }
    return true;
}

/* Cost of one vector step with lanes over rank k: loads of one vector each, gathers dear. -1: a gather of a
 * reduction's operand. */
static int64_t lane_cost(const Scheduling *s, uint32_t k, bool gathers)
{
    int64_t cost = 0;
    for (uint32_t a = 0; a < s->shape.n_accesses; a++) {
        const ShapeAccess *access = &s->shape.access[a];
        bool good = access->stride[k] == 0 || access->stride[k] == 1 || packable(access);
        if (!good && !gathers)
            return -1;
        cost += good ? 1 : GATHER_COST;
    }
    return cost;
}

/* ---- building trees ---- */

typedef struct Build {
    const Scheduling *s;
    Mapping *m;
    MapNodeId at;       /* where the next loop goes */
    bool first;         /* the next loop is over threads */
    PartId outer[CASCADE_MAX_RANKS], middle[CASCADE_MAX_RANKS], inner[CASCADE_MAX_RANKS]; /* by rank of the shape */
} Build;

static Build build_new(const Scheduling *s)
{
    Build b = {.s = s, .first = true};
    b.m = mapping_new(s->cs, s->group->name, s->pass->machine != NULL ? s->pass->machine->name : intern_text(&s->pass->cx->names, "host"),
                      s->group->n, s->group->statements);
    return b;
}

static Name part_name(const Build *b, uint32_t k, const char *suffix)
{
    const char *base = rank_name(b->s->cs, b->s->shape.rank[k]);
    return cascade_fresh_name(b->s->cs, arena_printf(&b->s->pass->cx->arena, "%s%s", base, suffix));
}

static PartId whole(Build *b, uint32_t k)
{
    return mapping_part(b->m, b->s->shape.rank[k]);
}

/* rank k -> outer, inner = size; nothing if it is not larger. */
static void split_two(Build *b, uint32_t k, int64_t size)
{
    if (b->s->shape.extent[k] <= size) {
        b->inner[k] = whole(b, k);
        return;
    }
    const Name names[2] = {part_name(b, k, "1"), part_name(b, k, "0")};
    PartId parts[2];
    mapping_split(b->m, whole(b, k), 2, names, &size, EDGE_GUARD, (ExprId){0}, parts);
    b->outer[k] = parts[0];
    b->inner[k] = parts[1];
}

/* rank k -> outer, middle = vectors, inner = lanes. */
static void split_three(Build *b, uint32_t k, int64_t vectors, int64_t lanes)
{
    const Name names[3] = {part_name(b, k, "2"), part_name(b, k, "1"), part_name(b, k, "0")};
    const int64_t sizes[2] = {vectors, lanes};
    PartId parts[3];
    mapping_split(b->m, whole(b, k), 3, names, sizes, EDGE_GUARD, (ExprId){0}, parts);
    b->outer[k] = parts[0];
    b->middle[k] = parts[1];
    b->inner[k] = parts[2];
}

static MapNodeId push_loop(Build *b, Role role, PartId part, MapNodeId parent)
{
    if (part.i == 0)
        return parent;
    MapNode node = {.role = role, .part = part};
    if (role == ROLE_FOR && b->first) {
        node.role = ROLE_UNIT;
        node.unit = intern_text(&b->s->pass->cx->names, "thread");
    }
    b->first = false;
    MapNodeId id = mapping_node(b->m, node);
    mapping_append(b->m, parent, id);
    return id;
}

static void push_outer(Build *b, PartId part)
{
    b->at = push_loop(b, ROLE_FOR, part, b->at);
}

static void push_leaf(Build *b, MapNodeId parent, uint32_t i)
{
    mapping_append(b->m, parent, mapping_node(b->m, (MapNode){.role = ROLE_LEAF, .statement = b->s->group->statements[i]}));
}

/* Loops over the tile (points, vectors, lanes) with statement i inside. */
static void push_tile(Build *b, MapNodeId parent, uint32_t point, uint32_t lane, uint32_t i)
{
    bool was_first = b->first;
    b->first = false;
    if (point != UINT32_MAX)
        parent = push_loop(b, ROLE_UNROLL, b->inner[point], parent);
    if (lane != UINT32_MAX) {
        parent = push_loop(b, ROLE_UNROLL, b->middle[lane], parent);
        parent = push_loop(b, ROLE_LANE, b->inner[lane], parent);
    }
    push_leaf(b, parent, i);
    b->first = was_first;
}

static void place(Build *b, TensorId tensor, const char *level, uint32_t n, const PartId *parts, uint32_t align)
{
    PlaceLine line = {.tensor = tensor,
                      .level = intern_text(&b->s->pass->cx->names, level),
                      .has_layout = true,
                      .n_parts = n,
                      .parts = arena_copy(&b->s->pass->cx->arena, parts, n * sizeof *parts),
                      .align = align};
    mapping_place(b->m, line);
}

/* ---- contract ---- */

typedef struct Tile {
    uint32_t lane, point; /* ranks of the shape; point UINT32_MAX: none */
    int64_t vectors, points;
} Tile;

/* Points so that the last tile wastes least, then the largest. */
static int64_t tile_points(int64_t extent, int64_t most)
{
    int64_t best = 1, best_tiles = extent;
    for (int64_t t = 2; t <= most && t <= extent; t++) {
        int64_t tiles = (extent + t - 1) / t;
        if (tiles < best_tiles || (tiles == best_tiles && extent % t == 0)) {
            best = t;
            best_tiles = tiles;
        }
    }
    while (best > 2 && extent % best != 0 && (extent + best - 2) / (best - 1) == best_tiles)
        best--;
    return best;
}

static bool choose_lane(const Scheduling *s, Tile *tile)
{
    int64_t best = -1;
    for (uint32_t k = 0; k < s->shape.n_kept; k++) {
        int64_t cost = lane_cost(s, k, false);
        if (cost < 0 || s->shape.extent[k] < s->lanes)
            continue;
        /* a broadcast operand makes a tile possible; contiguous results are cheaper to store; full vectors beat tails */
        int64_t score = 100 - cost;
        score += s->shape.target_stride[k] == 1 ? 4 : 0;
        score += s->shape.extent[k] % (2 * s->lanes) == 0 ? 8 : s->shape.extent[k] % s->lanes == 0 ? 6 : 0;
        score += s->shape.extent[k] >= 4 * s->lanes ? 4 : 0;
        bool moves_all = s->shape.access[0].stride[k] != 0 && s->shape.access[1].stride[k] != 0;
        score -= moves_all ? 20 : 0;
        if (score > best) {
            best = score;
            tile->lane = k;
        }
    }
    return best >= 0;
}

static void choose_points(const Scheduling *s, Tile *tile)
{
    tile->point = UINT32_MAX;
    tile->points = 1;
    const ShapeAccess *operand = s->shape.access[0].stride[tile->lane] != 0 ? &s->shape.access[0] : &s->shape.access[1];
    int64_t best = 1;
    for (uint32_t k = 0; k < s->shape.n_kept; k++) {
        if (k == tile->lane || operand->stride[k] != 0)
            continue;
        int64_t extent = s->shape.extent[k] < TILE_MOST ? s->shape.extent[k] : TILE_MOST;
        if (extent >= best && s->shape.extent[k] > 1) {
            best = extent;
            tile->point = k;
        }
    }
    tile->vectors = s->shape.extent[tile->lane] >= 2 * s->lanes ? 2 : 1;
    if (tile->point != UINT32_MAX)
        tile->points = tile_points(s->shape.extent[tile->point], TILE_MOST);
}

/* Constants are packed in the order in which the loops read them. */
static void pack_constants(Build *b, const Tile *tile)
{
    const Shape *shape = &b->s->shape;
    for (uint32_t a = 0; a < shape->n_accesses; a++) {
        const ShapeAccess *access = &shape->access[a];
        if (!packable(access) || access->stride[tile->lane] == 0)
            continue;
        PartId parts[CASCADE_MAX_RANKS];
        uint32_t n = 0;
        if (b->outer[tile->lane].i != 0)
            parts[n++] = b->outer[tile->lane];
        for (uint32_t k = 0; k < shape->n_kept + shape->n_reduced; k++)
            if (k != tile->lane && access->stride[k] != 0)
                parts[n++] = whole(b, k);
        if (b->middle[tile->lane].i != 0)
            parts[n++] = b->middle[tile->lane];
        parts[n++] = b->inner[tile->lane];
        place(b, access->tensor, "packed", n, parts, 64);
    }
}

static void place_accumulator(Build *b, const Tile *tile)
{
    PartId parts[3];
    uint32_t n = 0;
    if (tile->point != UINT32_MAX)
        parts[n++] = b->inner[tile->point];
    if (b->middle[tile->lane].i != 0)
        parts[n++] = b->middle[tile->lane];
    parts[n++] = b->inner[tile->lane];
    if (b->s->group->n > 1)
        place(b, b->s->shape.statement->targets[0].tensor, "reg", n, parts, 0);
}

static Mapping *host_contract(const Scheduling *s)
{
    const Shape *shape = &s->shape;
    Tile tile = {0};
    if (!shape->product || shape->n_accesses != 2 || shape->statement->reduction != RED_SUM || !lanes_fit(s) ||
        !followers_fit(s) || !choose_lane(s, &tile))
        return NULL;
    choose_points(s, &tile);
    Build b = build_new(s);
    if (tile.vectors == 2)
        split_three(&b, tile.lane, 2, s->lanes);
    else
        split_two(&b, tile.lane, s->lanes);
    if (tile.point != UINT32_MAX)
        split_two(&b, tile.point, tile.points);
    for (uint32_t k = 0; k < shape->n_kept; k++)
        if (k != tile.lane && k != tile.point && shape->access[0].stride[k] != 0 && shape->access[1].stride[k] != 0)
            push_outer(&b, whole(&b, k));
    push_outer(&b, b.outer[tile.lane]);
    for (uint32_t k = 0; k < shape->n_kept; k++) {
        bool batch = shape->access[0].stride[k] != 0 && shape->access[1].stride[k] != 0;
        if (k == tile.point)
            push_outer(&b, b.outer[k]);
        else if (k != tile.lane && !batch)
            push_outer(&b, whole(&b, k));
    }
    MapNodeId inner = b.at;
    b.first = false;
    for (uint32_t k = shape->n_kept; k < shape->n_kept + shape->n_reduced; k++)
        inner = push_loop(&b, ROLE_FOR, whole(&b, k), inner);
    push_tile(&b, inner, tile.point, tile.lane, 0);
    for (uint32_t i = 1; i < s->group->n; i++)
        push_tile(&b, b.at, tile.point, tile.lane, i);
    pack_constants(&b, &tile);
    place_accumulator(&b, &tile);
    return b.m;
}

/* ---- dot ---- */

static bool ordered_or_extreme(Reduction r)
{
    return r == RED_SUM || r == RED_MAX || r == RED_MIN;
}

static Mapping *host_dot(const Scheduling *s)
{
    const Shape *shape = &s->shape;
    if (shape->n_reduced == 0 || !lanes_fit(s) || !followers_fit(s) || !ordered_or_extreme(shape->statement->reduction))
        return NULL;
    uint32_t lane = shape->n_kept + shape->n_reduced - 1;
    if (shape->extent[lane] < s->lanes)
        return NULL;
    for (uint32_t a = 0; a < shape->n_accesses; a++)
        if (shape->access[a].stride[lane] != 0 && shape->access[a].stride[lane] != 1)
            return NULL;
    Build b = build_new(s);
    split_two(&b, lane, shape->extent[lane] >= TREE_VECTORS * s->lanes ? TREE_VECTORS * s->lanes : s->lanes);
    for (uint32_t k = 0; k < shape->n_kept; k++)
        push_outer(&b, whole(&b, k));
    MapNodeId inner = b.at;
    b.first = false;
    for (uint32_t k = shape->n_kept; k < lane; k++)
        inner = push_loop(&b, ROLE_FOR, whole(&b, k), inner);
    inner = push_loop(&b, ROLE_FOR, b.outer[lane], inner);
    MapNodeId lanes = mapping_node(b.m, (MapNode){.role = ROLE_LANE, .part = b.inner[lane], .combine = COMBINE_TREE});
    mapping_append(b.m, inner, lanes);
    push_leaf(&b, lanes, 0);
    for (uint32_t i = 1; i < s->group->n; i++)
        push_leaf(&b, b.at, i);
    return b.m;
}

/* ---- sweep and pointwise ---- */

static bool innermost_lane(const Scheduling *s, uint32_t *out_lane)
{
    const Shape *shape = &s->shape;
    for (uint32_t k = shape->n_kept; k-- > 0;) {
        if (shape->target_stride[k] != 1 || shape->extent[k] < s->lanes)
            continue;
        int64_t cost = lane_cost(s, k, true);
        *out_lane = k;
        return cost < GATHER_COST + shape->n_accesses;
    }
    return false;
}

static Mapping *lanes_over_kept(const Scheduling *s)
{
    uint32_t lane;
    const Shape *shape = &s->shape;
    if (!lanes_fit(s) || !followers_fit(s) || !innermost_lane(s, &lane))
        return NULL;
    Build b = build_new(s);
    split_two(&b, lane, s->lanes);
    for (uint32_t k = 0; k < shape->n_kept; k++)
        push_outer(&b, k == lane ? b.outer[k] : whole(&b, k));
    MapNodeId inner = b.at;
    b.first = false;
    for (uint32_t k = shape->n_kept; k < shape->n_kept + shape->n_reduced; k++)
        inner = push_loop(&b, ROLE_FOR, whole(&b, k), inner);
    push_tile(&b, inner, UINT32_MAX, lane, 0);
    for (uint32_t i = 1; i < s->group->n; i++)
        push_tile(&b, b.at, UINT32_MAX, lane, i);
    return b.m;
}

static Mapping *host_sweep(const Scheduling *s)
{
    bool lanes = s->shape.n_reduced != 0 && !reduction_info(s->shape.statement->reduction)->arg &&
                 s->shape.statement->reduction != RED_ANY && s->shape.statement->reduction != RED_ALL;
    return lanes ? lanes_over_kept(s) : NULL;
}

static Mapping *host_pointwise(const Scheduling *s)
{
    return s->shape.n_reduced == 0 ? lanes_over_kept(s) : NULL;
}

static const Strategy host_table[] = {
#define STRATEGY(name, propose, doc) {name, propose, doc},
#include "backends/c/strategies.def"
#undef STRATEGY
};

const Strategy *host_strategies(uint32_t *out_n)
{
    *out_n = sizeof host_table / sizeof *host_table;
    return host_table;
}
