/*
 * frontend/onnx/encode.c: weir's graph to a binary model or tensor file.
 *
 * In:   a Model or a Tensor. Out: bytes.
 * Keep: the buffer is filled from its end, each message's last field first, so that a length is known when its prefix
 *       is written; read from the front, fields stand in the order of their numbers. Equal models give equal bytes.
 */
#include <string.h>

#include "frontend/graph.h"
#include "support/file.h"

enum { VARINT = 0, LENGTH = 2, FIXED32 = 5, FIRST_ROOM = 1 << 16 };

/* AttributeProto.type by AttributeKind. */
static const uint8_t attribute_types[] = {
    [ATTR_NONE] = 0,   [ATTR_INT] = 2,    [ATTR_FLOAT] = 1,   [ATTR_STRING] = 3,   [ATTR_TENSOR] = 4,
    [ATTR_GRAPH] = 5,  [ATTR_INTS] = 7,   [ATTR_FLOATS] = 6,  [ATTR_STRINGS] = 8,  [ATTR_GRAPHS] = 10,
    [ATTR_TENSORS] = 9, [ATTR_TYPE] = 13, [ATTR_OTHER] = 14,
};

typedef struct Encoder {
    weir_context *cx;
    unsigned char *buffer;
    size_t room, n; /* the last n bytes are written */
} Encoder;

/* ---- bytes ---- */

/* Room for `n` bytes before those written. */
static unsigned char *take(Encoder *e, size_t n)
{
    if (n > SIZE_MAX / 4 || e->n > SIZE_MAX / 4)
        arena_unwind(&e->cx->arena, WEIR_LIMIT);
    if (e->n + n > e->room) {
        size_t room = e->room * 2 > e->n + n ? e->room * 2 : e->n + n + FIRST_ROOM;
        unsigned char *wider = context_buffer(e->cx, room);
        memcpy(wider + room - e->n, e->buffer + e->room - e->n, e->n);
        context_buffer_free(e->cx, e->buffer);
        e->buffer = wider;
        e->room = room;
    }
    e->n += n;
    return e->buffer + e->room - e->n;
}

static void put_varint(Encoder *e, uint64_t value)
{
    unsigned char bytes[10];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (unsigned char)(value | 0x80);
    bytes[n++] = (unsigned char)value;
    memcpy(take(e, n), bytes, n);
}

static void put_key(Encoder *e, unsigned field, unsigned type)
{
    put_varint(e, field << 3 | type);
}

static void put_int(Encoder *e, unsigned field, int64_t value)
{
    put_varint(e, (uint64_t)value);
    put_key(e, field, VARINT);
}

/* As put_int, but nothing for 0. */
static void put_some_int(Encoder *e, unsigned field, int64_t value)
{
    if (value != 0)
        put_int(e, field, value);
}

static void put_ints(Encoder *e, unsigned field, const int64_t *values, uint32_t n)
{
    while (n-- > 0)
        put_int(e, field, values[n]);
}

static void put_float(Encoder *e, unsigned field, float value)
{
    memcpy(take(e, 4), &value, 4);
    put_key(e, field, FIXED32);
}

/* Ends a message (or bytes) begun when `e->n` was `begin`. */
static void put_prefix(Encoder *e, unsigned field, size_t begin)
{
    put_varint(e, e->n - begin);
    put_key(e, field, LENGTH);
}

static void put_name(Encoder *e, unsigned field, Name name)
{
    size_t begin = e->n, n = e->cx->names.length[name.i];
    memcpy(take(e, n), cx_text(e->cx, name), n);
    put_prefix(e, field, begin);
}

/* As put_name, but nothing for no name. */
static void put_some_name(Encoder *e, unsigned field, Name name)
{
    if (name.i != 0)
        put_name(e, field, name);
}

static void put_names(Encoder *e, unsigned field, const Name *names, uint32_t n)
{
    while (n-- > 0)
        put_name(e, field, names[n]);
}

/* ---- tensors and types ---- */

static size_t complex_bytes(int onnx_type)
{
    return onnx_type == ONNX_COMPLEX64 ? 8 : 16;
}

static void put_tensor(Encoder *e, const Initializer *t)
{
    int64_t elements = tensor_elements(&t->tensor);
    if (elements < 0)
        weir_bug(e->cx, "tensor '%s' can't be counted", cx_text(e->cx, t->name));
    size_t n = (size_t)elements, begin = e->n;
    if (t->onnx_type == ONNX_STRING) {
        put_some_name(e, 8, t->name);
        while (n-- > 0)
            put_name(e, 6, t->strings[n]);
    } else {
        Dtype type = t->tensor.type;
        if (type == DT_NONE) {
            size_t bytes = n * complex_bytes(t->onnx_type);
            unsigned char *to = take(e, bytes);
            if (bytes != 0)
                memcpy(to, t->tensor.data, bytes);
        } else {
            packed_encode(type, t->tensor.data, n, take(e, packed_bytes(type, n)));
        }
        put_prefix(e, 9, begin);
        put_some_name(e, 8, t->name);
    }
    put_int(e, 2, t->onnx_type);
    put_ints(e, 1, t->tensor.extent, t->tensor.n_dims);
}

static void put_type(Encoder *e, const ValueType *type);

static void put_tensor_type(Encoder *e, unsigned field, const ValueType *type)
{
    size_t begin = e->n;
    if (type->has_shape) {
        size_t shape = e->n;
        for (uint32_t i = type->n_dims; i-- > 0;) {
            size_t dim = e->n;
            put_some_name(e, 2, type->dims[i].symbol);
            if (type->dims[i].extent >= 0)
                put_int(e, 1, type->dims[i].extent);
            put_prefix(e, 1, dim);
        }
        put_prefix(e, 2, shape);
    }
    put_some_int(e, 1, type->onnx_type);
    put_prefix(e, field, begin);
}

static void put_type(Encoder *e, const ValueType *type)
{
    static const uint8_t fields[] = {
        [VALUE_TENSOR] = 1, [VALUE_SEQUENCE] = 4, [VALUE_OPTIONAL] = 9, [VALUE_MAP] = 5, [VALUE_SPARSE] = 8,
        [VALUE_OTHER] = 7,
    };
    unsigned field = fields[type->kind];
    if (type->kind == VALUE_TENSOR || type->kind == VALUE_SPARSE) {
        put_tensor_type(e, field, type);
        return;
    }
    size_t begin = e->n;
    if (type->element != NULL) {
        size_t element = e->n;
        put_type(e, type->element);
        put_prefix(e, type->kind == VALUE_MAP ? 2 : 1, element);
    }
    if (type->kind == VALUE_MAP)
        put_int(e, 1, type->key_type);
    put_prefix(e, field, begin);
}

static void put_infos(Encoder *e, unsigned field, const ValueInfo *infos, uint32_t n)
{
    while (n-- > 0) {
        size_t begin = e->n;
        const ValueType *type = &infos[n].type;
        if (type->kind != VALUE_TENSOR || type->onnx_type != 0 || type->has_shape) {
            put_type(e, type);
            put_prefix(e, 2, begin);
        }
        put_name(e, 1, infos[n].name);
        put_prefix(e, field, begin);
    }
}

/* ---- graphs ---- */

static void put_graph(Encoder *e, const Graph *graph);

static void put_attribute_lists(Encoder *e, const Attribute *a)
{
    for (uint32_t i = a->n; i-- > 0;) {
        size_t begin = e->n;
        switch (a->kind) {
        case ATTR_FLOATS:
            put_float(e, 7, a->floats[i]);
            break;
        case ATTR_INTS:
            put_int(e, 8, a->ints[i]);
            break;
        case ATTR_STRINGS:
            put_name(e, 9, a->strings[i]);
            break;
        case ATTR_TENSORS:
            put_tensor(e, &a->tensors[i]);
            put_prefix(e, 10, begin);
            break;
        case ATTR_GRAPHS:
            put_graph(e, a->graphs[i]);
            put_prefix(e, 11, begin);
            break;
        default:
            break;
        }
    }
}

static void put_attribute(Encoder *e, const Attribute *a)
{
    put_some_name(e, 21, a->ref);
    put_some_int(e, 20, attribute_types[a->kind]);
    size_t begin = e->n;
    if (a->ref.i == 0) {
        switch (a->kind) {
        case ATTR_FLOAT:
            put_float(e, 2, a->f);
            break;
        case ATTR_INT:
            put_int(e, 3, a->i);
            break;
        case ATTR_STRING:
            put_name(e, 4, a->s);
            break;
        case ATTR_TENSOR:
            put_tensor(e, &a->tensor);
            put_prefix(e, 5, begin);
            break;
        case ATTR_GRAPH:
            put_graph(e, a->graph);
            put_prefix(e, 6, begin);
            break;
        case ATTR_TYPE:
            put_type(e, a->type);
            put_prefix(e, 14, begin);
            break;
        default:
            put_attribute_lists(e, a);
            break;
        }
    }
    put_name(e, 1, a->name);
}

static void put_attributes(Encoder *e, unsigned field, const Attribute *attributes, uint32_t n)
{
    while (n-- > 0) {
        size_t begin = e->n;
        put_attribute(e, &attributes[n]);
        put_prefix(e, field, begin);
    }
}

static void put_nodes(Encoder *e, unsigned field, const Node *nodes, uint32_t n)
{
    while (n-- > 0) {
        const Node *node = &nodes[n];
        size_t begin = e->n;
        put_some_name(e, 8, node->overload);
        put_some_name(e, 7, node->domain);
        put_attributes(e, 5, node->attributes, node->n_attributes);
        put_name(e, 4, node->op);
        put_some_name(e, 3, node->name);
        put_names(e, 2, node->outputs, node->n_outputs);
        put_names(e, 1, node->inputs, node->n_inputs);
        put_prefix(e, field, begin);
    }
}

static void put_graph(Encoder *e, const Graph *graph)
{
    put_infos(e, 13, graph->infos, graph->n_infos);
    put_infos(e, 12, graph->outputs, graph->n_outputs);
    put_infos(e, 11, graph->inputs, graph->n_inputs);
    for (uint32_t i = graph->n_initializers; i-- > 0;) {
        size_t begin = e->n;
        put_tensor(e, &graph->initializers[i]);
        put_prefix(e, 5, begin);
    }
    put_some_name(e, 2, graph->name);
    put_nodes(e, 1, graph->nodes, graph->n_nodes);
}

/* ---- the model ---- */

static void put_opsets(Encoder *e, unsigned field, const OpsetImport *opsets, uint32_t n)
{
    while (n-- > 0) {
        size_t begin = e->n;
        put_int(e, 2, opsets[n].version);
        put_name(e, 1, opsets[n].domain);
        put_prefix(e, field, begin);
    }
}

static void put_function(Encoder *e, const Function *f)
{
    put_some_name(e, 13, f->overload);
    put_infos(e, 12, f->infos, f->n_infos);
    put_attributes(e, 11, f->defaults, f->n_defaults);
    put_some_name(e, 10, f->domain);
    put_opsets(e, 9, f->opsets, f->n_opsets);
    put_nodes(e, 7, f->nodes, f->n_nodes);
    put_names(e, 6, f->attributes, f->n_attributes);
    put_names(e, 5, f->outputs, f->n_outputs);
    put_names(e, 4, f->inputs, f->n_inputs);
    put_name(e, 1, f->name);
}

static void put_model(Encoder *e, const Model *m)
{
    for (uint32_t i = m->n_functions; i-- > 0;) {
        size_t begin = e->n;
        put_function(e, &m->functions[i]);
        put_prefix(e, 25, begin);
    }
    for (uint32_t i = m->n_metadata; i-- > 0;) {
        size_t begin = e->n;
        put_name(e, 2, m->metadata[i].text);
        put_name(e, 1, m->metadata[i].key);
        put_prefix(e, 14, begin);
    }
    put_opsets(e, 8, m->opsets, m->n_opsets);
    size_t begin = e->n;
    put_graph(e, &m->graph);
    put_prefix(e, 7, begin);
    put_some_name(e, 6, m->doc);
    put_some_int(e, 5, m->version);
    put_some_name(e, 4, m->domain);
    put_some_name(e, 3, m->producer_version);
    put_some_name(e, 2, m->producer);
    put_int(e, 1, m->ir_version);
}

static Encoder new_encoder(weir_context *cx)
{
    return (Encoder){.cx = cx, .buffer = context_buffer(cx, FIRST_ROOM), .room = FIRST_ROOM};
}

weir_status model_encode(weir_context *cx, const Model *model, unsigned char **out_data, size_t *out_bytes)
{
    Encoder e = new_encoder(cx);
    put_model(&e, model);
    if (e.n > INT32_MAX) {
        diag(&cx->diag, place_file(model->source), E_LIMIT, "bytes of a binary model", (long long)e.n,
             (long long)INT32_MAX, "fixed: other programs read no more");
        return WEIR_LIMIT;
    }
    *out_data = e.buffer + e.room - e.n;
    *out_bytes = e.n;
    return WEIR_OK;
}

weir_status model_write(weir_context *cx, const Model *model, const char *path)
{
    unsigned char *data;
    size_t bytes;
    TRY(model_encode(cx, model, &data, &bytes));
    return file_write(cx, path, data, bytes);
}

weir_status tensor_proto_write(weir_context *cx, const char *path, const char *name, const Tensor *tensor)
{
    int onnx_type = dtype_onnx(tensor->type);
    if (onnx_type == 0) {
        diag(&cx->diag, place_none(), E_ONNX_TENSOR, name, "ONNX has no such element type");
        return WEIR_UNSUPPORTED;
    }
    Initializer t = {.name = cx_intern(cx, name, strlen(name)), .tensor = *tensor, .onnx_type = onnx_type};
    Encoder e = new_encoder(cx);
    put_tensor(&e, &t);
    weir_status status = file_write(cx, path, e.buffer + e.room - e.n, e.n);
    context_buffer_free(cx, e.buffer);
    return status;
}
