/*
 * frontend/opset.h: which version of an operator set a node means.
 */
#ifndef WEIR_FRONTEND_OPSET_H
#define WEIR_FRONTEND_OPSET_H

#include "frontend/graph.h"

enum { OPSET_NEWEST = 28 }; /* of ai.onnx that weir knows */

/* The version of `domain` that a function (NULL: the model) imports; 0 if it does not. Functions that import
 * nothing use the model's. */
int64_t opset_of(const weir_context *cx, const Model *model, const Function *function, Name domain);
/* Reports imports that are missing or newer than weir knows (a warning). */
MUST_USE weir_status opset_check(weir_context *cx, const Model *model);

#endif
