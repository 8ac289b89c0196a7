/*
 * isa/host/lower_reduce.c: statements at their points; reductions with accumulators.
 *
 * A reduction becomes one or more segments, each a statement of the pinned cascade (docs/mapping.md section 3): accumulators for
 * all loops inside the segment's outermost reduced loop that are kept, and for the lanes that hold partial values. They start
 * before that loop, and are combined into the segment outside, or the target, after it.
 */
#include "isa/host/lower_internal.h"

#include <math.h>

static const Statement *statement_of(const GroupLower *g, const Leaf *leaf)
{
    return statement_at(g->cs, leaf->statement);
}

const HostNode *leaf_node(const GroupLower *g, const Leaf *leaf, uint32_t depth)
{
    return &g->nodes.at[leaf->path[depth]];
}

/* ---- the plan ---- */

static bool is_ordered(const GroupLower *g, const Leaf *leaf)
{
    return reduction_info(statement_of(g, leaf)->reduction)->ordered && dtype_kind(leaf->accumulator) == DK_FLOAT;
}

static void add_reduced(GroupLower *g, Leaf *leaf, uint32_t depth)
{
    const Statement *st = statement_of(g, leaf);
    const HostNode *n = leaf_node(g, leaf, depth);
    bool position = reduction_info(st->reduction)->arg;
    bool each = n->each && is_ordered(g, leaf);
    if (leaf->n_segments == 0 || (each && leaf->n_segments < MOST_SEGMENTS)) {
        leaf->segments[leaf->n_segments] = (Segment){.first = depth};
        leaf->n_segments++;
    }
    Segment *seg = &leaf->segments[leaf->n_segments - 1];
    Combine combine = n->combine;
    bool spread = (n->role == ROLE_LANE || n->role == ROLE_UNIT) && combine != COMBINE_CHAIN && !position;
    if (g->cs->pinned)
        spread = false;
    if (st->order == ORDER_TREE || st->order == ORDER_PAIRS) {
        spread = true;
        combine = st->order == ORDER_TREE ? COMBINE_TREE : COMBINE_PAIRS;
    }
    if (!spread) {
        seg->sequential = true;
        return;
    }
    if (seg->n_lanes == 8) {
        refuse(g, "more than 8 parallel parts of one reduction");
        return;
    }
    seg->combine[seg->n_lanes] = combine == COMBINE_NONE ? COMBINE_SEQ : combine;
    seg->lanes[seg->n_lanes++] = depth;
}

static bool has_lane(const Segment *seg, uint32_t depth)
{
    for (uint32_t k = 0; k < seg->n_lanes; k++)
        if (seg->lanes[k] == depth)
            return true;
    return false;
}

static void plan_accumulators(GroupLower *g, Leaf *leaf, Segment *seg)
{
    const Statement *st = statement_of(g, leaf);
    TensorId target = st->targets[0].tensor;
    uint64_t elements = 1;
    for (uint32_t d = seg->first; d < leaf->n_path; d++)
        if (!leaf->reduced[d] || has_lane(seg, d)) {
            seg->axes[seg->n_axes++] = d;
            elements *= (uint64_t)part_at(g->m, leaf_node(g, leaf, d)->part)->extent;
        }
    bool position = reduction_info(st->reduction)->arg;
    bool local = g->tensors[target.i].set && g->f.slots.at[g->tensors[target.i].slot].local;
    seg->in_place = local && leaf->n_segments == 1 && seg->n_lanes == 0 && !position &&
                    leaf->accumulator == tensor_at(g->cs, target)->type;
    if (seg->in_place)
        return;
    seg->slot = place_temporary(g, "acc", leaf->accumulator, elements);
    if (position)
        seg->position_slot = place_temporary(g, "at", DT_I64, elements);
}

void reduce_plan(GroupLower *g, Leaf *leaf)
{
    const Statement *st = statement_of(g, leaf);
    if (st->reduction == RED_NONE)
        return;
    leaf->accumulator = st->accumulator != DT_NONE ? st->accumulator : expr_at(g->cs, st->body)->type;
    for (uint32_t d = 0; d < leaf->n_path; d++) {
        leaf->reduced[d] = part_is_of(g->m, leaf_node(g, leaf, d)->part, st->reduced, st->n_reduced);
        if (leaf->reduced[d])
            add_reduced(g, leaf, d);
    }
    for (uint32_t s = 0; s < leaf->n_segments; s++)
        plan_accumulators(g, leaf, &leaf->segments[s]);
}

/* ---- operations ---- */

static LoopOp combine_op(Reduction reduction)
{
    return loop_op_of(reduction_info(reduction)->combine);
}

static LoopExprId identity(GroupLower *g, Reduction reduction, Dtype type)
{
    bool is_float = dtype_kind(type) == DK_FLOAT;
    switch (reduction_info(reduction)->start) {
    case START_ZERO:
        break;
    case START_ONE:
        return is_float ? loop_const_float(g->p, type, 1) : loop_const_int(g->p, type, 1);
    case START_LEAST:
        return is_float ? loop_const_float(g->p, type, -(double)INFINITY) : loop_const_int(g->p, type, dtype_int_min(type));
    case START_MOST:
        return is_float ? loop_const_float(g->p, type, (double)INFINITY)
                        : loop_const_int(g->p, type, (int64_t)dtype_int_max(type));
    }
    return is_float ? loop_const_float(g->p, type, 0) : loop_const_int(g->p, type, 0);
}

static void store(GroupLower *g, uint32_t slot, LoopExprId index, LoopExprId value)
{
    g->f.slots.at[slot].written = true;
    loop_add(g->p, &g->block, (LoopStmt){.kind = LOOP_ST_STORE, .slot = slot, .a = index, .b = value});
}

static LoopExprId accumulator_index(GroupLower *g, const Leaf *leaf, const Segment *seg)
{
    if (seg->in_place)
        return target_element(g, &statement_of(g, leaf)->targets[0]);
    LoopExprId sum = loop_int(g->p, 0);
    for (uint32_t k = 0; k < seg->n_axes; k++) {
        PartId part = leaf_node(g, leaf, seg->axes[k])->part;
        sum = loop_index_add(g->p, &g->f, loop_index_scale(g->p, &g->f, sum, part_at(g->m, part)->extent), g->part_value[part.i]);
    }
    return sum;
}

static uint32_t accumulator_slot(GroupLower *g, const Leaf *leaf, const Segment *seg)
{
    return seg->in_place ? g->tensors[statement_of(g, leaf)->targets[0].tensor.i].slot : seg->slot;
}

static LoopExprId accumulator_load(GroupLower *g, const Leaf *leaf, const Segment *seg)
{
    return loop_load(g->p, leaf->accumulator, 1, accumulator_slot(g, leaf, seg), accumulator_index(g, leaf, seg));
}

/* ---- loops over the accumulators ---- */

typedef struct Nest {
    uint32_t leaf, segment, k;
    bool kept_only; /* not over the lanes of partial values */
    BodyFn *inner;
} Nest;

static void nest(GroupLower *g, void *data)
{
    Nest n = *(const Nest *)data;
    const Leaf *leaf = &g->leaves.at[n.leaf];
    const Segment *seg = &leaf->segments[n.segment];
    while (n.kept_only && n.k < seg->n_axes && has_lane(seg, seg->axes[n.k]))
        n.k++;
    if (n.k == seg->n_axes) {
        guarded(g, statement_of(g, leaf), n.inner, &n);
        return;
    }
    HostNode node = *leaf_node(g, leaf, seg->axes[n.k]);
    n.k++;
    part_loop(g, &node, nest, &n);
}

static void start(GroupLower *g, void *data)
{
    const Nest *n = data;
    const Leaf *leaf = &g->leaves.at[n->leaf];
    const Segment *seg = &leaf->segments[n->segment];
    const Statement *st = statement_of(g, leaf);
    LoopExprId value = identity(g, st->reduction, leaf->accumulator);
    if (reduction_info(st->reduction)->arg) {
        store(g, seg->position_slot, accumulator_index(g, leaf, seg), loop_int(g->p, -1));
    } else if (st->from.i != 0 && n->segment == 0 && seg->n_lanes == 0) {
        value_begin(g, st->from);
        value = lower_value(g, st->from, leaf->accumulator);
    }
    store(g, accumulator_slot(g, leaf, seg), accumulator_index(g, leaf, seg), value);
}

void reduce_begin(GroupLower *g, uint32_t leaf, uint32_t segment)
{
    g->current = g->leaves.at[leaf].statement;
    nest(g, &(Nest){.leaf = leaf, .segment = segment, .inner = start});
}

/* ---- combining partial values ---- */

static LoopExprId combined(GroupLower *g, const Leaf *leaf, const Segment *seg, uint32_t lane, LoopExprId first);

/* Values first, first + step .. of one lane part, n of them, as halves or neighbours. */
static LoopExprId in_tree(GroupLower *g, const Leaf *leaf, const Segment *seg, uint32_t lane, int64_t first, int64_t step, int64_t n)
{
    if (n == 1) {
        PartId part = leaf_node(g, leaf, seg->lanes[lane])->part;
        LoopExprId before = g->part_value[part.i];
        g->part_value[part.i] = loop_int(g->p, first);
        LoopExprId value = combined(g, leaf, seg, lane + 1, (LoopExprId){0});
        g->part_value[part.i] = before;
        return value;
    }
    /* halves: x[i] o x[i + n/2] first, so the last combination joins even and odd places; neighbours: the reverse */
    bool halves = seg->combine[lane] == COMBINE_TREE;
    LoopOp op = combine_op(statement_of(g, leaf)->reduction);
    LoopExprId a = in_tree(g, leaf, seg, lane, first, halves ? 2 * step : step, n / 2);
    LoopExprId b = in_tree(g, leaf, seg, lane, halves ? first + step : first + n / 2 * step, halves ? 2 * step : step, n / 2);
    return loop_binary(g->p, op, a, b);
}

/* One vector of partial values, where they stand next to each other. */
static LoopExprId in_vector(GroupLower *g, const Leaf *leaf, const Segment *seg, uint32_t lane, int64_t n)
{
    LoopOp op = combine_op(statement_of(g, leaf)->reduction);
    bool halves = seg->combine[lane] == COMBINE_TREE;
    PartId part = leaf_node(g, leaf, seg->lanes[lane])->part;
    int64_t width = g->l->options.vector_bytes / 4, lanes = n < width ? n : width;
    bool last = lane + 1 == seg->n_lanes && seg->axes[seg->n_axes - 1] == seg->lanes[lane];
    if (!last || seg->in_place || leaf->accumulator != DT_F32 || width < 4 || n < 4 || n > 16 * width || (!halves && n > width))
        return (LoopExprId){0};
    LoopExprId before = g->part_value[part.i], vectors[16];
    uint32_t count = (uint32_t)(n / lanes);
    for (uint32_t k = 0; k < count; k++) {
        g->part_value[part.i] = loop_int(g->p, k * lanes);
        vectors[k] = loop_load(g->p, DT_F32, (uint32_t)lanes, seg->slot, accumulator_index(g, leaf, seg));
    }
    g->part_value[part.i] = before;
    for (uint32_t half = count / 2; half > 0; half /= 2)
        for (uint32_t k = 0; k < half; k++)
            vectors[k] = loop_binary(g->p, op, vectors[k], vectors[k + half]);
    LoopExpr node = {.op = halves ? LOOP_TREE : LOOP_PAIRS, .type = DT_F32, .lanes = 1, .ref = (uint32_t)op};
    return loop_push(g->p, node, 1, vectors);
}

typedef struct Chain {
    const Leaf *leaf;
    const Segment *seg;
    uint32_t lane, var;
} Chain;

static void chain_step(GroupLower *g, void *data)
{
    const Chain *c = data;
    LoopExprId value = combined(g, c->leaf, c->seg, c->lane + 1, (LoopExprId){0});
    LoopExprId sum = loop_binary(g->p, combine_op(statement_of(g, c->leaf)->reduction), loop_var(g->p, &g->f, c->var), value);
    loop_add(g->p, &g->block, (LoopStmt){.kind = LOOP_ST_ASSIGN, .var = c->var, .a = sum});
}

static LoopExprId in_sequence(GroupLower *g, const Leaf *leaf, const Segment *seg, uint32_t lane, LoopExprId first)
{
    LoopVar var = {.name = "s", .type = leaf->accumulator, .lanes = 1, .changes = true};
    Chain c = {.leaf = leaf, .seg = seg, .lane = lane, .var = loop_add_var(g->p, &g->f, var)};
    if (first.i == 0)
        first = identity(g, statement_of(g, leaf)->reduction, leaf->accumulator);
    loop_add(g->p, &g->block, (LoopStmt){.kind = LOOP_ST_ASSIGN, .var = c.var, .a = first});
    HostNode node = *leaf_node(g, leaf, seg->lanes[lane]);
    node.role = ROLE_FOR;
    node.window = WINDOW_NONE;
    part_loop(g, &node, chain_step, &c);
    return loop_var(g->p, &g->f, c.var);
}

static LoopExprId combined(GroupLower *g, const Leaf *leaf, const Segment *seg, uint32_t lane, LoopExprId first)
{
    if (lane == seg->n_lanes)
        return accumulator_load(g, leaf, seg);
    if (seg->combine[lane] == COMBINE_SEQ)
        return in_sequence(g, leaf, seg, lane, first);
    int64_t n = part_at(g->m, leaf_node(g, leaf, seg->lanes[lane])->part)->extent;
    LoopExprId value = in_vector(g, leaf, seg, lane, n);
    if (value.i != 0)
        return value;
    if (n > 1024)
        refuse(g, "a combining tree over more than 1024 values");
    return in_tree(g, leaf, seg, lane, 0, 1, n > 1024 ? 1 : n);
}

static void finish(GroupLower *g, void *data)
{
    const Nest *n = data;
    const Leaf *leaf = &g->leaves.at[n->leaf];
    const Segment *seg = &leaf->segments[n->segment];
    const Statement *st = statement_of(g, leaf);
    LoopOp op = combine_op(st->reduction);
    LoopExprId from = {0}, value;
    if (reduction_info(st->reduction)->arg) {
        value = loop_load(g->p, DT_I64, 1, seg->position_slot, accumulator_index(g, leaf, seg));
    } else {
        if (st->from.i != 0 && n->segment == 0 && seg->n_lanes > 0) {
            value_begin(g, st->from);
            from = lower_value(g, st->from, leaf->accumulator);
        }
        bool sequence = seg->n_lanes > 0 && seg->combine[0] == COMBINE_SEQ;
        value = combined(g, leaf, seg, 0, sequence ? from : (LoopExprId){0});
        if (from.i != 0 && !sequence)
            value = loop_binary(g->p, op, from, value);
    }
    if (n->segment == 0) {
        store(g, tensor_slot(g, st->targets[0].tensor, true), target_element(g, &st->targets[0]), value);
        return;
    }
    const Segment *outer = &leaf->segments[n->segment - 1];
    if (outer->sequential)
        value = loop_binary(g->p, op, accumulator_load(g, leaf, outer), value);
    store(g, outer->slot, accumulator_index(g, leaf, outer), value);
}

void reduce_end(GroupLower *g, uint32_t leaf, uint32_t segment)
{
    if (g->leaves.at[leaf].segments[segment].in_place)
        return;
    g->current = g->leaves.at[leaf].statement;
    nest(g, &(Nest){.leaf = leaf, .segment = segment, .kept_only = true, .inner = finish});
}

/* ---- points ---- */

/* Whether value `a` takes the place of `b`: larger (smaller), or the first NaN; `equal`: as good. */
static LoopExprId beats(GroupLower *g, bool most, LoopExprId a, LoopExprId b, LoopExprId *equal)
{
    LoopProgram *p = g->p;
    LoopExprId better = most ? loop_binary(p, LOOP_LT, b, a) : loop_binary(p, LOOP_LT, a, b);
    *equal = loop_binary(p, LOOP_EQ, a, b);
    if (dtype_kind(loop_expr(p, a)->type) != DK_FLOAT)
        return better;
    LoopExprId a_nan = loop_binary(p, LOOP_NE, a, a), b_nan = loop_binary(p, LOOP_NE, b, b);
    *equal = loop_binary(p, LOOP_LOR, *equal, loop_binary(p, LOOP_LAND, a_nan, b_nan));
    return loop_binary(p, LOOP_LOR, better, loop_binary(p, LOOP_LAND, a_nan, loop_unary(p, LOOP_LNOT, b_nan)));
}

typedef struct Take {
    uint32_t slot, position_slot;
    LoopExprId index, value, position;
} Take;

static void take(GroupLower *g, void *data)
{
    const Take *t = data;
    store(g, t->slot, t->index, t->value);
    store(g, t->position_slot, t->index, t->position);
}

static void point_position(GroupLower *g, const Leaf *leaf, const Segment *seg)
{
    const Statement *st = statement_of(g, leaf);
    LoopProgram *p = g->p;
    LoopVar var = {.name = "v", .type = leaf->accumulator, .lanes = 1};
    LoopStmt let = {.kind = LOOP_ST_LET, .a = lower_value(g, st->body, leaf->accumulator)};
    let.var = loop_add_var(p, &g->f, var);
    loop_add(p, &g->block, let);
    Take t = {.slot = seg->slot, .position_slot = seg->position_slot, .index = accumulator_index(g, leaf, seg),
              .value = loop_var(p, &g->f, let.var), .position = loop_int(p, 0)};
    for (uint32_t k = 0; k < st->n_reduced; k++) {
        LoopExprId end = rank_end(g, st->reduced[k]);
        LoopExprId scaled = loop_expr(p, end)->op == LOOP_CONST ? loop_index_scale(p, &g->f, t.position, loop_expr(p, end)->i)
                                                                : loop_binary(p, LOOP_MUL, t.position, end);
        t.position = loop_index_add(p, &g->f, scaled, rank_coordinate(g, st->reduced[k]));
    }
    LoopExprId best = loop_load(p, leaf->accumulator, 1, t.slot, t.index), equal;
    LoopExprId at = loop_load(p, DT_I64, 1, t.position_slot, t.index);
    LoopExprId better = beats(g, st->reduction == RED_ARGMAX, t.value, best, &equal);
    bool last = st->order == ORDER_LAST;
    LoopExprId nearer = last ? loop_binary(p, LOOP_LT, at, t.position) : loop_binary(p, LOOP_LT, t.position, at);
    better = loop_binary(p, LOOP_LOR, better, loop_binary(p, LOOP_LAND, equal, nearer));
    better = loop_binary(p, LOOP_LOR, loop_binary(p, LOOP_LT, at, loop_int(p, 0)), better);
    if_true(g, better, take, &t);
}

static bool fuses(const GroupLower *g, const Leaf *leaf, const Segment *seg)
{
    const Statement *st = statement_of(g, leaf);
    const Expr *body = expr_at(g->cs, st->body);
    bool wide = leaf->accumulator == DT_F32 || leaf->accumulator == DT_F64;
    if (st->reduction != RED_SUM || body->kind != EX_CALL || body->fn != FN_MUL || !wide || !seg->sequential)
        return false;
    return st->order == ORDER_FMA || (!g->cs->pinned && g->l->options.fma);
}

static void accumulate(GroupLower *g, void *data)
{
    const Leaf *leaf = data;
    const Segment *seg = &leaf->segments[leaf->n_segments - 1];
    const Statement *st = statement_of(g, leaf);
    value_begin(g, st->body);
    if (reduction_info(st->reduction)->arg) {
        point_position(g, leaf, seg);
        return;
    }
    LoopExprId value;
    if (fuses(g, leaf, seg)) {
        LoopExprId a = lower_value(g, expr_arg(g->cs, st->body, 0), leaf->accumulator);
        LoopExprId b = lower_value(g, expr_arg(g->cs, st->body, 1), leaf->accumulator);
        value = loop_fma(g->p, a, b, accumulator_load(g, leaf, seg));
    } else {
        value = lower_value(g, st->body, leaf->accumulator);
        if (seg->sequential)
            value = loop_binary(g->p, combine_op(st->reduction), accumulator_load(g, leaf, seg), value);
    }
    store(g, accumulator_slot(g, leaf, seg), accumulator_index(g, leaf, seg), value);
}

static void define(GroupLower *g, void *data)
{
    const Statement *st = data;
    value_begin(g, st->body);
    LoopExprId value = lower_value(g, st->body, DT_NONE);
    store(g, tensor_slot(g, st->targets[0].tensor, true), target_element(g, &st->targets[0]), value);
}

/* ---- scatter ---- */

typedef struct Scatter {
    Statement st;
    uint32_t k, n;
    RankId ranks[CASCADE_MAX_RANKS];
    BodyFn *inner;
} Scatter;

static void scatter_nest(GroupLower *g, void *data)
{
    Scatter s = *(const Scatter *)data;
    if (s.k == s.n) {
        s.inner(g, &s);
        return;
    }
    s.k++;
    rank_loop(g, s.ranks[s.k - 1], scatter_nest, &s);
}

static void scatter_base(GroupLower *g, void *data)
{
    define(g, &((Scatter *)data)->st);
}

static void scatter_update(GroupLower *g, void *data)
{
    const Statement *st = &((const Scatter *)data)->st;
    TensorId tensor = st->targets[0].tensor;
    LoopExprId index[TENSOR_MAX_DIMS];
    for (uint32_t d = 0; d < st->n_scatter; d++) {
        LoopVar var = {.name = "x", .type = DT_I64, .lanes = 1};
        value_begin(g, st->scatter_index[d]);
        LoopStmt let = {.kind = LOOP_ST_LET, .a = lower_index(g, st->scatter_index[d])};
        int64_t least, most;
        var.ranged = loop_index_range(g->p, &g->f, let.a, &least, &most);
        var.least = var.ranged ? least : 0;
        var.most = var.ranged ? most : 0;
        let.var = loop_add_var(g->p, &g->f, var);
        loop_add(g->p, &g->block, let);
        index[d] = loop_var(g->p, &g->f, let.var);
        check_inside(g, index[d], dim_end(g, tensor, d), false);
    }
    uint32_t slot = tensor_slot(g, tensor, true);
    LoopExprId at = element_index(g, tensor, index);
    value_begin(g, st->scatter_value);
    LoopExprId value = lower_value(g, st->scatter_value, DT_NONE);
    if (st->scatter != RED_SET)
        value = loop_binary(g->p, combine_op(st->scatter), loop_load(g->p, tensor_at(g->cs, tensor)->type, 1, slot, at), value);
    store(g, slot, at, value);
}

static void scatter_point(GroupLower *g, void *data)
{
    const Statement *st = &((const Scatter *)data)->st;
    if (st->scatter_condition.i == 0) {
        scatter_update(g, data);
        return;
    }
    value_begin(g, st->scatter_condition);
    if_true(g, lower_condition(g, st->scatter_condition), scatter_update, data);
}

static void scatter(GroupLower *g, const Statement *st)
{
    Scatter s = {.st = *st, .inner = scatter_base};
    s.n = target_ranks(g->cs, st, s.ranks, CASCADE_MAX_RANKS);
    scatter_nest(g, &s);
    s.inner = scatter_point;
    s.n = scatter_ranks(g->cs, st, s.ranks, CASCADE_MAX_RANKS);
    scatter_nest(g, &s);
}

static void point(GroupLower *g, void *data)
{
    Leaf *leaf = data;
    Statement st = *statement_of(g, leaf);
    if (st.scatter != RED_NONE) {
        scatter(g, &st);
    } else if (st.reduction == RED_NONE) {
        define(g, &st);
    } else if (st.condition.i == 0) {
        accumulate(g, leaf);
    } else {
        value_begin(g, st.condition);
        if_true(g, lower_condition(g, st.condition), accumulate, leaf);
    }
}

void reduce_point(GroupLower *g, uint32_t leaf)
{
    g->current = g->leaves.at[leaf].statement;
    guarded(g, statement_of(g, &g->leaves.at[leaf]), point, &g->leaves.at[leaf]);
}
