/*
 * frontend/graph.c: queries on an ONNX model, reading by file name, and the rules of form that no reader sees alone.
 */
#include "frontend/graph.h"

#include <string.h>

#include "frontend/onnx/reader.h"
#include "support/file.h"

/* ---- queries ---- */

const Attribute *node_attribute(const weir_context *cx, const Node *node, const char *name)
{
    for (uint32_t i = 0; i < node->n_attributes; i++)
        if (strcmp(cx_text(cx, node->attributes[i].name), name) == 0)
            return &node->attributes[i];
    return NULL;
}

int64_t node_int(const weir_context *cx, const Node *node, const char *name, int64_t otherwise)
{
    const Attribute *a = node_attribute(cx, node, name);
    return a != NULL && a->kind == ATTR_INT && a->ref.i == 0 ? a->i : otherwise;
}

float node_float(const weir_context *cx, const Node *node, const char *name, float otherwise)
{
    const Attribute *a = node_attribute(cx, node, name);
    return a != NULL && a->kind == ATTR_FLOAT && a->ref.i == 0 ? a->f : otherwise;
}

const char *node_string(const weir_context *cx, const Node *node, const char *name, const char *otherwise)
{
    const Attribute *a = node_attribute(cx, node, name);
    return a != NULL && a->kind == ATTR_STRING && a->ref.i == 0 ? cx_text(cx, a->s) : otherwise;
}

int64_t model_opset(const weir_context *cx, const Model *model, Name domain)
{
    (void)cx;
    for (uint32_t i = 0; i < model->n_opsets; i++)
        if (name_is(model->opsets[i].domain, domain))
            return model->opsets[i].version;
    return 0;
}

/* ---- reading ---- */

static bool has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    return n >= m && strcmp(path + n - m, suffix) == 0;
}

weir_status model_read(weir_context *cx, const char *path, Model **out_model)
{
    if (has_suffix(path, ".onnxtxt") || has_suffix(path, ".onnxtext")) {
        const Source *text;
        TRY(file_source(cx, path, &text));
        return model_read_text(cx, text, out_model);
    }
    MappedFile file;
    TRY(file_map(cx, path, &file));
    Source *source = ARENA_NEW(&cx->arena, Source);
    source->path = file.path;
    return model_read_bytes(cx, source, file.data, file.bytes, true, out_model);
}

/* ---- rules of form ---- */

enum { MOST_FUNCTIONS = 10000 };

/* Marks by name: number of the last scope that defined it. */
typedef struct Check {
    weir_context *cx;
    const Source *source;
    uint32_t *defined;    /* values, by the number of the name */
    uint32_t *attributes; /* attributes of a node */
    uint32_t n_names, scope, node_scope;
    weir_status status;
} Check;

static void twice(Check *c, Place place, const char *what, Name name)
{
    diag(&c->cx->diag, place, E_ONNX_TWICE, what, cx_text(c->cx, name));
    c->status = WEIR_INVALID;
}

static void fault(Check *c, Place place, const char *what)
{
    diag(&c->cx->diag, place, E_ONNX_FORM, what);
    c->status = WEIR_INVALID;
}

static void define(Check *c, Place place, Name name, uint32_t scope)
{
    if (name.i == 0)
        return;
    if (c->defined[name.i] == scope)
        twice(c, place, "value", name);
    c->defined[name.i] = scope;
}

static void check_graph(Check *c, const Graph *graph);

static void check_attributes(Check *c, Place place, const Attribute *attributes, uint32_t n)
{
    uint32_t scope = ++c->node_scope;
    for (uint32_t i = 0; i < n; i++) {
        const Attribute *a = &attributes[i];
        if (a->name.i == 0)
            fault(c, place, "an attribute without a name");
        else if (c->attributes[a->name.i] == scope)
            twice(c, place, "attribute", a->name);
        c->attributes[a->name.i] = scope;
    }
    for (uint32_t i = 0; i < n; i++) {
        const Attribute *a = &attributes[i];
        if (a->graph != NULL)
            check_graph(c, a->graph);
        for (uint32_t k = 0; a->kind == ATTR_GRAPHS && k < a->n; k++)
            check_graph(c, a->graphs[k]);
    }
}

static Place node_place(const Check *c, const Node *node, uint32_t index)
{
    return place_node(c->source, index, cx_text(c->cx, node->name), cx_text(c->cx, node->op));
}

static void check_nodes(Check *c, const Node *nodes, uint32_t n, uint32_t scope)
{
    for (uint32_t i = 0; i < n; i++) {
        const Node *node = &nodes[i];
        Place place = node_place(c, node, i);
        if (node->op.i == 0)
            fault(c, place, "a node without an operator");
        for (uint32_t k = 0; k < node->n_outputs; k++)
            define(c, place, node->outputs[k], scope);
    }
    for (uint32_t i = 0; i < n; i++) /* graphs inside come last: they may mark names of this scope as theirs */
        check_attributes(c, node_place(c, &nodes[i], i), nodes[i].attributes, nodes[i].n_attributes);
}

/* An initializer may give an input its default; two of the same name may not be. */
static void check_initializers(Check *c, const Graph *graph, uint32_t scope)
{
    Place place = place_file(c->source);
    uint32_t inputs = scope - 1;
    for (uint32_t i = 0; i < graph->n_initializers; i++) {
        Name name = graph->initializers[i].name;
        if (name.i == 0)
            fault(c, place, "an initializer without a name");
        else if (c->defined[name.i] == inputs)
            c->defined[name.i] = scope;
        else
            define(c, place, name, scope);
    }
}

static void check_graph(Check *c, const Graph *graph)
{
    Place place = place_file(c->source);
    uint32_t inputs = ++c->scope, scope = ++c->scope; /* inputs first have a scope of their own */
    for (uint32_t i = 0; i < graph->n_inputs; i++) {
        if (graph->inputs[i].name.i == 0)
            fault(c, place, "an input without a name");
        define(c, place, graph->inputs[i].name, inputs);
    }
    check_initializers(c, graph, scope);
    for (uint32_t i = 0; i < graph->n_inputs; i++)
        c->defined[graph->inputs[i].name.i] = scope;
    for (uint32_t i = 0; i < graph->n_outputs; i++)
        if (graph->outputs[i].name.i == 0)
            fault(c, place, "an output without a name");
    check_nodes(c, graph->nodes, graph->n_nodes, scope);
}

static void check_function(Check *c, const Function *f)
{
    Place place = place_file(c->source);
    uint32_t scope = ++c->scope;
    if (f->name.i == 0)
        fault(c, place, "a function without a name");
    for (uint32_t i = 0; i < f->n_inputs; i++)
        define(c, place, f->inputs[i], scope);
    check_attributes(c, place, f->defaults, f->n_defaults);
    check_nodes(c, f->nodes, f->n_nodes, scope);
}

static bool same_function(const Function *a, const Function *b)
{
    return name_is(a->name, b->name) && name_is(a->domain, b->domain) && name_is(a->overload, b->overload);
}

/* Functions of one name are chained through `first` and `next`, so that only those are compared. */
static void check_function_names(Check *c, const Model *model)
{
    uint32_t *first = ARENA_ARRAY(&c->cx->arena, uint32_t, c->n_names);
    uint32_t *next = ARENA_ARRAY(&c->cx->arena, uint32_t, (size_t)model->n_functions + 1);
    for (uint32_t i = 0; i < model->n_functions; i++) {
        const Function *f = &model->functions[i];
        for (uint32_t k = first[f->name.i]; k != 0; k = next[k])
            if (same_function(&model->functions[k - 1], f)) {
                twice(c, place_file(c->source), "function", f->name);
                break;
            }
        next[i + 1] = first[f->name.i];
        first[f->name.i] = i + 1;
    }
}

weir_status model_check(weir_context *cx, const Model *model)
{
    Check c = {.cx = cx, .source = model->source, .n_names = cx->names.n};
    c.defined = ARENA_ARRAY(&cx->arena, uint32_t, c.n_names);
    c.attributes = ARENA_ARRAY(&cx->arena, uint32_t, c.n_names);
    check_graph(&c, &model->graph);
    for (uint32_t i = 0; i < model->n_functions; i++)
        check_function(&c, &model->functions[i]);
    if (model->n_functions > MOST_FUNCTIONS) {
        diag(&cx->diag, place_file(model->source), E_LIMIT, "functions", (long long)model->n_functions,
             (long long)MOST_FUNCTIONS, "fixed");
        return WEIR_LIMIT;
    }
    check_function_names(&c, model);
    if (model->n_opsets == 0 && model->ir_version >= 3)
        fault(&c, place_file(model->source), "the model imports no operator set");
    return c.status;
}
