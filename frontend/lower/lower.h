/*
 * frontend/lower/lower.h: from an ONNX model to a cascade: shapes, folding and lowering in one walk.
 *
 * In:   a model, the extents of its symbolic dimensions, and optionally the inputs' actual shapes and values.
 * Out:  a cascade whose inputs and outputs carry the model's names, and what became of each of them.
 * Keep: a node's outputs have the types and extents of the statements its lowering appends; there is no other
 *       shape inference. All blockers of a model are reported in one run.
 */
#ifndef WEIR_FRONTEND_LOWER_LOWER_H
#define WEIR_FRONTEND_LOWER_LOWER_H

#include "frontend/graph.h"
#include "ir/cascade.h"

/* --dim NAME=EXTENT. */
typedef struct LowerDim {
    Name name;
    int64_t extent;
} LowerDim;

/* What is known of a graph input besides its declaration. */
typedef struct LowerInput {
    Name name;
    const Tensor *value; /* type and extents; `data` NULL: only its shape is known */
    bool by_value;       /* --value: bind it now; otherwise it is bound only where a shape or an If needs it */
} LowerInput;

typedef struct LowerOptions {
    uint32_t n_dims;
    const LowerDim *dims;
    uint32_t n_inputs;
    const LowerInput *inputs;
    int64_t default_dim; /* the extent of a symbol that neither `dims` nor an input gives; 0: such a symbol is an error */
} LowerOptions;

/* An input or output of the model. */
typedef struct LoweredValue {
    Name name;
    TensorId tensor; /* of the cascade; 0: an input that was bound by value */
    bool by_value;
    Dtype type;
    uint32_t n_dims;
    int64_t extent[TENSOR_MAX_DIMS]; /* run-time dimensions: their bounds */
} LoweredValue;

typedef struct LoweredInfo {
    uint32_t n_inputs, n_outputs;
    LoweredValue *inputs; /* in the graph's order, without those that an initializer gives */
    LoweredValue *outputs;
    uint32_t n_nodes, n_folded;
} LoweredInfo;

/* Lowers `model`. WEIR_UNSUPPORTED: a node or type weir cannot lower, or a shape that depends on an input without a
 * value; WEIR_INVALID: the model contradicts ONNX; WEIR_LIMIT: a tensor larger than limits.memory_bytes. */
MUST_USE weir_status lower_model(weir_context *cx, const Model *model, const LowerOptions *options,
                                 Cascade **out_cascade, LoweredInfo *out_info);

#endif
