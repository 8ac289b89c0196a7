/*
 * frontend/lower/branch.c: If. A constant condition prunes; otherwise both arms become a region.
 *
 * Keep: a result whose extent the arms give differently is over a run-time rank whose extent is known before the region: chosen
 *       by the condition, or, where it is only known inside the arms, set by an `if` that computes the arms' extents alone.
 */
#include "frontend/lower/control.h"
#include "frontend/lower/extent.h"
#include "frontend/lower/families.h"

static weir_status graph_attribute(Lowering *l, const char *name, const Graph **out)
{
    const Attribute *a = attr(l, name);
    if (a == NULL || a->graph == NULL)
        return invalid(l, "attribute '%s' is missing", name);
    if (a->graph->n_inputs != 0 || a->graph->n_outputs < l->node->n_outputs)
        return invalid(l, "graph '%s' has %u inputs and %u outputs", name, a->graph->n_inputs, a->graph->n_outputs);
    *out = a->graph;
    return WEIR_OK;
}

static weir_status pruned(Lowering *l, const Graph *arm)
{
    Operand **outputs = ARENA_ARRAY(&l->cx->arena, Operand *, arm->n_outputs);
    TRY(walk_subgraph(l, arm, 0, NULL, outputs));
    for (uint32_t k = 0; k < l->node->n_outputs; k++)
        output_alias(l, k, outputs[k]);
    return WEIR_OK;
}

/* ---- at run time ---- */

/* A read outside a constant: the run stops here. */
static ExprId trap(Lowering *l, Dtype type)
{
    static const int64_t outside[1] = {1};
    Tensor one = {.type = DT_I64, .n_dims = 1, .extent = {1}, .writable = true}, at = {.type = DT_I64, .writable = true};
    one.data = arena_copy(&l->cx->arena, outside, sizeof outside);
    at.data = arena_copy(&l->cx->arena, outside, sizeof outside);
    Operand *target = table(l, "_trap", &one, NULL), *index = table(l, "_outside", &at, NULL);
    ExprId place = ex_access(l->cs, index->tensor, 0, NULL);
    ExprId v = ex_access(l->cs, target->tensor, 1, &place);
    return dtype_kind(type) == DK_CODE ? cast(l, type, cast(l, DT_F32, v)) : cast(l, type, v);
}

typedef struct Arm {
    const Graph *graph;
    weir_status status;
    Operand **outputs;
    Block items;
} Arm;

static void lower_arm(Lowering *l, Arm *arm)
{
    arm->outputs = ARENA_ARRAY(&l->cx->arena, Operand *, arm->graph->n_outputs);
    cascade_open(l->cs);
    arm->status = walk_subgraph(l, arm->graph, 0, NULL, arm->outputs);
    arm->items = cascade_close(l->cs);
}

/* The values of an arm that lowered; of one that did not, a trap. */
static void close_arm(Lowering *l, Arm *arm, Operand *const *results)
{
    cascade_open(l->cs);
    for (uint32_t i = 0; arm->status == WEIR_OK && i < arm->items.n; i++)
        cascade_item(l->cs, arm->items.at[i]);
    for (uint32_t k = 0; k < l->node->n_outputs; k++) {
        if (!out_wanted(l, k))
            continue;
        Ranks ranks;
        ranks_of(l, results[k], &ranks);
        define(l, results[k], arm->status == WEIR_OK ? at_ranks(l, arm->outputs[k], ranks.at)
                                                     : trap(l, results[k]->type));
    }
    arm->items = cascade_close(l->cs);
}

/* ---- extents of the results ---- */

/* An arm that lowered: number k, or where it did not the other. */
static const Arm *lowered(Arm *const *arms, uint32_t k)
{
    return arms[k]->status == WEIR_OK ? arms[k] : arms[1 - k];
}

static Scalar arm_extent(const Lowering *l, const Arm *arm, uint32_t k, uint32_t d)
{
    return extent_scalar(l, arm->outputs[k], d);
}

static void set_extent(Lowering *l, const Arm *arm, uint32_t k, uint32_t d, TensorId target)
{
    Scalar extent = arm_extent(l, arm, k, d);
    st_define(l->cs, target, scalar_expr(l, &extent), l->provenance);
}

static void add_if(Lowering *l, Block then_items, Block else_items)
{
    Operand *condition = l->in[0];
    ExprId zero[MAX_DIMS];
    for (uint32_t d = 0; d < condition->n_dims; d++)
        zero[d] = num(l, 0);
    Statement st = {.kind = ST_IF, .body_items = then_items, .else_items = else_items};
    st.access = ex_access(l->cs, tensor_of(l, condition), condition->n_dims, zero);
    cascade_item(l->cs, cascade_add_statement(l->cs, st));
}

/* An extent that only the arms know: they are lowered once more, for it alone. */
static weir_status extent_of_arms(Lowering *l, Arm *const *arms, uint32_t k, uint32_t d, Scalar *out)
{
    Operand *scalar;
    Ranks none = {0};
    Block blocks[2];
    double low = 0, high = 0;
    TRY(temporary(l, "_extent", DT_I64, &none, &scalar));
    for (uint32_t i = 0; i < 2; i++) {
        Arm again = {.graph = arms[i]->graph, .status = arms[i]->status};
        cascade_open(l->cs);
        if (again.status == WEIR_OK) {
            again.outputs = ARENA_ARRAY(&l->cx->arena, Operand *, again.graph->n_outputs);
            again.status = walk_subgraph(l, again.graph, 0, NULL, again.outputs);
        }
        if (again.status == WEIR_OK) {
            Scalar extent = arm_extent(l, &again, k, d);
            low = extent.low < low || i == 0 ? extent.low : low;
            high = extent.high > high ? extent.high : high;
            set_extent(l, &again, k, d, scalar->tensor);
        } else {
            st_define(l->cs, scalar->tensor, num(l, 0), l->provenance);
        }
        blocks[i] = cascade_close(l->cs);
    }
    declare_line(l, scalar);
    add_if(l, blocks[0], blocks[1]);
    *out = scalar_atom(l, DT_I64, ex_access(l->cs, scalar->tensor, 0, NULL));
    out->low = low;
    out->high = high;
    return WEIR_OK;
}

static weir_status result_extent(Lowering *l, Arm *const *arms, uint32_t k, uint32_t d, Scalar *out)
{
    Scalar x = arm_extent(l, lowered(arms, 0), k, d), y = arm_extent(l, lowered(arms, 1), k, d);
    bool visible = scalar_visible(l, &x) && scalar_visible(l, &y);
    if (!visible)
        return extent_of_arms(l, arms, k, d, out);
    if (scalar_same(l, &x, &y)) {
        *out = x;
        return WEIR_OK;
    }
    Scalar condition;
    TRY(scalar_of(l, l->in[0], &condition));
    const Scalar all[3] = {condition, x, y};
    *out = scalar_call(l, FN_SELECT, 3, all);
    return WEIR_OK;
}

/* Result k, of what the arms that lowered give. */
static weir_status make_result(Lowering *l, Arm *const *arms, uint32_t k)
{
    const Operand *a = lowered(arms, 0)->outputs[k], *b = lowered(arms, 1)->outputs[k];
    Ranks ranks = {0};
    Operand *y;
    if (dtype_kind(a->type) == DK_NONE)
        return unsupported(l, "output %u has no type", k);
    if (a->type != b->type || a->n_dims != b->n_dims)
        return unsupported(l, "the arms give output %u as %s and %s", k, shape_text(l, a), shape_text(l, b));
    for (uint32_t d = 0; d < a->n_dims; d++) {
        Scalar extent;
        TRY(result_extent(l, arms, k, d, &extent));
        RankId like = dim_rank(l, a, d);
        if (like.i != 0 && rank_at(l->cs, like)->kind != RANK_STATIC)
            like.i = 0; /* it may be the arm's own */
        TRY(ranks_add_scalar(l, &ranks, like, "d", &extent, a));
    }
    TRY(output(l, k, a->type, &ranks, &y));
    y->depends = depends_union(l->w, a->depends, b->depends);
    return WEIR_OK;
}

static weir_status both_arms(Lowering *l, const Graph *const *graphs)
{
    Arm arms[2] = {{.graph = graphs[0]}, {.graph = graphs[1]}};
    Arm *both[2] = {&arms[0], &arms[1]};
    uint32_t mark = l->cx->diag.list.n;
    lower_arm(l, &arms[0]);
    lower_arm(l, &arms[1]);
    if (arms[0].status != WEIR_OK && arms[1].status != WEIR_OK)
        return status_exit_code(arms[0].status) > status_exit_code(arms[1].status) ? arms[0].status : arms[1].status;
    for (uint32_t k = 0; k < l->node->n_outputs; k++)
        if (out_wanted(l, k))
            TRY(make_result(l, both, k));
    for (uint32_t k = 0; k < 2; k++) {
        close_arm(l, &arms[k], l->out);
        if (arms[k].status == WEIR_OK)
            continue;
        diagnostics_cut(&l->cx->diag, mark);
        diag(&l->cx->diag, place_node(l->w->model->source, l->node->index, cx_text(l->cx, l->provenance), l->row->name),
             W_ARM_TRAPS, k == 0 ? "then" : "else");
    }
    for (uint32_t k = 0; k < l->node->n_outputs; k++)
        if (out_wanted(l, k))
            declare_line(l, l->out[k]);
    add_if(l, arms[0].items, arms[1].items);
    return WEIR_OK;
}

weir_status lower_if(Lowering *l)
{
    const Graph *then_arm = NULL, *else_arm = NULL;
    Operand *condition = l->in[0];
    TRY(graph_attribute(l, "then_branch", &then_arm));
    TRY(graph_attribute(l, "else_branch", &else_arm));
    if (condition->type != DT_BOOL || count_of(condition) != 1)
        return invalid(l, "the condition must be one bool, not %s", shape_text(l, condition));
    const Graph *graphs[2] = {then_arm, else_arm};
    if (condition->value == NULL && (condition->depends == NULL || !switches(l->w, condition->depends)))
        return both_arms(l, graphs);
    const Tensor *value;
    TRY(value_of(l, condition, &value));
    return pruned(l, dtype_load_i64(DT_BOOL, value->data, 0) != 0 ? then_arm : else_arm);
}
