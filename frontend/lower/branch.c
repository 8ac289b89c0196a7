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

weir_status lower_if(Lowering *l)
{
    const Graph *then_arm, *else_arm;
    Operand *condition = l->in[0];
    TRY(graph_attribute(l, "then_branch", &then_arm));
    TRY(graph_attribute(l, "else_branch", &else_arm));
    if (condition->type != DT_BOOL || count_of(condition) != 1)
        return invalid(l, "the condition must be one bool, not %s", shape_text(l, condition));
    const Tensor *value;
    TRY(value_of(l, condition, &value));
    return pruned(l, dtype_load_i64(DT_BOOL, value->data, 0) != 0 ? then_arm : else_arm);
}
