/*
 * backends/pim/strategies.c: mappings for memories that compute.
 *
 * Rows of constant weights lie over channels and banks; the vector goes to the global buffer of every channel; each command
 * adds a burst of 16 products as a tree to the accumulator, so the sum is pinned to bursts in ascending order.
 */
#include "backends/pim/pim_target.h"

#include "ir/index.h"

static bool has_type(const Cascade *cs, TensorId tensor, Dtype type)
{
    return tensor_at(cs, tensor)->type == type;
}

/* f32(B[u]) of a constant in bf16, or none. */
static bool start_fits(const Cascade *cs, const Statement *st, BankSum *sum)
{
    RankId rank;
    if (st->from.i == 0)
        return true;
    const Expr *x = expr_at(cs, st->from);
    if (x->kind != EX_CAST || x->type != DT_F32)
        return false;
    ExprId read = expr_arg(cs, st->from, 0);
    if (!device_affine_read(cs, read))
        return false;
    x = expr_at(cs, read);
    sum->bias = x->tensor;
    return tensor_at(cs, x->tensor)->role == TENSOR_CONST && has_type(cs, x->tensor, DT_BF16) && x->pad == PAD_NONE && x->n_args == 1 &&
           index_is_rank(cs, expr_arg(cs, read, 0), &rank) && rank_same(rank, sum->output);
}

/* The result rounded once to bf16: what reading the accumulators gives. */
static bool follower_fits(const Cascade *cs, const Group *group)
{
    if (group->n != 2 || !device_plain_target(cs, group->statements[1]))
        return false;
    const Statement *st = statement_at(cs, group->statements[1]);
    const Expr *x = expr_at(cs, st->body);
    return x->kind == EX_CAST && x->type == DT_BF16 && x->cast == CAST_PLAIN &&
           expr_at(cs, expr_arg(cs, st->body, 0))->tensor.i == statement_at(cs, group->statements[0])->targets[0].tensor.i;
}

/* Which operand is the weights: the constant one. */
static bool operands(const Shape *shape, BankSum *sum, uint32_t *out_weights)
{
    *out_weights = shape->access[1].constant ? 1 : 0;
    const ShapeAccess *weights = &shape->access[*out_weights], *vector = &shape->access[1 - *out_weights];
    sum->weights = weights->access;
    sum->vector = vector->access;
    return weights->constant && !vector->constant;
}

static bool plain_bf16(const Cascade *cs, ExprId read)
{
    return device_affine_read(cs, read) && expr_at(cs, read)->pad == PAD_NONE && has_type(cs, expr_at(cs, read)->tensor, DT_BF16);
}

/* Every kept rank moves one operand alone, one of them the weights. */
static bool kept_ranks(const Shape *shape, uint32_t weights, BankSum *sum)
{
    for (uint32_t k = 0; k < shape->n_kept; k++) {
        bool moves_weights = shape->access[weights].stride[k] != 0, moves_vector = shape->access[1 - weights].stride[k] != 0;
        if (moves_weights && (moves_vector || sum->output.i != 0))
            return false;
        if (moves_weights) {
            sum->output = shape->rank[k];
            sum->outputs = shape->extent[k];
        } else {
            sum->steps[sum->n_steps++] = shape->rank[k];
            sum->vectors *= shape->extent[k];
        }
    }
    return sum->output.i != 0;
}

bool pim_bank_sum(Cascade *cs, const Group *group, BankSum *out_sum)
{
    Shape shape;
    uint32_t weights;
    shape_of(cs, group->statements[0], &shape);
    *out_sum = (BankSum){.vectors = 1};
    if (!shape.regular || !shape.product || shape.n_accesses != 2 || shape.statement->reduction != RED_SUM ||
        shape.statement->order != ORDER_PLAIN || shape.n_reduced != 1 || shape.statement->accumulator != DT_F32 ||
        !operands(&shape, out_sum, &weights) || !kept_ranks(&shape, weights, out_sum))
        return false;
    out_sum->reduced = shape.rank[shape.n_kept];
    out_sum->terms = shape.extent[shape.n_kept];
    return plain_bf16(cs, out_sum->weights) && plain_bf16(cs, out_sum->vector) && device_plain_target(cs, shape.id) &&
           start_fits(cs, shape.statement, out_sum) && follower_fits(cs, group);
}

int64_t pim_blocks(const BankSum *sum, int64_t channels, int64_t *out_used)
{
    int64_t all = (sum->outputs + PIM_LANES - 1) / PIM_LANES, blocks = (all + channels - 1) / channels;
    *out_used = (all + blocks - 1) / blocks;
    return blocks;
}

/* ---- the tree ---- */

static MapNodeId loop(Mapping *m, MapNodeId parent, MapNode node)
{
    MapNodeId id = mapping_node(m, node);
    mapping_append(m, parent, id);
    return id;
}

static Name part_name(const Scheduling *s, RankId rank, const char *suffix)
{
    return cascade_fresh_name(s->cs, arena_printf(&s->pass->cx->arena, "%s%s", rank_name(s->cs, rank), suffix));
}

static void place(const Scheduling *s, Mapping *m, TensorId tensor, const char *level, uint32_t n, const PartId *parts)
{
    PlaceLine line = {.tensor = tensor, .level = intern_text(&s->pass->cx->names, level), .has_layout = true, .n_parts = n,
                      .parts = arena_copy(&s->pass->cx->arena, parts, n * sizeof *parts)};
    mapping_place(m, line);
}

static Mapping *pim_banks(const Scheduling *s)
{
    BankSum sum;
    int64_t channels = s->pass->machine != NULL ? machine_int(s->pass->machine, "channels", 1) : 1, used;
    bool fits = s->pass->machine != NULL && machine_int(s->pass->machine, "mac.lanes", 0) == PIM_LANES &&
                machine_int(s->pass->machine, "bank.count", 0) == PIM_LANES && pim_bank_sum(s->cs, s->group, &sum);
    if (!fits)
        return NULL;
    Mapping *m = mapping_new(s->cs, s->group->name, s->pass->machine->name, s->group->n, s->group->statements);
    Name bank = intern_text(&s->pass->cx->names, "bank"), channel = intern_text(&s->pass->cx->names, "channel");
    int64_t blocks = pim_blocks(&sum, channels, &used);
    const Name output_names[3] = {part_name(s, sum.output, "2"), part_name(s, sum.output, "1"), part_name(s, sum.output, "0")};
    const Name term_names[2] = {part_name(s, sum.reduced, "1"), part_name(s, sum.reduced, "0")};
    const int64_t block_bank[2] = {blocks, PIM_LANES}, lanes = PIM_LANES;
    PartId u[3], k[2];
    mapping_split(m, mapping_part(m, sum.output), 3, output_names, block_bank, EDGE_GUARD, (ExprId){0}, u);
    mapping_split(m, mapping_part(m, sum.reduced), 2, term_names, &lanes, EDGE_PAD, ex_literal(s->cs, DT_BF16, 0), k);
    MapNodeId at = loop(m, (MapNodeId){0}, (MapNode){.role = ROLE_UNIT, .unit = channel, .part = u[0]});
    for (uint32_t i = 0; i < sum.n_steps; i++)
        at = loop(m, at, (MapNode){.role = ROLE_FOR, .part = mapping_part(m, sum.steps[i])});
    at = loop(m, at, (MapNode){.role = ROLE_FOR, .part = u[1]});
    at = loop(m, at, (MapNode){.role = ROLE_UNIT, .unit = bank, .part = u[2]});
    MapNodeId bursts = loop(m, at, (MapNode){.role = ROLE_FOR, .part = k[0]});
    MapNodeId tree = loop(m, bursts, (MapNode){.role = ROLE_LANE, .part = k[1], .combine = COMBINE_PAIRS, .each = true});
    (void)loop(m, tree, (MapNode){.role = ROLE_LEAF, .statement = s->group->statements[0]});
    (void)loop(m, at, (MapNode){.role = ROLE_LEAF, .statement = s->group->statements[1]});
    const PartId bank_layout[5] = {u[0], u[2], u[1], k[0], k[1]};
    place(s, m, expr_at(s->cs, sum.weights)->tensor, "bank", 5, bank_layout);
    return m;
}

static const Strategy table[] = {
#define STRATEGY(name, propose, doc) {name, propose, doc},
#include "backends/pim/strategies.def"
#undef STRATEGY
};

const Strategy *pim_strategies(uint32_t *out_n)
{
    *out_n = sizeof table / sizeof *table;
    return table;
}
