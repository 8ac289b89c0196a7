/*
 * frontend/lower/control.h: model-local functions, and graphs in attributes.
 */
#ifndef WEIR_FRONTEND_LOWER_CONTROL_H
#define WEIR_FRONTEND_LOWER_CONTROL_H

#include "frontend/lower/walk.h"

/* The function a node calls, or NULL. */
const Function *function_of(const Walk *w, const Node *node);
/* Lowers the body of a function in a scope of its own; defines the node's outputs. */
MUST_USE weir_status inline_function(Walk *w, const Function *function, const Node *node, Name provenance);
/* A node of a function's body with references to the call's attributes replaced by their values. */
const Node *call_resolve(Walk *w, const Node *node);
/* Lowers a graph attribute in a new scope below the current one; `inputs` are bound to its inputs; the operands of its
 * outputs are returned (NULL entries poisoned). */
MUST_USE weir_status walk_subgraph(Lowering *l, const Graph *graph, uint32_t n_inputs, Operand *const *inputs,
                                   Operand **out_outputs);

#endif
