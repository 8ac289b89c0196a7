/*
 * frontend/onnx/translate.h: generated messages to weir's graph, part by part. Included by the reader alone.
 */
#ifndef WEIR_FRONTEND_ONNX_TRANSLATE_H
#define WEIR_FRONTEND_ONNX_TRANSLATE_H

#include "frontend/onnx/onnx.pb-c.h"
#include "frontend/onnx/reader.h"

/* Strings of a message; NULL is "". */
Name read_name(Reader *r, const char *text);
Name *read_names(Reader *r, size_t n, char *const *texts);
/* "ai.onnx" is "". */
Name read_domain(Reader *r, const char *text);

/* `value_name`: for messages. */
ValueType read_type(Reader *r, Name value_name, const Pb__TypeProto *type);
ValueInfo *read_infos(Reader *r, size_t n, Pb__ValueInfoProto *const *infos);
Initializer read_tensor(Reader *r, const Pb__TensorProto *tensor);
/* The dense form, under the name of the values. */
Initializer read_sparse(Reader *r, const Pb__SparseTensorProto *sparse);
Attribute *read_attributes(Reader *r, size_t n, Pb__AttributeProto *const *attributes);
void read_graph(Reader *r, const Pb__GraphProto *graph, Graph *out);

#endif
