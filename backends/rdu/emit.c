/*
 * backends/rdu/emit.c: a group in the array as a kernel.
 *
 * In:   a group whose mapping the strategy `array` made: outer loops, a tile of rows and columns, loops over the reduced
 *       ranks. Out: a sys unit, an address generator for each operand, the start and the result; a launch.
 * Keep: the loops of every unit are those of the tree in its order; nothing is decided here. Constants are packed as the
 *       loops read them; other tensors are row-major in memory. Points behind an edge read 0 and are not written.
 */
#include "backends/rdu/rdu_target.h"

#include <string.h>

#include "ir/pin.h"

enum { MOST_LOOPS = 15 };

/* A loop of the tree: the coordinate of `rank` moves by `step` an iteration. */
typedef struct Level {
    PartId part;
    RankId rank;
    int64_t step, trip;
    const char *name;
} Level;

typedef struct Kernel {
    RduEmit *e;
    Device *device;
    const Cascade *cs;
    const Group *group;
    RduMaker maker;
    uint32_t n_outer, n_inner;
    Level outer[MOST_LOOPS], inner[MOST_LOOPS];
    Level row, column; /* trip 0: no row */
    uint32_t number;   /* of the kernel */
} Kernel;

static Level level_of(const Mapping *m, PartId part)
{
    const Part *p = part_at(m, part);
    const Part *whole = p->origin == PART_SPLIT ? part_at(m, p->parent) : p;
    return (Level){.part = part, .rank = whole->rank, .step = p->origin == PART_SPLIT ? p->stride : 1, .trip = p->extent,
                   .name = cx_text(m->cs->cx, p->name)};
}

static void read_tree(Kernel *k)
{
    const Mapping *m = k->group->mapping;
    MapNodeId path[64];
    uint32_t n = mapping_path(m, mapping_leaf(m, k->group->statements[0]), path, 64);
    bool inside = false;
    for (uint32_t i = 0; i < n; i++) {
        const MapNode *node = node_at(m, path[i]);
        inside = inside || node->role == ROLE_STAGE;
        if (node->role == ROLE_FOR || node->role == ROLE_PIPE) {
            if (inside)
                k->inner[k->n_inner++] = level_of(m, node->part);
            else
                k->outer[k->n_outer++] = level_of(m, node->part);
        } else if (node->role == ROLE_LANE) {
            k->row = k->column;
            k->column = level_of(m, node->part);
        }
    }
}

/* ---- accesses ---- */

/* An access as dimensions that are affine in ranks. */
typedef struct Dims {
    TensorId tensor;
    uint32_t n;
    Affine index[TENSOR_MAX_DIMS];
    int64_t stride[TENSOR_MAX_DIMS]; /* elements */
    int64_t extent[TENSOR_MAX_DIMS];
    uint32_t pad; /* word */
} Dims;

static void set_dims(const Cascade *cs, TensorId tensor, uint32_t n, const ExprId *index, Dims *out)
{
    *out = (Dims){.tensor = tensor, .n = n};
    int64_t stride = 1;
    for (uint32_t d = n; d-- > 0;) {
        if (!expr_affine(cs, index[d], &out->index[d]))
            weir_bug(cs->cx, "a device access is not affine");
        out->stride[d] = stride;
        out->extent[d] = dim_extent(cs, tensor, d);
        stride *= out->extent[d];
    }
}

static Dims dims_of_read(const Cascade *cs, ExprId e)
{
    Dims dims;
    const Expr *x = expr_at(cs, e);
    set_dims(cs, x->tensor, x->n_args, cs->args.at + x->first_arg, &dims);
    if (x->pad == PAD_LITERAL) {
        const Expr *pad = expr_at(cs, x->pad_literal);
        float value = pad->decimal || pad->type == DT_F32 ? (float)pad->f : (float)pad->i;
        memcpy(&dims.pad, &value, sizeof value);
    }
    return dims;
}

static int64_t coefficient(const Affine *a, RankId rank)
{
    int64_t sum = 0;
    for (uint32_t t = 0; t < a->n; t++)
        sum += rank_same(a->rank[t], rank) ? a->coefficient[t] : 0;
    return sum;
}

/* Elements the address moves when a level moves. */
static int64_t move(const Dims *dims, const Level *level)
{
    int64_t sum = 0;
    for (uint32_t d = 0; d < dims->n; d++)
        sum += coefficient(&dims->index[d], level->rank) * level->step * dims->stride[d];
    return sum;
}

/* Bounds for the dimensions that some point of the loops leaves. */
static void bound_dims(Kernel *k, uint32_t unit, const Dims *dims, uint32_t n, const Level *levels)
{
    for (uint32_t d = 0; d < dims->n; d++) {
        int64_t coefficients[MOST_LOOPS + 2], low = dims->index[d].constant, high = low;
        for (uint32_t i = 0; i < n; i++) {
            coefficients[i] = coefficient(&dims->index[d], levels[i].rank) * levels[i].step;
            int64_t reach = coefficients[i] * (levels[i].trip - 1);
            low += reach < 0 ? reach : 0;
            high += reach > 0 ? reach : 0;
        }
        if (low < 0 || high >= dims->extent[d])
            rdu_make_bound(&k->maker, unit, 0, dims->index[d].constant, coefficients, (uint32_t)dims->extent[d]);
    }
}

/* The loops of an address generator of a row-major tensor; the last level is the lanes if `lanes`. */
static void address(Kernel *k, uint32_t unit, const Dims *dims, uint32_t n, const Level *levels, bool lanes)
{
    int64_t constant = 0;
    for (uint32_t d = 0; d < dims->n; d++)
        constant += dims->index[d].constant * dims->stride[d];
    for (uint32_t i = 0; i < n; i++)
        (void)rdu_make_loop(&k->maker, unit, 0, levels[i].name, levels[i].trip, lanes && i + 1 == n);
    for (uint32_t i = 0; i < n; i++)
        rdu_make_stride(&k->maker, unit, 0, i, 4 * move(dims, &levels[i]));
    rdu_make_offset(&k->maker, unit, 0, 4 * constant);
    rdu_make_lanes(&k->maker, unit, 0, lanes ? (uint32_t)levels[n - 1].trip : 1, 4);
    bound_dims(k, unit, dims, n, levels);
    if (dims->pad != 0)
        rdu_make_pad(&k->maker, unit, 0, dims->pad);
}

/* ---- packed constants ---- */

/* Element of the packed constant at a point of the levels: the tensor's, or the pad outside. */
static uint32_t packed_word(const Dims *dims, const unsigned char *data, uint32_t n, const Level *levels, const int64_t *at)
{
    int64_t element = 0;
    uint32_t word;
    for (uint32_t d = 0; d < dims->n; d++) {
        int64_t index = dims->index[d].constant;
        for (uint32_t i = 0; i < n; i++)
            index += coefficient(&dims->index[d], levels[i].rank) * levels[i].step * at[i];
        if (index < 0 || index >= dims->extent[d])
            return dims->pad;
        element += index * dims->stride[d];
    }
    memcpy(&word, data + 4 * element, 4);
    return word;
}

/* The levels that move the access, outer to inner, the lanes last and always. */
static uint32_t moving(const Dims *dims, uint32_t n, const Level *levels, Level *out)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool moves = i + 1 == n;
        for (uint32_t d = 0; d < dims->n; d++)
            moves = moves || coefficient(&dims->index[d], levels[i].rank) != 0;
        if (moves)
            out[kept++] = levels[i];
    }
    return kept;
}

static uint32_t pack(Kernel *k, const Dims *dims, const Tensor *value, uint32_t n, const Level *levels)
{
    weir_context *cx = k->e->cx;
    ImageTensor row = {.type = DT_F32, .n_dims = n};
    int64_t total = 1, at[MOST_LOOPS + 2] = {0};
    Text layout;
    text_init(&layout, &cx->arena);
    for (uint32_t i = 0; i < n; i++) {
        row.extent[i] = levels[i].trip;
        total *= levels[i].trip;
        text_printf(&layout, "%s%s", i == 0 ? "" : ", ", levels[i].name);
    }
    unsigned char *data = context_buffer(cx, (size_t)total * 4);
    for (int64_t p = 0; p < total; p++) {
        uint32_t word = packed_word(dims, value->data, n, levels, at);
        memcpy(data + 4 * p, &word, 4);
        for (uint32_t i = n; i-- > 0;) {
            if (++at[i] < levels[i].trip)
                break;
            at[i] = 0;
        }
    }
    row.data = data;
    return device_own_row(k->device, arena_printf(&cx->arena, "%s_packed", tensor_name(k->cs, dims->tensor)), layout.at, row);
}

static void packed_address(Kernel *k, uint32_t unit, uint32_t n, const Level *levels, uint32_t n_moving, const Level *moving_levels)
{
    int64_t bytes[MOST_LOOPS + 2], stride = 4;
    for (uint32_t i = n_moving; i-- > 0;) {
        bytes[i] = stride;
        stride *= moving_levels[i].trip;
    }
    uint32_t m = 0;
    for (uint32_t i = 0; i + 1 < n; i++)
        (void)rdu_make_loop(&k->maker, unit, 0, levels[i].name, levels[i].trip, false);
    for (uint32_t i = 0; i + 1 < n; i++)
        if (m + 1 < n_moving && moving_levels[m].part.i == levels[i].part.i)
            rdu_make_stride(&k->maker, unit, 0, i, bytes[m++]);
    rdu_make_lanes(&k->maker, unit, 0, (uint32_t)levels[n - 1].trip, 4);
}

/* ---- units ---- */

/* A generator that reads an operand over the levels; the last one is the lanes. */
static weir_status reader(Kernel *k, const char *name, ExprId read, uint32_t n, const Level *levels, uint32_t flow)
{
    Dims dims = dims_of_read(k->cs, read);
    const TensorDecl *tensor = tensor_at(k->cs, dims.tensor);
    uint32_t unit;
    if (tensor->role == TENSOR_CONST) {
        const Tensor *value;
        Level kept[MOST_LOOPS + 2];
        TRY(cascade_const(k->device->job->pinned, dims.tensor, &value));
        uint32_t n_kept = moving(&dims, n, levels, kept);
        TRY(rdu_make_ag(&k->maker, name, pack(k, &dims, value, n_kept, kept), false, RDU_F32, &unit));
        packed_address(k, unit, n, levels, n_kept, kept);
    } else {
        TRY(rdu_make_ag(&k->maker, name, device_row(k->device, dims.tensor), false, RDU_F32, &unit));
        address(k, unit, &dims, n, levels, true);
    }
    rdu_make_out(&k->maker, unit, 0, RDU_OUT_V, 0, flow, RDU_EVERY, RDU_F32);
    return WEIR_OK;
}

/* Levels outer, then (inner), then the given one. */
static uint32_t collect(const Kernel *k, bool inner, const Level *last, Level *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < k->n_outer; i++)
        out[n++] = k->outer[i];
    for (uint32_t i = 0; inner && i < k->n_inner; i++)
        out[n++] = k->inner[i];
    out[n++] = *last;
    return n;
}

/* Whether a read moves with the rows of the tile. */
static bool moves_with(const Kernel *k, ExprId read, const Level *level)
{
    Dims dims = dims_of_read(k->cs, read);
    for (uint32_t d = 0; d < dims.n; d++)
        if (coefficient(&dims.index[d], level->rank) != 0)
            return true;
    return false;
}

/* The generator of the start: a vector a tile, or its rows. */
static weir_status starter(Kernel *k, ExprId from, bool tile, uint32_t flow)
{
    Level levels[MOST_LOOPS + 2];
    uint32_t n = collect(k, false, tile ? &k->row : &k->column, levels);
    if (tile)
        levels[n++] = k->column;
    return reader(k, "init", from, n, levels, flow);
}

static weir_status writer(Kernel *k, const Target *target, uint32_t flow)
{
    Level levels[MOST_LOOPS + 2];
    Dims dims;
    uint32_t unit, n = collect(k, false, k->row.trip != 0 ? &k->row : &k->column, levels);
    if (k->row.trip != 0)
        levels[n++] = k->column;
    set_dims(k->cs, target->tensor, target->n_index, target->index, &dims);
    TRY(rdu_make_ag(&k->maker, "result", device_row(k->device, target->tensor), true, RDU_F32, &unit));
    address(k, unit, &dims, n, levels, true);
    rdu_make_in(&k->maker, unit, 0, 0, flow, RDU_EVERY, RDU_F32);
    return WEIR_OK;
}

/* The array's unit: its loops, the start, the tail. */
static weir_status array(Kernel *k, RduInit init, uint32_t rows, const uint32_t *flows, int tail, uint32_t *out_unit)
{
    RduMaker *m = &k->maker;
    uint32_t unit;
    TRY(rdu_make_sys(m, "array", RDU_F32, &unit));
    for (uint32_t i = 0; i < k->n_outer; i++)
        (void)rdu_make_loop(m, unit, 0, k->outer[i].name, k->outer[i].trip, false);
    for (uint32_t i = 0; i < k->n_inner; i++)
        (void)rdu_make_loop(m, unit, 0, k->inner[i].name, k->inner[i].trip, false);
    rdu_make_mac(m, unit, k->n_outer - 1, init, rows, (uint32_t)k->column.trip);
    rdu_make_in(m, unit, 0, 0, flows[0], RDU_EVERY, RDU_F32);
    rdu_make_in(m, unit, 0, 1, flows[1], RDU_EVERY, RDU_F32);
    if (init != RDU_INIT_ZERO)
        rdu_make_in(m, unit, 0, 2, flows[2], RDU_EVERY, RDU_F32);
    if (tail != RDU_TAIL_NONE)
        rdu_make_tail(m, unit, (RduTail)tail);
    rdu_make_out(m, unit, 0, tail != RDU_TAIL_NONE ? RDU_OUT_T : RDU_OUT_ACC, 0, flows[3], RDU_EVERY, RDU_F32);
    *out_unit = unit;
    return WEIR_OK;
}

/* The tree's plan must be one ascending sum, contracted: what the array does. */
static weir_status check_plan(const Kernel *k)
{
    PinPlan plan;
    TRY(pin_plan(k->group->mapping, k->group->statements[0], k->e->file, &plan));
    if (!plan.ordered || plan.n_steps != 1 || plan.steps[0].order != ORDER_FMA || plan.add_from || plan.n_guards != 0)
        weir_bug(k->e->cx, "group %s is no sum of the array", cx_text(k->e->cx, k->group->name));
    return WEIR_OK;
}

weir_status rdu_emit_array(RduEmit *e, Device *device, const Group *group)
{
    const Cascade *cs = device->job->cs;
    Kernel k = {.e = e, .device = device, .cs = cs, .group = group};
    const Statement *sum = statement_at(cs, group->statements[0]);
    const Statement *last = statement_at(cs, group->statements[group->n - 1]);
    int tail = group->n > 1 ? rdu_follower_tail(cs, group->statements[1], sum->targets[0].tensor, e->machine->functions) : RDU_TAIL_NONE;
    read_tree(&k);
    TRY(check_plan(&k));
    RduMaker *m = &k.maker;
    rdu_make_open(m, e->cx, e->machine, &device->image, cx_text(e->cx, group->name));
    uint32_t flows[4], unit;
    static const char *const names[4] = {"rows", "columns", "start", "tile"};
    bool has_start = sum->from.i != 0;
    for (uint32_t f = 0; f < 4; f++)
        flows[f] = f != 2 || has_start ? rdu_make_flow(m, names[f], RDU_NET_VEC) : 0;
    ExprId a = expr_arg(cs, sum->body, 0), b = expr_arg(cs, sum->body, 1);
    if (!moves_with(&k, b, &k.column)) {
        ExprId swap = a;
        a = b;
        b = swap;
    }
    /* without rows the row operand is one lane: a level that moves nothing */
    Level one = {.trip = 1, .name = "row", .rank = {0}}, row = k.row.trip != 0 ? k.row : one, levels[MOST_LOOPS + 2];
    bool tile = has_start && k.row.trip != 0 && moves_with(&k, sum->from, &k.row);
    RduInit init = !has_start ? RDU_INIT_ZERO : tile ? RDU_INIT_TILE : RDU_INIT_BIAS;
    TRY(array(&k, init, (uint32_t)row.trip, flows, tail, &unit));
    uint32_t n = collect(&k, true, &row, levels);
    TRY(reader(&k, "rows", a, n, levels, flows[0]));
    n = collect(&k, true, &k.column, levels);
    TRY(reader(&k, "columns", b, n, levels, flows[1]));
    if (has_start)
        TRY(starter(&k, sum->from, tile, flows[2]));
    TRY(writer(&k, &last->targets[0], flows[3]));
    k.number = rdu_make_close(m, &e->code);
    device_source(device, k.number, unit, group->statements[0]);
    ImageStep launch = {.op = STEP_LAUNCH, .a = k.number};
    vec_push(&e->cx->arena, &device->image.steps, launch);
    return WEIR_OK;
}
