/*
 * frontend/onnx/read.c: a binary model or tensor file to weir's graph.
 *
 * In:   the bytes of a file. Out: a Model; everything in the arena, big values in the mapped file.
 * Keep: the generated decoder sees only the skeleton of wire.h, in a scratch arena that ends with the reading; no
 *       jump crosses it. Graphs nest no deeper than the scan allowed, so reading them may recurse.
 */
#include <string.h>

#include "frontend/onnx/translate.h"
#include "support/file.h"

/* ---- attributes ---- */

/* By AttributeProto.type. */
enum { ONNX_ATTRIBUTE_TYPES = 15 };
static const uint8_t attribute_kinds[ONNX_ATTRIBUTE_TYPES] = {
    [1] = ATTR_FLOAT,    [2] = ATTR_INT,      [3] = ATTR_STRING,  [4] = ATTR_TENSOR, [5] = ATTR_GRAPH,
    [6] = ATTR_FLOATS,   [7] = ATTR_INTS,     [8] = ATTR_STRINGS, [9] = ATTR_TENSORS, [10] = ATTR_GRAPHS,
    [11] = ATTR_TENSOR,  [12] = ATTR_TENSORS, [13] = ATTR_TYPE,   [14] = ATTR_OTHER,
};

static void attribute_fault(Reader *r, Name name, const char *what)
{
    diag(&r->cx->diag, r->place, E_ONNX_ATTRIBUTE, cx_text(r->cx, name), what);
    reader_fault(r, WEIR_INVALID);
}

/* The one kind whose value is given; ATTR_NONE for none, ATTR_OTHER for several. */
static AttributeKind given_kind(const Pb__AttributeProto *a)
{
    const struct {
        bool given;
        AttributeKind kind;
    } fields[] = {
        {a->has_f, ATTR_FLOAT},           {a->has_i, ATTR_INT},
        {a->has_s, ATTR_STRING},          {a->t != NULL, ATTR_TENSOR},
        {a->g != NULL, ATTR_GRAPH},       {a->n_floats != 0, ATTR_FLOATS},
        {a->n_ints != 0, ATTR_INTS},      {a->n_strings != 0, ATTR_STRINGS},
        {a->n_tensors != 0, ATTR_TENSORS}, {a->n_graphs != 0, ATTR_GRAPHS},
        {a->tp != NULL, ATTR_TYPE},       {a->sparse_tensor != NULL, ATTR_TENSOR},
        {a->n_sparse_tensors != 0, ATTR_TENSORS}, {a->n_type_protos != 0, ATTR_OTHER},
    };
    AttributeKind kind = ATTR_NONE;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (!fields[i].given)
            continue;
        if (kind != ATTR_NONE)
            return ATTR_OTHER;
        kind = fields[i].kind;
    }
    return kind;
}

/* Writers that leave out zeros give these no value. */
static bool may_be_absent(AttributeKind kind)
{
    return kind != ATTR_TENSOR && kind != ATTR_GRAPH && kind != ATTR_TYPE;
}

static void read_attribute_lists(Reader *r, const Pb__AttributeProto *a, Attribute *out)
{
    Arena *arena = &r->cx->arena;
    size_t n = a->n_floats + a->n_ints + a->n_strings + a->n_tensors + a->n_graphs + a->n_sparse_tensors;
    out->n = (uint32_t)n;
    out->ints = arena_copy(arena, a->ints, a->n_ints * sizeof *a->ints);
    out->floats = arena_copy(arena, a->floats, a->n_floats * sizeof *a->floats);
    out->strings = ARENA_ARRAY(arena, Name, a->n_strings);
    for (size_t i = 0; i < a->n_strings; i++)
        out->strings[i] = cx_intern(r->cx, (const char *)a->strings[i].data, a->strings[i].len);
    out->graphs = ARENA_ARRAY(arena, Graph *, a->n_graphs);
    for (size_t i = 0; i < a->n_graphs; i++) {
        out->graphs[i] = ARENA_NEW(arena, Graph);
        read_graph(r, a->graphs[i], out->graphs[i]);
    }
    out->tensors = ARENA_ARRAY(arena, Initializer, a->n_tensors + a->n_sparse_tensors);
    for (size_t i = 0; i < a->n_tensors; i++)
        out->tensors[i] = read_tensor(r, a->tensors[i]);
    for (size_t i = 0; i < a->n_sparse_tensors; i++)
        out->tensors[a->n_tensors + i] = read_sparse(r, a->sparse_tensors[i]);
}

static void read_attribute(Reader *r, const Pb__AttributeProto *a, Attribute *out)
{
    out->name = read_name(r, a->name);
    out->ref = read_name(r, a->ref_attr_name);
    AttributeKind given = given_kind(a);
    int32_t type = a->has_type ? a->type : 0;
    if (type < 0 || type >= ONNX_ATTRIBUTE_TYPES) {
        attribute_fault(r, out->name, "a type that is none of ONNX");
        return;
    }
    out->kind = type == 0 ? given : (AttributeKind)attribute_kinds[type];
    if (out->ref.i != 0) {
        if (given != ATTR_NONE)
            attribute_fault(r, out->name, "a reference and a value");
        return;
    }
    if (given == ATTR_OTHER && a->n_type_protos == 0)
        attribute_fault(r, out->name, "several values");
    else if (out->kind == ATTR_NONE || (given == ATTR_NONE && !may_be_absent(out->kind)))
        attribute_fault(r, out->name, "no value");
    else if (given != ATTR_NONE && given != out->kind)
        attribute_fault(r, out->name, "the value is not of the type given");
    if (r->status != WEIR_OK && given == ATTR_NONE)
        return;
    out->f = a->f;
    out->i = a->i;
    if (a->has_s)
        out->s = cx_intern(r->cx, (const char *)a->s.data, a->s.len);
    if (a->t != NULL)
        out->tensor = read_tensor(r, a->t);
    else if (a->sparse_tensor != NULL)
        out->tensor = read_sparse(r, a->sparse_tensor);
    if (a->g != NULL) {
        out->graph = ARENA_NEW(&r->cx->arena, Graph);
        read_graph(r, a->g, out->graph);
    }
    if (a->tp != NULL) {
        out->type = ARENA_NEW(&r->cx->arena, ValueType);
        *out->type = read_type(r, out->name, a->tp);
    }
    read_attribute_lists(r, a, out);
}

Attribute *read_attributes(Reader *r, size_t n, Pb__AttributeProto *const *attributes)
{
    Attribute *out = ARENA_ARRAY(&r->cx->arena, Attribute, n);
    for (size_t i = 0; i < n; i++)
        read_attribute(r, attributes[i], &out[i]);
    return out;
}

/* ---- nodes and graphs ---- */

static void read_node(Reader *r, const Pb__NodeProto *node, uint32_t index, Node *out)
{
    out->index = index;
    out->name = read_name(r, node->name);
    out->op = read_name(r, node->op_type);
    out->domain = read_domain(r, node->domain);
    out->overload = read_name(r, node->overload);
    Place outer = r->place;
    r->place = place_node(r->source, index, cx_text(r->cx, out->name), cx_text(r->cx, out->op));
    out->n_inputs = (uint32_t)node->n_input;
    out->n_outputs = (uint32_t)node->n_output;
    out->n_attributes = (uint32_t)node->n_attribute;
    out->inputs = read_names(r, node->n_input, node->input);
    out->outputs = read_names(r, node->n_output, node->output);
    out->attributes = read_attributes(r, node->n_attribute, node->attribute);
    r->place = outer;
}

static Node *read_nodes(Reader *r, size_t n, Pb__NodeProto *const *nodes)
{
    Node *out = ARENA_ARRAY(&r->cx->arena, Node, n);
    for (size_t i = 0; i < n; i++)
        read_node(r, nodes[i], (uint32_t)i, &out[i]);
    return out;
}

void read_graph(Reader *r, const Pb__GraphProto *graph, Graph *out)
{
    size_t n_dense = graph->n_initializer, n_sparse = graph->n_sparse_initializer;
    out->name = read_name(r, graph->name);
    out->n_initializers = (uint32_t)(n_dense + n_sparse);
    out->initializers = ARENA_ARRAY(&r->cx->arena, Initializer, n_dense + n_sparse);
    for (size_t i = 0; i < n_dense; i++)
        out->initializers[i] = read_tensor(r, graph->initializer[i]);
    for (size_t i = 0; i < n_sparse; i++)
        out->initializers[n_dense + i] = read_sparse(r, graph->sparse_initializer[i]);
    out->n_inputs = (uint32_t)graph->n_input;
    out->inputs = read_infos(r, graph->n_input, graph->input);
    out->n_outputs = (uint32_t)graph->n_output;
    out->outputs = read_infos(r, graph->n_output, graph->output);
    out->n_infos = (uint32_t)graph->n_value_info;
    out->infos = read_infos(r, graph->n_value_info, graph->value_info);
    out->n_nodes = (uint32_t)graph->n_node;
    out->nodes = read_nodes(r, graph->n_node, graph->node);
}

/* ---- functions and the model ---- */

static OpsetImport *read_opsets(Reader *r, size_t n, Pb__OperatorSetId *const *opsets)
{
    OpsetImport *out = ARENA_ARRAY(&r->cx->arena, OpsetImport, n);
    for (size_t i = 0; i < n; i++)
        out[i] = (OpsetImport){read_domain(r, opsets[i]->domain), opsets[i]->version};
    return out;
}

static void read_function(Reader *r, const Pb__FunctionProto *f, Function *out)
{
    out->domain = read_domain(r, f->domain);
    out->name = read_name(r, f->name);
    out->overload = read_name(r, f->overload);
    out->n_inputs = (uint32_t)f->n_input;
    out->inputs = read_names(r, f->n_input, f->input);
    out->n_outputs = (uint32_t)f->n_output;
    out->outputs = read_names(r, f->n_output, f->output);
    out->n_attributes = (uint32_t)f->n_attribute;
    out->attributes = read_names(r, f->n_attribute, f->attribute);
    out->n_defaults = (uint32_t)f->n_attribute_proto;
    out->defaults = read_attributes(r, f->n_attribute_proto, f->attribute_proto);
    out->n_opsets = (uint32_t)f->n_opset_import;
    out->opsets = read_opsets(r, f->n_opset_import, f->opset_import);
    out->n_infos = (uint32_t)f->n_value_info;
    out->infos = read_infos(r, f->n_value_info, f->value_info);
    out->n_nodes = (uint32_t)f->n_node;
    out->nodes = read_nodes(r, f->n_node, f->node);
}

static void model_fault(Reader *r, const char *what)
{
    diag(&r->cx->diag, r->place, E_ONNX_FORM, what);
    reader_fault(r, WEIR_INVALID);
}

static void read_model(Reader *r, const Pb__ModelProto *m, Model *out)
{
    Arena *arena = &r->cx->arena;
    out->source = r->source;
    out->ir_version = m->ir_version;
    out->producer = read_name(r, m->producer_name);
    out->producer_version = read_name(r, m->producer_version);
    out->domain = read_name(r, m->domain);
    out->doc = read_name(r, m->doc_string);
    out->version = m->model_version;
    out->n_opsets = (uint32_t)m->n_opset_import;
    out->opsets = read_opsets(r, m->n_opset_import, m->opset_import);
    out->n_metadata = (uint32_t)m->n_metadata_props;
    out->metadata = ARENA_ARRAY(arena, KeyText, m->n_metadata_props);
    for (size_t i = 0; i < m->n_metadata_props; i++)
        out->metadata[i] =
            (KeyText){read_name(r, m->metadata_props[i]->key), read_name(r, m->metadata_props[i]->value)};
    out->n_functions = (uint32_t)m->n_functions;
    out->functions = ARENA_ARRAY(arena, Function, m->n_functions);
    for (size_t i = 0; i < m->n_functions; i++)
        read_function(r, m->functions[i], &out->functions[i]);
    if (m->graph == NULL)
        model_fault(r, "the file has no graph: is it an ONNX model?");
    else
        read_graph(r, m->graph, &out->graph);
}

/* ---- decoding ---- */

static void *scratch_alloc(void *scratch, size_t bytes)
{
    return arena_try_alloc(scratch, bytes);
}

static void scratch_free(void *scratch, void *pointer)
{
    (void)scratch;
    (void)pointer;
}

static void scratch_release(void *scratch)
{
    arena_release(scratch);
}

/* Scans and decodes; the message lives in `scratch`. */
static weir_status decode(Reader *r, WireMessage root, const ProtobufCMessageDescriptor *descriptor, Arena *scratch,
                          ProtobufCMessage **out)
{
    WireSkeleton skeleton;
    arena_init(scratch);
    context_on_end(r->cx, scratch_release, scratch);
    TRY(wire_skeleton(r->cx, r->source, root, r->data, r->bytes, scratch, &skeleton));
    r->tensors = skeleton.tensors;
    scratch->limit_bytes = scratch->used_bytes + (size_t)skeleton.cost_bytes * 2 + 4096;
    ProtobufCAllocator allocator = {scratch_alloc, scratch_free, scratch};
    *out = protobuf_c_message_unpack(descriptor, &allocator, skeleton.bytes, skeleton.data);
    if (*out != NULL)
        return WEIR_OK;
    diag(&r->cx->diag, r->place, E_ONNX_FORM, "the model's structure can't be decoded");
    return WEIR_MALFORMED;
}

static Reader *new_reader(weir_context *cx, const Source *source, const unsigned char *data, size_t bytes)
{
    Reader *r = ARENA_NEW(&cx->arena, Reader);
    r->cx = cx;
    r->source = source;
    r->data = data;
    r->bytes = bytes;
    r->place = place_file(source);
    return r;
}

weir_status model_read_binary(weir_context *cx, const Source *source, const unsigned char *data, size_t bytes,
                              Model **out_model)
{
    return model_read_bytes(cx, source, data, bytes, false, out_model);
}

weir_status model_read_bytes(weir_context *cx, const Source *source, const unsigned char *data, size_t bytes,
                             bool mapped, Model **out_model)
{
    Reader *r = new_reader(cx, source, data, bytes);
    r->mapped = mapped;
    Arena *scratch = ARENA_NEW(&cx->arena, Arena);
    ProtobufCMessage *message;
    TRY(decode(r, W_MODEL, &pb__model_proto__descriptor, scratch, &message));
    Model *model = ARENA_NEW(&cx->arena, Model);
    read_model(r, (const Pb__ModelProto *)message, model);
    arena_release(scratch);
    TRY(r->status);
    TRY(model_check(cx, model));
    *out_model = model;
    return WEIR_OK;
}

weir_status tensor_proto_read(weir_context *cx, const char *path, Name *out_name, Tensor *out_tensor)
{
    MappedFile file;
    TRY(file_map(cx, path, &file));
    Source *source = ARENA_NEW(&cx->arena, Source);
    source->path = file.path;
    Reader *r = new_reader(cx, source, file.data, file.bytes);
    r->mapped = true;
    Arena *scratch = ARENA_NEW(&cx->arena, Arena);
    ProtobufCMessage *message;
    TRY(decode(r, W_TENSOR, &pb__tensor_proto__descriptor, scratch, &message));
    Initializer t = read_tensor(r, (const Pb__TensorProto *)message);
    arena_release(scratch);
    if (r->status == WEIR_OK && t.tensor.type == DT_NONE)
        tensor_fault(r, t.name, WEIR_UNSUPPORTED, "element type %d has no numbers", t.onnx_type);
    TRY(r->status);
    *out_name = t.name;
    *out_tensor = t.tensor;
    return WEIR_OK;
}
