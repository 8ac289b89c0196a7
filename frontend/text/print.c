/*
 * frontend/text/print.c: a Model in the ONNX text syntax.
 *
 * In:   a Model of either reader. Out: text that reads back to an equal model.
 * Keep: names are quoted where the syntax needs it; numbers in the shortest form that reads back; what the syntax can't
 *       say is named in a comment.
 */
#include <string.h>

#include "frontend/text/onnxtext.h"
#include "support/text.h"

enum { INDENT = 2 };

typedef struct Printer {
    weir_context *cx;
    Text *out;
    int depth;
} Printer;

static void add(Printer *p, const char *text)
{
    text_add(p->out, text, strlen(text));
}

static void new_line(Printer *p)
{
    text_printf(p->out, "\n%*s", p->depth * INDENT, "");
}

/* ", " between the elements of a list. */
static void add_comma(Printer *p, uint32_t i)
{
    if (i != 0)
        add(p, ", ");
}

/* ---- names ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Whether `text` is one word (with `points`: several, with points between them) that stands for itself. */
static bool is_plain(const char *text, bool points)
{
    static const char *const words[] = {"seq", "map", "optional", "sparse_tensor", "opaque", "inf", "infinity", "nan"};
    bool begin = true;
    for (const char *c = text; *c != 0; c++) {
        bool point = points && *c == '.' && !begin;
        if (!point && !is_letter(*c) && (begin || *c < '0' || *c > '9'))
            return false;
        begin = point;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], text) == 0)
            return false;
    return !begin && text_type_number(text, strlen(text)) == 0;
}

static void add_string(Printer *p, Name name)
{
    const char *text = cx_text(p->cx, name);
    uint32_t length = p->cx->names.length[name.i];
    add(p, "\"");
    for (uint32_t i = 0, from = 0; i <= length; i++) {
        if (i < length && text[i] != '"' && text[i] != '\\')
            continue;
        text_add(p->out, text + from, i - from);
        from = i;
        if (i < length)
            add(p, "\\");
    }
    add(p, "\"");
}

static void add_name(Printer *p, Name name)
{
    if (name.i != 0 && is_plain(cx_text(p->cx, name), false))
        add(p, cx_text(p->cx, name));
    else
        add_string(p, name);
}

static void add_names(Printer *p, const Name *names, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        add_comma(p, i);
        add_name(p, names[i]);
    }
}

/* ---- types ---- */

static void add_tensor_type(Printer *p, int onnx_type, const ValueType *type)
{
    add(p, text_type_name(onnx_type));
    if (!type->has_shape) {
        add(p, "[]");
        return;
    }
    for (uint32_t i = 0; i < type->n_dims; i++) {
        const Dim *d = &type->dims[i];
        add(p, i == 0 ? "[" : ",");
        if (d->extent >= 0)
            text_printf(p->out, "%lld", (long long)d->extent);
        else if (d->symbol.i != 0)
            add_name(p, d->symbol);
        else
            add(p, "?");
    }
    if (type->n_dims != 0)
        add(p, "]");
}

static bool has_type(const ValueType *type)
{
    if (type->kind == VALUE_TENSOR || type->kind == VALUE_SPARSE)
        return type->onnx_type != 0;
    return type->kind == VALUE_OTHER || (type->element != NULL && has_type(type->element) &&
                                         (type->kind != VALUE_MAP || type->key_type != 0));
}

static void add_type(Printer *p, const ValueType *type)
{
    static const char *const heads[] = {[VALUE_SEQUENCE] = "seq(", [VALUE_OPTIONAL] = "optional(", [VALUE_MAP] = "map(",
                                        [VALUE_SPARSE] = "sparse_tensor(", [VALUE_OTHER] = "opaque("};
    if (type->kind == VALUE_TENSOR) {
        add_tensor_type(p, type->onnx_type, type);
        return;
    }
    add(p, heads[type->kind]);
    if (type->kind == VALUE_SPARSE)
        add_tensor_type(p, type->onnx_type, type);
    if (type->kind == VALUE_MAP)
        text_printf(p->out, "%s, ", text_type_name(type->key_type));
    if (type->element != NULL)
        add_type(p, type->element);
    add(p, ")");
}

static void add_info(Printer *p, const ValueInfo *info)
{
    if (has_type(&info->type)) {
        add_type(p, &info->type);
        add(p, " ");
    }
    add_name(p, info->name);
}

/* ---- tensors ---- */

static void add_element(Printer *p, const Initializer *t, size_t i)
{
    Dtype type = t->tensor.type;
    if (type == DT_U64)
        text_printf(p->out, "%llu", (unsigned long long)dtype_load_i64(type, t->tensor.data, i));
    else if (dtype_is_int(type) || type == DT_BOOL)
        text_printf(p->out, "%lld", (long long)dtype_load_i64(type, t->tensor.data, i));
    else if (type == DT_F32 || type == DT_F64)
        text_decimal(p->out, dtype_load_f64(type, t->tensor.data, i), type);
    else if (dtype_bytes(type) == 2)
        text_printf(p->out, "%u", (unsigned)((const uint16_t *)t->tensor.data)[i]);
    else
        text_printf(p->out, "%u", (unsigned)((const uint8_t *)t->tensor.data)[i]);
}

static void add_complex(Printer *p, const Initializer *t, size_t i)
{
    Dtype unit = t->onnx_type == ONNX_COMPLEX64 ? DT_F32 : DT_F64;
    text_decimal(p->out, dtype_load_f64(unit, t->tensor.data, 2 * i), unit);
    add(p, ", ");
    text_decimal(p->out, dtype_load_f64(unit, t->tensor.data, 2 * i + 1), unit);
}

/* Type, name (perhaps none) and values. */
static void add_tensor(Printer *p, const Initializer *t)
{
    add(p, text_type_name(t->onnx_type));
    for (uint32_t i = 0; i < t->tensor.n_dims; i++)
        text_printf(p->out, "%s%lld", i == 0 ? "[" : ",", (long long)t->tensor.extent[i]);
    add(p, t->tensor.n_dims != 0 ? "] " : " ");
    if (t->name.i != 0) {
        add_name(p, t->name);
        add(p, " = ");
    }
    add(p, "{");
    size_t n = (size_t)tensor_elements(&t->tensor);
    for (size_t i = 0; i < n; i++) {
        add(p, i == 0 ? "" : ", ");
        if (t->onnx_type == ONNX_STRING)
            add_string(p, t->strings[i]);
        else if (t->tensor.type == DT_NONE)
            add_complex(p, t, i);
        else
            add_element(p, t, i);
    }
    add(p, "}");
}

/* ---- attributes ---- */

static void add_graph(Printer *p, const Graph *graph);

static void add_attribute_list(Printer *p, const Attribute *a)
{
    add(p, "[");
    for (uint32_t i = 0; i < a->n; i++) {
        add_comma(p, i);
        switch (a->kind) {
        case ATTR_INTS:
            text_printf(p->out, "%lld", (long long)a->ints[i]);
            break;
        case ATTR_FLOATS:
            text_decimal(p->out, (double)a->floats[i], DT_F32);
            break;
        case ATTR_STRINGS:
            add_string(p, a->strings[i]);
            break;
        case ATTR_TENSORS:
            add_tensor(p, &a->tensors[i]);
            break;
        default:
            add_graph(p, a->graphs[i]);
            break;
        }
    }
    add(p, "]");
}

static void add_attribute_value(Printer *p, const Attribute *a)
{
    switch (a->kind) {
    case ATTR_INT:
        text_printf(p->out, "%lld", (long long)a->i);
        break;
    case ATTR_FLOAT:
        text_decimal(p->out, (double)a->f, DT_F32);
        break;
    case ATTR_STRING:
        add_string(p, a->s);
        break;
    case ATTR_TENSOR:
        add_tensor(p, &a->tensor);
        break;
    case ATTR_GRAPH:
        add_graph(p, a->graph);
        break;
    case ATTR_TYPE:
        add_type(p, a->type);
        break;
    default:
        add_attribute_list(p, a);
        break;
    }
}

/* The type's word where the value does not tell it. */
static const char *attribute_word_needed(const Attribute *a)
{
    static const char *const words[] = {
        [ATTR_INT] = "int",         [ATTR_FLOAT] = "float",     [ATTR_STRING] = "string", [ATTR_TENSOR] = "tensor",
        [ATTR_GRAPH] = "graph",     [ATTR_INTS] = "ints",       [ATTR_FLOATS] = "floats", [ATTR_STRINGS] = "strings",
        [ATTR_TENSORS] = "tensors", [ATTR_GRAPHS] = "graphs",   [ATTR_TYPE] = "type_proto", [ATTR_OTHER] = NULL,
    };
    bool empty = a->n == 0 && a->kind >= ATTR_INTS && a->kind <= ATTR_TENSORS;
    return a->ref.i != 0 || empty ? words[a->kind] : NULL;
}

static bool can_be_written(const Attribute *a)
{
    if (a->ref.i != 0)
        return true;
    return a->kind != ATTR_OTHER && a->kind != ATTR_NONE && (a->kind != ATTR_TYPE || has_type(a->type));
}

static void add_attribute(Printer *p, const Attribute *a)
{
    const char *word = attribute_word_needed(a);
    add_name(p, a->name);
    if (word != NULL)
        text_printf(p->out, ": %s", word);
    add(p, " = ");
    if (a->ref.i != 0) {
        add(p, "@");
        add_name(p, a->ref);
    } else {
        add_attribute_value(p, a);
    }
}

static void add_attributes(Printer *p, const Node *node)
{
    uint32_t written = 0;
    for (uint32_t i = 0; i < node->n_attributes; i++) {
        if (!can_be_written(&node->attributes[i]))
            continue;
        add(p, written++ == 0 ? " <" : ", ");
        add_attribute(p, &node->attributes[i]);
    }
    if (written != 0)
        add(p, ">");
}

/* ---- nodes and graphs ---- */

static void add_operator(Printer *p, const Node *node)
{
    const char *domain = cx_text(p->cx, node->domain);
    if (node->domain.i != 0 && is_plain(domain, true))
        text_printf(p->out, "%s.", domain);
    else if (node->domain.i != 0) {
        add_string(p, node->domain);
        add(p, ".");
    }
    add_name(p, node->op);
    if (node->overload.i != 0) {
        add(p, ":");
        add_name(p, node->overload);
    }
}

static void note_dropped(Printer *p, const Node *node)
{
    for (uint32_t i = 0; i < node->n_attributes; i++) {
        if (can_be_written(&node->attributes[i]))
            continue;
        new_line(p);
        text_printf(p->out, "# dropped: an attribute of node %u that the syntax can't write", node->index);
    }
}

static void add_node(Printer *p, const Node *node)
{
    note_dropped(p, node);
    new_line(p);
    if (node->name.i != 0) {
        add(p, "[");
        add_name(p, node->name);
        add(p, "] ");
    }
    add_names(p, node->outputs, node->n_outputs);
    add(p, " = ");
    add_operator(p, node);
    add_attributes(p, node);
    add(p, " (");
    add_names(p, node->inputs, node->n_inputs);
    add(p, ")");
}

static void add_nodes(Printer *p, const Node *nodes, uint32_t n)
{
    new_line(p);
    add(p, "{");
    p->depth++;
    for (uint32_t i = 0; i < n; i++)
        add_node(p, &nodes[i]);
    p->depth--;
    new_line(p);
    add(p, "}");
}

static void add_infos(Printer *p, const ValueInfo *infos, uint32_t n)
{
    add(p, "(");
    for (uint32_t i = 0; i < n; i++) {
        add_comma(p, i);
        add_info(p, &infos[i]);
    }
    add(p, ")");
}

static void add_locals(Printer *p, const Graph *g)
{
    if (g->n_initializers + g->n_infos == 0)
        return;
    new_line(p);
    add(p, "<");
    p->depth++;
    for (uint32_t i = 0; i < g->n_initializers; i++) {
        add(p, i == 0 ? "" : ",");
        new_line(p);
        add_tensor(p, &g->initializers[i]);
    }
    for (uint32_t i = 0; i < g->n_infos; i++) {
        add(p, g->n_initializers + i == 0 ? "" : ",");
        new_line(p);
        add_info(p, &g->infos[i]);
    }
    p->depth--;
    new_line(p);
    add(p, ">");
}

static void add_graph(Printer *p, const Graph *g)
{
    add_name(p, g->name);
    add(p, " ");
    add_infos(p, g->inputs, g->n_inputs);
    add(p, " => ");
    add_infos(p, g->outputs, g->n_outputs);
    add_locals(p, g);
    add_nodes(p, g->nodes, g->n_nodes);
}

/* ---- the model ---- */

static void add_opsets(Printer *p, const OpsetImport *opsets, uint32_t n)
{
    add(p, "opset_import: [");
    for (uint32_t i = 0; i < n; i++) {
        add_comma(p, i);
        add_string(p, opsets[i].domain);
        text_printf(p->out, " : %lld", (long long)opsets[i].version);
    }
    add(p, "]");
}

static void add_text_entry(Printer *p, const char *key, Name text)
{
    if (text.i == 0)
        return;
    text_printf(p->out, ", %s: ", key);
    add_string(p, text);
}

static void add_header(Printer *p, const Model *m)
{
    text_printf(p->out, "<ir_version: %lld, ", (long long)m->ir_version);
    add_opsets(p, m->opsets, m->n_opsets);
    add_text_entry(p, "producer_name", m->producer);
    add_text_entry(p, "producer_version", m->producer_version);
    add_text_entry(p, "domain", m->domain);
    if (m->version != 0)
        text_printf(p->out, ", model_version: %lld", (long long)m->version);
    add_text_entry(p, "doc_string", m->doc);
    for (uint32_t i = 0; i < m->n_metadata; i++) {
        add(p, i == 0 ? ", metadata_props: [" : ", ");
        add_string(p, m->metadata[i].key);
        add(p, " : ");
        add_string(p, m->metadata[i].text);
    }
    add(p, m->n_metadata != 0 ? "]>\n" : ">\n");
}

static void add_function(Printer *p, const Function *f)
{
    add(p, "\n<");
    add_opsets(p, f->opsets, f->n_opsets);
    add_text_entry(p, "domain", f->domain);
    add_text_entry(p, "overload", f->overload);
    add(p, ">\n");
    add_name(p, f->name);
    uint32_t written = 0;
    for (uint32_t i = 0; i < f->n_attributes; i++) {
        add(p, written++ == 0 ? " <" : ", ");
        add_name(p, f->attributes[i]);
    }
    for (uint32_t i = 0; i < f->n_defaults; i++) {
        if (!can_be_written(&f->defaults[i]))
            continue;
        add(p, written++ == 0 ? " <" : ", ");
        add_attribute(p, &f->defaults[i]);
    }
    add(p, written != 0 ? "> (" : " (");
    add_names(p, f->inputs, f->n_inputs);
    add(p, ") => (");
    add_names(p, f->outputs, f->n_outputs);
    add(p, ")");
    for (uint32_t i = 0; i < f->n_infos; i++) {
        add(p, i == 0 ? " <" : ", ");
        add_info(p, &f->infos[i]);
    }
    add(p, f->n_infos != 0 ? ">" : "");
    add_nodes(p, f->nodes, f->n_nodes);
    add(p, "\n");
}

void model_print(weir_context *cx, const Model *model, Text *out)
{
    Printer p = {.cx = cx, .out = out};
    add_header(&p, model);
    add_graph(&p, &model->graph);
    add(&p, "\n");
    for (uint32_t i = 0; i < model->n_functions; i++)
        add_function(&p, &model->functions[i]);
}
