/*
 * frontend/onnx/types.c: declared types and tensors of the generated messages.
 */
#include <stdlib.h>
#include <string.h>

#include "frontend/onnx/translate.h"

Name read_name(Reader *r, const char *text)
{
    return text == NULL ? (Name){0} : cx_intern(r->cx, text, strlen(text));
}

Name *read_names(Reader *r, size_t n, char *const *texts)
{
    Name *names = ARENA_ARRAY(&r->cx->arena, Name, n);
    for (size_t i = 0; i < n; i++)
        names[i] = read_name(r, texts[i]);
    return names;
}

Name read_domain(Reader *r, const char *text)
{
    return text != NULL && strcmp(text, "ai.onnx") == 0 ? (Name){0} : read_name(r, text);
}

/* ---- types ---- */

static void type_fault(Reader *r, Name value_name, const char *what)
{
    diag(&r->cx->diag, r->place, E_ONNX_TYPE, cx_text(r->cx, value_name), what);
    reader_fault(r, WEIR_INVALID);
}

static int element_number(Reader *r, Name value_name, int32_t number)
{
    if (number >= 0 && number < ONNX_TYPES)
        return number;
    type_fault(r, value_name, arena_printf(&r->cx->arena, "element type %d is none of ONNX", (int)number));
    return 0;
}

static void read_shape(Reader *r, Name value_name, const Pb__TensorShapeProto *shape, ValueType *out)
{
    out->has_shape = true;
    out->n_dims = (uint32_t)shape->n_dim;
    out->dims = ARENA_ARRAY(&r->cx->arena, Dim, shape->n_dim);
    for (uint32_t i = 0; i < out->n_dims; i++) {
        const Pb__Dimension *d = shape->dim[i];
        out->dims[i] = (Dim){.extent = d->has_dim_value ? d->dim_value : -1, .symbol = read_name(r, d->dim_param)};
        if (d->has_dim_value && d->dim_param != NULL)
            type_fault(r, value_name, "a dimension is a number and a symbol");
        if (d->has_dim_value && d->dim_value < -1) /* -1 is written for "unknown" */
            type_fault(r, value_name, "a dimension is negative");
    }
}

static ValueType read_tensor_type(Reader *r, Name value_name, ValueKind kind, const Pb__TensorType *tensor)
{
    ValueType type = {.kind = kind};
    type.onnx_type = element_number(r, value_name, tensor->elem_type);
    type.type = dtype_from_onnx(type.onnx_type);
    if (tensor->shape != NULL && type.onnx_type != 0) /* a shape without an element type is no type */
        read_shape(r, value_name, tensor->shape, &type);
    return type;
}

static const ValueType *read_element(Reader *r, Name value_name, const Pb__TypeProto *type)
{
    ValueType *element = ARENA_NEW(&r->cx->arena, ValueType);
    *element = read_type(r, value_name, type);
    if (element->kind == VALUE_TENSOR && element->onnx_type == 0)
        type_fault(r, value_name, "the type of the elements is missing");
    return element;
}

ValueType read_type(Reader *r, Name value_name, const Pb__TypeProto *type)
{
    if (type == NULL)
        return (ValueType){0};
    int forms = (type->tensor_type != NULL) + (type->sequence_type != NULL) + (type->map_type != NULL) +
                (type->optional_type != NULL) + (type->sparse_tensor_type != NULL) + (type->opaque_type != NULL);
    if (forms > 1)
        type_fault(r, value_name, "several types are given");
    if (type->tensor_type != NULL)
        return read_tensor_type(r, value_name, VALUE_TENSOR, type->tensor_type);
    if (type->sparse_tensor_type != NULL) {
        ValueType sparse = read_tensor_type(r, value_name, VALUE_SPARSE, type->sparse_tensor_type);
        if (sparse.onnx_type == 0)
            type_fault(r, value_name, "the type of the elements is missing");
        return sparse;
    }
    ValueType out = {.kind = VALUE_OTHER};
    if (type->sequence_type != NULL) {
        out.kind = VALUE_SEQUENCE;
        out.element = read_element(r, value_name, type->sequence_type->elem_type);
    } else if (type->optional_type != NULL) {
        out.kind = VALUE_OPTIONAL;
        out.element = read_element(r, value_name, type->optional_type->elem_type);
    } else if (type->map_type != NULL) {
        out.kind = VALUE_MAP;
        out.key_type = element_number(r, value_name, type->map_type->key_type);
        if (out.key_type == 0)
            type_fault(r, value_name, "the type of the keys is missing");
        out.element = read_element(r, value_name, type->map_type->value_type);
    } else if (type->opaque_type == NULL) {
        out.kind = VALUE_TENSOR;
    }
    return out;
}

ValueInfo *read_infos(Reader *r, size_t n, Pb__ValueInfoProto *const *infos)
{
    ValueInfo *out = ARENA_ARRAY(&r->cx->arena, ValueInfo, n);
    for (size_t i = 0; i < n; i++) {
        out[i].name = read_name(r, infos[i]->name);
        out[i].type = read_type(r, out[i].name, infos[i]->type);
    }
    return out;
}

/* ---- tensors ---- */

static bool read_external(Reader *r, const Pb__TensorProto *tensor, Name name, ExternalData *out)
{
    *out = (ExternalData){.given = tensor->data_location == 1};
    if (tensor->data_location != 0 && tensor->data_location != 1)
        return tensor_fault(r, name, WEIR_INVALID, "data_location %d is none of ONNX", tensor->data_location);
    if (!out->given)
        return true;
    for (size_t i = 0; i < tensor->n_external_data; i++) {
        const Pb__KeyValue *entry = tensor->external_data[i];
        if (!external_entry(r, name, entry->key, entry->value, out))
            return false;
    }
    return true;
}

/* Type and extents; false after reporting. */
static bool read_form(Reader *r, int32_t type, size_t n_dims, const int64_t *dims, Initializer *t)
{
    if (type <= 0 || type >= ONNX_TYPES)
        return tensor_fault(r, t->name, type == 0 ? WEIR_INVALID : WEIR_UNSUPPORTED,
                            "element type %d is none that weir knows", (int)type);
    t->onnx_type = type;
    t->tensor.type = dtype_from_onnx(type);
    if (n_dims > TENSOR_MAX_DIMS)
        return tensor_fault(r, t->name, WEIR_LIMIT, "%llu dimensions, weir takes at most %d",
                            (unsigned long long)n_dims, (int)TENSOR_MAX_DIMS);
    t->tensor.n_dims = (uint32_t)n_dims;
    for (uint32_t i = 0; i < t->tensor.n_dims; i++) {
        t->tensor.extent[i] = dims[i];
        if (dims[i] < 0)
            return tensor_fault(r, t->name, WEIR_INVALID, "dimension %u is negative (%lld)", i, (long long)dims[i]);
    }
    if (!tensor_extents_fit(t->tensor.n_dims, t->tensor.extent))
        return tensor_fault(r, t->name, WEIR_INVALID, "the extents are too large");
    return true;
}

Initializer read_tensor(Reader *r, const Pb__TensorProto *tensor)
{
    Initializer t = {.name = read_name(r, tensor->name)};
    ExternalData external;
    if (tensor->has_segment) {
        tensor_fault(r, t.name, WEIR_UNSUPPORTED, "is cut into segments");
        return t;
    }
    if (tensor->view >= 1u << 31 || !tensor->has_view)
        weir_bug(r->cx, "a tensor without a view");
    if (read_form(r, tensor->data_type, tensor->n_dims, tensor->dims, &t) && read_external(r, tensor, t.name, &external))
        payload_read(r, &r->tensors[tensor->view], &external, &t);
    return t;
}

Initializer read_sparse(Reader *r, const Pb__SparseTensorProto *sparse)
{
    Initializer t = {0};
    if (sparse->values == NULL || sparse->indices == NULL) {
        tensor_fault(r, t.name, WEIR_INVALID, "a sparse tensor without values or indices");
        return t;
    }
    Initializer values = read_tensor(r, sparse->values), indices = read_tensor(r, sparse->indices);
    t.name = values.name;
    if (values.onnx_type != 0 && read_form(r, values.onnx_type, sparse->n_dims, sparse->dims, &t))
        sparse_expand(r, &values, &indices, &t);
    return t;
}
