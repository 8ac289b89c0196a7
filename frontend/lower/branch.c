/*
 * frontend/lower/branch.c: If. A constant condition prunes; otherwise both arms become a region.
 */
#include "frontend/lower/control.h"
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
    weir_status status;
    Operand **outputs;
    uint32_t diagnostics; /* how many it reported */
    Block items;
} Arm;

/* Lowers an arm in a list of its own, which stays open. */
static void open_arm(Lowering *l, const Graph *graph, Arm *arm)
{
    uint32_t before = l->cx->diag.list.n;
    arm->outputs = ARENA_ARRAY(&l->cx->arena, Operand *, graph->n_outputs);
    cascade_open(l->cs);
    arm->status = walk_subgraph(l, graph, 0, NULL, arm->outputs);
    arm->diagnostics = l->cx->diag.list.n - before;
}

/* The values of an arm that lowered; of one that did not, a trap. */
static void close_arm(Lowering *l, Arm *arm, Operand *const *results)
{
    if (arm->status != WEIR_OK) {
        cascade_close(l->cs);
        cascade_open(l->cs);
    }
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

/* Results take the shape of the first arm that lowered. */
static weir_status make_results(Lowering *l, const Arm *arm)
{
    for (uint32_t k = 0; k < l->node->n_outputs; k++) {
        Operand *y;
        Ranks ranks = {0};
        if (!out_wanted(l, k))
            continue;
        Operand *value = arm->outputs[k];
        if (dtype_kind(value->type) == DK_NONE)
            return unsupported(l, "output %u has no type", k);
        for (uint32_t d = 0; d < value->n_dims; d++) {
            if (dim_runtime(l, value, d))
                return unsupported(l, "output %u has a run-time extent", k);
            ranks_add_distinct(l, &ranks, dim_rank(l, value, d), "d", value->extent[d]);
        }
        TRY(output(l, k, value->type, &ranks, &y));
        y->depends = value->depends;
    }
    return WEIR_OK;
}

static weir_status match_results(Lowering *l, const Arm *arm)
{
    for (uint32_t k = 0; k < l->node->n_outputs; k++) {
        if (!out_wanted(l, k))
            continue;
        const Operand *y = l->out[k], *value = arm->outputs[k];
        bool same = y->type == value->type && y->n_dims == value->n_dims;
        for (uint32_t d = 0; same && d < y->n_dims; d++)
            same = y->extent[d] == value->extent[d] && !dim_runtime(l, value, d);
        if (!same)
            return unsupported(l, "the arms give output %u as %s and %s", k, shape_text(l, y), shape_text(l, value));
        l->out[k]->depends = depends_union(l->w, y->depends, value->depends);
    }
    return WEIR_OK;
}

static weir_status both_arms(Lowering *l, const Graph *const *graphs)
{
    Arm arms[2] = {{.status = WEIR_OK}, {.status = WEIR_OK}};
    uint32_t mark = l->cx->diag.list.n;
    open_arm(l, graphs[0], &arms[0]);
    if (arms[0].status == WEIR_OK) {
        weir_status made = make_results(l, &arms[0]);
        if (made == WEIR_OK)
            close_arm(l, &arms[0], l->out);
        else
            cascade_close(l->cs);
        TRY(made);
    } else {
        cascade_close(l->cs);
    }
    open_arm(l, graphs[1], &arms[1]);
    weir_status status = arms[1].status == WEIR_OK ? WEIR_OK : arms[0].status;
    if (arms[1].status == WEIR_OK)
        status = arms[0].status == WEIR_OK ? match_results(l, &arms[1]) : make_results(l, &arms[1]);
    if (status == WEIR_OK)
        close_arm(l, &arms[1], l->out);
    else
        cascade_close(l->cs);
    TRY(status);
    if (arms[0].status != WEIR_OK) {
        cascade_open(l->cs);
        close_arm(l, &arms[0], l->out);
    }
    for (uint32_t k = 0; k < 2; k++) {
        if (arms[k].status == WEIR_OK)
            continue;
        diagnostics_cut(&l->cx->diag, mark);
        diag(&l->cx->diag, place_node(l->w->model->source, l->node->index, cx_text(l->cx, l->provenance), l->row->name),
             W_ARM_TRAPS, k == 0 ? "then" : "else");
    }
    for (uint32_t k = 0; k < l->node->n_outputs; k++)
        if (out_wanted(l, k))
            declare_line(l, l->out[k]);
    Operand *condition = l->in[0];
    ExprId zero[MAX_DIMS];
    for (uint32_t d = 0; d < condition->n_dims; d++)
        zero[d] = num(l, 0);
    Statement st = {.kind = ST_IF, .body_items = arms[0].items, .else_items = arms[1].items};
    st.access = ex_access(l->cs, tensor_of(l, condition), condition->n_dims, zero);
    cascade_item(l->cs, cascade_add_statement(l->cs, st));
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
