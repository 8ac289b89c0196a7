/*
 * backends/rdu/strategies.c: mappings for the dataflow machine.
 *
 * A sum of products goes into the array: one kept rank that only the first operand has is its rows, one that only the second
 * has its columns; every other kept rank is a loop outside, the reduced ones are loops inside (ascending, so the sum is
 * pinned to the written order).
 */
#include "backends/rdu/rdu_target.h"

#include "ir/index.h"

#define NO_RANK UINT32_MAX

/* ---- followers ---- */

static bool reads_sum(const Cascade *cs, ExprId e, TensorId sum)
{
    const Expr *x = expr_at(cs, e);
    return x->kind == EX_ACCESS && x->tensor.i == sum.i && x->pad == PAD_NONE;
}

static bool is_zero(const Cascade *cs, ExprId e)
{
    const Expr *x = expr_at(cs, e);
    return x->kind == EX_LITERAL && (x->decimal || x->type == DT_F32 ? x->f == 0 && !__builtin_signbit(x->f) : x->i == 0);
}

typedef struct TailFn {
    Fn fn;
    RduTail tail;
} TailFn;

int rdu_follower_tail(const Cascade *cs, StatementId follower, TensorId sum, uint32_t functions)
{
    static const TailFn table[] = {{FN_EXP, RDU_TAIL_EXP},   {FN_LOG, RDU_TAIL_LOG},   {FN_RECIP, RDU_TAIL_RECIP},
                                   {FN_SQRT, RDU_TAIL_SQRT}, {FN_TANH, RDU_TAIL_TANH}, {FN_SIGMOID, RDU_TAIL_SIGMOID},
                                   {FN_ERF, RDU_TAIL_ERF}};
    ExprId body = statement_at(cs, follower)->body;
    const Expr *x = expr_at(cs, body);
    if (reads_sum(cs, body, sum))
        return RDU_TAIL_NONE;
    if (x->kind != EX_CALL || x->type != DT_F32)
        return -1;
    if (x->fn == FN_MAX)
        for (uint32_t k = 0; k < 2; k++)
            if (reads_sum(cs, expr_arg(cs, body, k), sum) && is_zero(cs, expr_arg(cs, body, 1 - k)))
                return RDU_TAIL_RELU;
    for (size_t k = 0; k < sizeof table / sizeof *table && x->n_args == 1; k++)
        if (table[k].fn == x->fn && (functions >> table[k].tail & 1) != 0 && reads_sum(cs, expr_arg(cs, body, 0), sum))
            return (int)table[k].tail;
    return -1;
}

/* ---- array ---- */

static bool is_f32(const Cascade *cs, TensorId tensor)
{
    return tensor_at(cs, tensor)->type == DT_F32;
}

/* A definition over the same ranks, in the same order, as the sum. */
static bool follower_fits(const Scheduling *s, uint32_t functions)
{
    const Group *group = s->group;
    if (group->n == 1)
        return true;
    const Target *sum = &s->shape.statement->targets[0], *target = &statement_at(s->cs, group->statements[1])->targets[0];
    if (group->n > 2 || !device_plain_target(s->cs, group->statements[1]) || !is_f32(s->cs, target->tensor))
        return false;
    return rdu_follower_tail(s->cs, group->statements[1], sum->tensor, functions) >= 0;
}

static bool start_fits(const Scheduling *s)
{
    ExprId from = s->shape.statement->from;
    if (from.i == 0)
        return true;
    return device_affine_read(s->cs, from) && expr_at(s->cs, from)->pad == PAD_NONE && is_f32(s->cs, expr_at(s->cs, from)->tensor);
}

static bool array_fits(const Scheduling *s)
{
    const Shape *shape = &s->shape;
    RduMachine machine;
    bool fits = shape->regular && shape->product && shape->n_accesses == 2 && shape->statement->reduction == RED_SUM &&
                shape->statement->order == ORDER_PLAIN && shape->n_reduced != 0 && shape->n_kept != 0 &&
                (shape->statement->accumulator == DT_NONE || shape->statement->accumulator == DT_F32) &&
                device_plain_target(s->cs, shape->id) && is_f32(s->cs, shape->statement->targets[0].tensor) && start_fits(s) &&
                s->pass->machine != NULL && rdu_machine_from(s->pass->cx, s->pass->machine, &machine) == WEIR_OK &&
                follower_fits(s, machine.functions);
    for (uint32_t a = 0; fits && a < 2; a++)
        fits = device_affine_read(s->cs, shape->access[a].access) && is_f32(s->cs, shape->access[a].tensor);
    return fits;
}

typedef struct Array {
    uint32_t row, column; /* ranks of the shape, or NO_RANK */
    int64_t rows, columns; /* of the tile */
    int64_t cycles;
} Array;

/* Kept ranks that move only operand `a`; the one that fills tiles of `width` best, the largest among equals. */
static uint32_t best_rank(const Shape *shape, uint32_t a, int64_t width, int64_t *out_tiles)
{
    uint32_t best = NO_RANK;
    double best_fill = 0;
    *out_tiles = 1;
    for (uint32_t k = 0; k < shape->n_kept; k++) {
        if (shape->access[a].stride[k] == 0 || shape->access[1 - a].stride[k] != 0)
            continue;
        int64_t tiles = (shape->extent[k] + width - 1) / width;
        double fill = (double)shape->extent[k] / (double)tiles;
        if (best != NO_RANK && (fill < best_fill || (fill <= best_fill && shape->extent[k] <= shape->extent[best])))
            continue;
        best = k;
        best_fill = fill;
        *out_tiles = tiles;
    }
    return best;
}

/* Operand `a` to the rows, the other to the columns. */
static Array with_rows_of(const Shape *shape, uint32_t a, int64_t rows, int64_t columns)
{
    Array array = {.rows = rows, .columns = columns};
    int64_t row_tiles, column_tiles;
    array.row = best_rank(shape, a, rows, &row_tiles);
    array.column = best_rank(shape, 1 - a, columns, &column_tiles);
    array.cycles = row_tiles * column_tiles;
    for (uint32_t k = 0; k < shape->n_kept; k++)
        array.cycles *= k == array.row || k == array.column ? 1 : shape->extent[k];
    if (array.row == NO_RANK)
        array.rows = 1;
    return array;
}

static MapNodeId loop(Mapping *m, MapNodeId parent, Role role, PartId part)
{
    MapNodeId id = mapping_node(m, (MapNode){.role = role, .part = part});
    mapping_append(m, parent, id);
    return id;
}

static PartId split(const Scheduling *s, Mapping *m, uint32_t k, int64_t width, PartId *out_inner)
{
    const char *base = rank_name(s->cs, s->shape.rank[k]);
    Arena *arena = &s->pass->cx->arena;
    const Name names[2] = {cascade_fresh_name(s->cs, arena_printf(arena, "%s1", base)), cascade_fresh_name(s->cs, arena_printf(arena, "%s0", base))};
    PartId parts[2];
    mapping_split(m, mapping_part(m, s->shape.rank[k]), 2, names, &width, EDGE_GUARD, (ExprId){0}, parts);
    *out_inner = parts[1];
    return parts[0];
}

/* The tile's lanes around statement i. */
static void leaf(const Scheduling *s, Mapping *m, MapNodeId parent, PartId row, PartId column, uint32_t i)
{
    if (row.i != 0)
        parent = loop(m, parent, ROLE_LANE, row);
    parent = loop(m, parent, ROLE_LANE, column);
    mapping_append(m, parent, mapping_node(m, (MapNode){.role = ROLE_LEAF, .statement = s->group->statements[i]}));
}

static Mapping *rdu_array(const Scheduling *s)
{
    const Shape *shape = &s->shape;
    if (!array_fits(s))
        return NULL;
    int64_t rows = machine_int(s->pass->machine, "pcu.rows", 1), columns = machine_int(s->pass->machine, "pcu.cols", 1);
    Array array = with_rows_of(shape, 0, rows, columns), other = with_rows_of(shape, 1, rows, columns);
    bool better = other.column != NO_RANK && (array.column == NO_RANK || other.cycles < array.cycles ||
                                              (other.cycles == array.cycles && shape->access[0].constant));
    array = better ? other : array;
    if (array.column == NO_RANK)
        return NULL;
    Name unit = intern_text(&s->pass->cx->names, "pcu");
    Mapping *m = mapping_new(s->cs, s->group->name, s->pass->machine->name, s->group->n, s->group->statements);
    PartId row = {0}, column, row_tile = {0};
    if (array.row != NO_RANK)
        row_tile = split(s, m, array.row, array.rows, &row);
    PartId column_tile = split(s, m, array.column, array.columns, &column);
    MapNodeId at = {0};
    for (uint32_t k = 0; k < shape->n_kept; k++)
        if (k != array.row && k != array.column)
            at = loop(m, at, ROLE_FOR, mapping_part(m, shape->rank[k]));
    if (row_tile.i != 0)
        at = loop(m, at, ROLE_FOR, row_tile);
    at = loop(m, at, ROLE_PIPE, column_tile);
    MapNodeId stage = mapping_node(m, (MapNode){.role = ROLE_STAGE, .unit = unit});
    mapping_append(m, at, stage);
    MapNodeId inner = stage;
    for (uint32_t k = 0; k < shape->n_reduced; k++)
        inner = loop(m, inner, ROLE_FOR, mapping_part(m, shape->rank[shape->n_kept + k]));
    leaf(s, m, inner, row, column, 0);
    if (s->group->n > 1)
        leaf(s, m, stage, row, column, 1);
    return m;
}

static const Strategy table[] = {
#define STRATEGY(name, propose, doc) {name, propose, doc},
#include "backends/rdu/strategies.def"
#undef STRATEGY
};

const Strategy *rdu_strategies(uint32_t *out_n)
{
    *out_n = sizeof table / sizeof *table;
    return table;
}
