/*
 * tests/conformance/select.c: the cases of a folder, and which are left out by rule.
 *
 * In:   a folder of folders in ONNX backend-test form. Out: cases with their operator, group and variants.
 * Keep: the order is that of the names; a model that cannot be read is run all the same, so that weir says so.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/job.h"
#include "frontend/lower/walk.h"
#include "tests/conformance/conform.h"

const char *variant_name(VariantId variant)
{
    static const char *const names[] = {
#define VARIANT(id, name, constant, symbols, doc) name,
#include "tests/conformance/variants.def"
    };
    return names[variant];
}

/* ---- rules ---- */

static bool op_fits(const char *op, const char *pattern)
{
    size_t n = strlen(pattern);
    return pattern[n - 1] == '*' ? strncmp(op, pattern, n - 1) == 0 : strcmp(op, pattern) == 0;
}

static bool has_kind(const Graph *graph, ValueKind kind)
{
    bool has = false;
    for (uint32_t i = 0; i < graph->n_inputs; i++)
        has = has || graph->inputs[i].type.kind == kind;
    for (uint32_t i = 0; i < graph->n_outputs; i++)
        has = has || graph->outputs[i].type.kind == kind;
    return has;
}

static bool has_strings(const Graph *graph)
{
    bool has = false;
    for (uint32_t i = 0; i < graph->n_inputs; i++)
        has = has || graph->inputs[i].type.onnx_type == ONNX_STRING;
    for (uint32_t i = 0; i < graph->n_outputs; i++)
        has = has || graph->outputs[i].type.onnx_type == ONNX_STRING;
    return has;
}

/* Whether a node of the graph or of one within has an operator that fits; `domain`: is of this domain. */
static bool has_node(const weir_context *cx, const Graph *graph, const char *pattern, const char *domain)
{
    bool has = false;
    for (uint32_t i = 0; i < graph->n_nodes; i++) {
        const Node *node = &graph->nodes[i];
        has = has || (pattern != NULL && op_fits(cx_text(cx, node->op), pattern)) ||
              (domain != NULL && strcmp(cx_text(cx, node->domain), domain) == 0);
        for (uint32_t a = 0; a < node->n_attributes; a++)
            if (node->attributes[a].kind == ATTR_GRAPH)
                has = has || has_node(cx, node->attributes[a].graph, pattern, domain);
    }
    return has;
}

/* The first element of an input's test value. */
static double test_value(weir_context *cx, const Graph *graph, Name name, const char *folder, double otherwise)
{
    const ValueInfo *inputs[MOST_WORDS];
    uint32_t n = open_inputs(graph, inputs, MOST_WORDS);
    for (uint32_t i = 0; i < n; i++) {
        Tensor value;
        Name given;
        const char *path = arena_printf(&cx->arena, "%s/test_data_set_0/input_%u.pb", folder, i);
        if (!name_is(inputs[i]->name, name) || tensor_proto_read(cx, path, &given, &value) != WEIR_OK)
            continue;
        return value.type == DT_BOOL ? (double)*(const unsigned char *)value.data
               : value.type == DT_F32 ? (double)*(const float *)value.data : otherwise;
    }
    return otherwise;
}

/* Dropout that draws: in training, with a ratio that is not zero. */
static bool draws(weir_context *cx, const Graph *graph, const char *folder)
{
    for (uint32_t i = 0; i < graph->n_nodes; i++) {
        const Node *node = &graph->nodes[i];
        if (strcmp(cx_text(cx, node->op), "Dropout") == 0 && node->n_inputs > 2 && node->inputs[2].i != 0 &&
            test_value(cx, graph, node->inputs[2], folder, 1) != 0 &&
            test_value(cx, graph, node->inputs[1], folder, 0.5) != 0)
            return true;
    }
    return false;
}

const char *case_rule(weir_context *cx, const Model *model, const char *folder)
{
    const Graph *graph = &model->graph;
    if (has_strings(graph))
        return "strings";
#define RULE_KIND(kind, group)                                                                                         \
    if (has_kind(graph, kind))                                                                                         \
        return group;
#define RULE_OPERATOR(pattern, group)                                                                                  \
    if (has_node(cx, graph, pattern, NULL))                                                                            \
        return group;
#define RULE_DOMAIN(domain, group)                                                                                     \
    if (has_node(cx, graph, NULL, domain))                                                                             \
        return group;
#include "tests/conformance/rules.def"
    return draws(cx, graph, folder) ? "random draws" : NULL;
}

/* ---- one folder ---- */

typedef struct Reading {
    Conform *c;
    weir_context *cx; /* of this case alone */
    const Set *set;
    const char *name, *folder;
} Reading;

/* A graph of one node is a case of its operator. */
static void note_operator(const Reading *r, const Model *model, Case *one)
{
    if (model->graph.n_nodes != 1)
        return;
    const Node *node = &model->graph.nodes[0];
    const char *domain = node->domain.i == 0 ? "" : cx_text(r->cx, node->domain), *op = cx_text(r->cx, node->op);
    bool known;
    const OperatorRow *row = operator_find(domain, op, model_opset(r->cx, model, node->domain), &known);
    one->domain = arena_string(&r->c->cx->arena, domain, strlen(domain));
    one->op = arena_string(&r->c->cx->arena, op, strlen(op));
    one->since = row != NULL ? row->since : 0;
}

static void add_variant(Reading *r, Model *model, const Case *plain, VariantId variant)
{
    Conform *c = r->c;
    Case one = *plain;
    one.variant = variant;
    one.id = arena_printf(&c->cx->arena, "%s:%s", plain->id, variant_name(variant));
    one.folder = arena_printf(&c->cx->arena, "%s/%s-%s-%s", c->scratch, r->set->label, r->name, variant_name(variant));
    if (variant_write(c, r->cx, model, variant, r->folder, one.folder))
        vec_push(&c->cx->arena, &c->cases, one);
}

static weir_status add_case(void *data)
{
    Reading *r = data;
    Conform *c = r->c;
    Model *model = NULL;
    Case plain = {.set = r->set, .folder = r->folder};
    plain.id = arena_printf(&c->cx->arena, "%s/%s", r->set->label, r->name);
    const char *path = arena_printf(&r->cx->arena, "%s/model.onnx", r->folder);
    if (model_read(r->cx, path, &model) == WEIR_OK) {
        plain.excluded = case_rule(r->cx, model, r->folder);
        note_operator(r, model, &plain);
    }
    if (c->variants[VARIANT_PLAIN] || plain.excluded != NULL)
        vec_push(&c->cx->arena, &c->cases, plain);
    for (int v = VARIANT_PLAIN + 1; v < VARIANTS && model != NULL && plain.excluded == NULL; v++) {
        Model *fresh; /* a variant changes the model */
        if (c->variants[v] && model_read(r->cx, path, &fresh) == WEIR_OK)
            add_variant(r, fresh, &plain, (VariantId)v);
    }
    return WEIR_OK;
}

static int with_model(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

void cases_collect(Conform *c, const Set *set)
{
    struct dirent **list;
    int n = scandir(set->path, &list, with_model, alphasort);
    for (int i = 0; i < n; i++) {
        Reading r = {.c = c, .set = set, .cx = weir_context_new()};
        r.name = arena_string(&c->cx->arena, list[i]->d_name, strlen(list[i]->d_name));
        r.folder = arena_printf(&c->cx->arena, "%s/%s", set->path, r.name);
        free(list[i]);
        if (r.cx == NULL)
            exit(2);
        if (access(arena_printf(&r.cx->arena, "%s/model.onnx", r.folder), R_OK) == 0 &&
            api_guard(r.cx, add_case, &r) != WEIR_OK)
            fprintf(stderr, "conform: %s: cannot be read\n", r.folder);
        weir_context_free(r.cx);
    }
    if (n >= 0)
        free(list);
}
