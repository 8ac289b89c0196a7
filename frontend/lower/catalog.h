/*
 * frontend/lower/catalog.h: the table of operators for people, and what a model needs of it.
 */
#ifndef WEIR_FRONTEND_LOWER_CATALOG_H
#define WEIR_FRONTEND_LOWER_CATALOG_H

#include "frontend/graph.h"
#include "support/text.h"

/* Every operator: domain, versions, how many of the operator cases of ONNX pass (conformance_*.def), what it does. As lines, as a
 * markdown table, or as one JSON object a line. */
void operators_print(weir_context *cx, bool json, bool markdown, Text *out);

/* The operators of a model with the number of nodes and whether weir lowers them at the model's versions,
 * or why not. WEIR_UNSUPPORTED if one is missing. */
MUST_USE weir_status operators_of_model(weir_context *cx, const Model *model, bool json, Text *out);

#endif
