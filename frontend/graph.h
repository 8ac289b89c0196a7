/*
 * frontend/graph.h: an ONNX model as both readers (binary, text) fill it and the walk reads it.
 *
 * Keep: everything lives in the context's arena, big payloads in the mapped file; names are interned; nodes
 *       are in the file's order. The readers check form (fields, sizes, types); meaning is the walk's.
 */
#ifndef WEIR_FRONTEND_GRAPH_H
#define WEIR_FRONTEND_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "support/context.h"
#include "support/tensor.h"

typedef struct Graph Graph;

/* A dimension of a declared type: a number, a symbol, or unknown. */
typedef struct Dim {
    int64_t extent; /* -1: not a number */
    Name symbol;    /* 0: none */
} Dim;

typedef enum ValueKind {
    VALUE_TENSOR, VALUE_SEQUENCE, VALUE_OPTIONAL, VALUE_MAP, VALUE_SPARSE, VALUE_OTHER
} ValueKind;

/* The declared type of a value. No type at all: VALUE_TENSOR, onnx_type 0 and no shape. */
typedef struct ValueType {
    ValueKind kind;
    const struct ValueType *element; /* of a sequence or optional; a map's value; else NULL */
    int key_type;                    /* of a map: the number in the file */
    Dtype type;     /* DT_NONE: not given, or one weir does not know */
    int onnx_type;  /* the number in the file (for messages) */
    bool has_shape;
    uint32_t n_dims;
    Dim *dims;
} ValueType;

typedef struct ValueInfo {
    Name name;
    ValueType type;
} ValueInfo;

typedef struct Initializer {
    Name name;
    Tensor tensor;        /* unpacked form: support/tensor.h; may point into the mapped model (writable = false) */
    const char *file;     /* where its raw bytes lie (model or external file), for `file(..)` constants; NULL: nowhere */
    uint64_t file_offset;
    int onnx_type;        /* the number in the file; tensor.type is DT_NONE for those below and for no tensor (0) */
    Name *strings;        /* ONNX_STRING: the elements, row-major; tensor.data is NULL */
    /* ONNX_COMPLEX64, 128: tensor.data holds pairs of f32 or f64, real part first. */
} Initializer;

/* The element types of ONNX that have no Dtype. */
enum { ONNX_STRING = 8, ONNX_COMPLEX64 = 14, ONNX_COMPLEX128 = 15, ONNX_TYPES = 27 };

typedef enum AttributeKind {
    ATTR_NONE, ATTR_INT, ATTR_FLOAT, ATTR_STRING, ATTR_TENSOR, ATTR_GRAPH,
    ATTR_INTS, ATTR_FLOATS, ATTR_STRINGS, ATTR_GRAPHS, ATTR_TENSORS, ATTR_TYPE, ATTR_OTHER
} AttributeKind;

typedef struct Attribute {
    Name name;
    AttributeKind kind;
    Name ref; /* inside a function: the name of the function's attribute; 0: none */
    int64_t i;
    float f;
    Name s; /* bytes of a string */
    Initializer tensor; /* a sparse tensor arrives as its dense form */
    Graph *graph;
    ValueType *type;
    uint32_t n; /* of the lists */
    int64_t *ints;
    float *floats;
    Name *strings;
    Graph **graphs;
    Initializer *tensors;
} Attribute;

typedef struct Node {
    uint32_t index; /* in its graph */
    Name name, op, domain; /* domain "" and "ai.onnx" are both 0 */
    Name overload;
    uint32_t n_inputs, n_outputs, n_attributes;
    Name *inputs; /* 0: absent optional input */
    Name *outputs;
    Attribute *attributes;
} Node;

struct Graph {
    Name name;
    uint32_t n_nodes, n_inputs, n_outputs, n_initializers, n_infos;
    Node *nodes;
    ValueInfo *inputs, *outputs, *infos; /* infos: value_info */
    Initializer *initializers;
};

typedef struct OpsetImport {
    Name domain;
    int64_t version;
} OpsetImport;

/* A model-local function. */
typedef struct Function {
    Name domain, name, overload;
    uint32_t n_inputs, n_outputs, n_attributes, n_defaults, n_nodes, n_opsets, n_infos;
    Name *inputs, *outputs, *attributes;
    Attribute *defaults; /* attributes with default values */
    Node *nodes;
    OpsetImport *opsets;
    ValueInfo *infos;
} Function;

/* An entry of metadata_props. */
typedef struct KeyText {
    Name key, text;
} KeyText;

typedef struct Model {
    const Source *source; /* path for messages */
    int64_t ir_version;
    Name producer, producer_version, domain, doc;
    int64_t version; /* of the model, its author's number */
    uint32_t n_opsets, n_functions, n_metadata;
    KeyText *metadata;
    OpsetImport *opsets;
    Function *functions;
    Graph graph;
} Model;

/* The attribute of a node, or NULL. */
const Attribute *node_attribute(const weir_context *cx, const Node *node, const char *name);
int64_t node_int(const weir_context *cx, const Node *node, const char *name, int64_t otherwise);
float node_float(const weir_context *cx, const Node *node, const char *name, float otherwise);
/* The text of a string attribute, or `otherwise`. */
const char *node_string(const weir_context *cx, const Node *node, const char *name, const char *otherwise);
/* The version of a domain that the model imports; 0 if it does not. */
int64_t model_opset(const weir_context *cx, const Model *model, Name domain);

/* What every form of file must keep: each value is defined once in its graph, attributes of a node and functions
 * of a model have names of their own, nodes have an operator. Both readers call it; WEIR_INVALID or WEIR_OK. */
MUST_USE weir_status model_check(weir_context *cx, const Model *model);

/* Reads `path`: ONNX text if its name ends in .onnxtxt or .onnxtext, binary otherwise. All faults of form are reported;
 * WEIR_MALFORMED, WEIR_INVALID, WEIR_UNSUPPORTED, WEIR_LIMIT or WEIR_OK. */
MUST_USE weir_status model_read(weir_context *cx, const char *path, Model **out_model);
/* As model_read for bytes in memory, which must outlive the model: tensors point into them. `source` names them in
 * messages; external data is looked for in the folder of source->path. */
MUST_USE weir_status model_read_binary(weir_context *cx, const Source *source, const unsigned char *data,
                                       size_t bytes, Model **out_model);
/* `source->text` ends in a NUL, as file_source gives it. Statuses as of model_read. */
MUST_USE weir_status model_read_text(weir_context *cx, const Source *source, Model **out_model);

/* A TensorProto file (test data): its name and value. */
MUST_USE weir_status tensor_proto_read(weir_context *cx, const char *path, Name *out_name, Tensor *out_tensor);
MUST_USE weir_status tensor_proto_write(weir_context *cx, const char *path, const char *name, const Tensor *tensor);

/* The model as a binary ONNX file, in a buffer of the context: raw_data for all values, in the order of field numbers. Equal models
 * give equal bytes. WEIR_LIMIT beyond 2 GiB (what other readers accept). */
MUST_USE weir_status model_encode(weir_context *cx, const Model *model, unsigned char **out_data, size_t *out_bytes);
MUST_USE weir_status model_write(weir_context *cx, const Model *model, const char *path);

/* The model in the official ONNX text syntax; parses back to an equal model, but for the payloads of NaNs and what a
 * comment names as dropped. */
struct Text;
void model_print(weir_context *cx, const Model *model, struct Text *out);

#endif
