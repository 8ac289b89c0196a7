/*
 * frontend/lower/catalog.c: lists of operators.
 */
#include "frontend/lower/catalog.h"

#include <string.h>

#include "frontend/lower/walk.h"
#include "support/json.h"

static const char *versions(weir_context *cx, const OperatorRow *row)
{
    return row->until == 0 ? arena_printf(&cx->arena, "%lld+", (long long)row->since)
                           : arena_printf(&cx->arena, "%lld..%lld", (long long)row->since, (long long)row->until);
}

void operators_print(weir_context *cx, bool json, bool markdown, Text *out)
{
    uint32_t n;
    const OperatorRow *rows = operator_rows(&n);
    if (markdown && !json)
        text_printf(out, "| operator | versions | |\n|---|---|---|\n");
    for (uint32_t i = 0; i < n; i++) {
        const char *domain = rows[i].domain[0] == 0 ? "ai.onnx" : rows[i].domain;
        if (json) {
            JsonWriter w;
            json_begin(&w, out);
            json_put_object(&w, NULL);
            json_put_text(&w, "domain", domain);
            json_put_text(&w, "operator", rows[i].name);
            json_put_int(&w, "since", rows[i].since);
            json_put_int(&w, "until", rows[i].until);
            json_put_text(&w, "doc", rows[i].doc);
            json_put_end(&w);
            text_printf(out, "\n");
        } else if (markdown) {
            text_printf(out, "| %s%s%s | %s | %s |\n", rows[i].domain, rows[i].domain[0] == 0 ? "" : ".", rows[i].name,
                        versions(cx, &rows[i]), rows[i].doc);
        } else {
            text_printf(out, "%-16s %-28s %-8s %s\n", domain, rows[i].name, versions(cx, &rows[i]), rows[i].doc);
        }
    }
}

/* ---- of a model ---- */

typedef struct Needed {
    Name domain, op;
    uint32_t nodes;
    bool local; /* a function of the model */
} Needed;

typedef struct Needs {
    weir_context *cx;
    const Model *model;
    VEC(Needed) list;
} Needs;

static bool is_local(const Model *model, const Node *node)
{
    for (uint32_t f = 0; f < model->n_functions; f++)
        if (name_is(model->functions[f].name, node->op) && name_is(model->functions[f].domain, node->domain))
            return true;
    return false;
}

static void add_nodes(Needs *needs, uint32_t n, const Node *nodes);

static void add_node(Needs *needs, const Node *node)
{
    for (uint32_t a = 0; a < node->n_attributes; a++) {
        const Attribute *attribute = &node->attributes[a];
        if (attribute->kind == ATTR_GRAPH)
            add_nodes(needs, attribute->graph->n_nodes, attribute->graph->nodes);
        for (uint32_t g = 0; attribute->kind == ATTR_GRAPHS && g < attribute->n; g++)
            add_nodes(needs, attribute->graphs[g]->n_nodes, attribute->graphs[g]->nodes);
    }
    for (uint32_t i = 0; i < needs->list.n; i++) {
        if (name_is(needs->list.at[i].op, node->op) && name_is(needs->list.at[i].domain, node->domain)) {
            needs->list.at[i].nodes++;
            return;
        }
    }
    vec_push(&needs->cx->arena, &needs->list,
             ((Needed){.domain = node->domain, .op = node->op, .nodes = 1, .local = is_local(needs->model, node)}));
}

static void add_nodes(Needs *needs, uint32_t n, const Node *nodes)
{
    for (uint32_t i = 0; i < n; i++)
        add_node(needs, &nodes[i]);
}

static void print_needed(weir_context *cx, const Needed *needed, bool supported, int64_t opset, bool json, Text *out)
{
    const char *domain = needed->domain.i == 0 ? "ai.onnx" : cx_text(cx, needed->domain);
    if (!json) {
        text_printf(out, "%-11s %5u  %s.%s (version %lld)\n", supported ? "supported" : "MISSING", needed->nodes, domain,
                    cx_text(cx, needed->op), (long long)opset);
        return;
    }
    JsonWriter w;
    json_begin(&w, out);
    json_put_object(&w, NULL);
    json_put_text(&w, "domain", domain);
    json_put_text(&w, "operator", cx_text(cx, needed->op));
    json_put_int(&w, "version", opset);
    json_put_uint(&w, "nodes", needed->nodes);
    json_put_bool(&w, "supported", supported);
    json_put_end(&w);
    text_printf(out, "\n");
}

weir_status operators_of_model(weir_context *cx, const Model *model, bool json, Text *out)
{
    Needs needs = {.cx = cx, .model = model};
    add_nodes(&needs, model->graph.n_nodes, model->graph.nodes);
    for (uint32_t f = 0; f < model->n_functions; f++)
        add_nodes(&needs, model->functions[f].n_nodes, model->functions[f].nodes);
    weir_status status = WEIR_OK;
    for (uint32_t i = 0; i < needs.list.n; i++) {
        const Needed *needed = &needs.list.at[i];
        int64_t opset = model_opset(cx, model, needed->domain);
        bool known;
        const char *domain = needed->domain.i == 0 ? "" : cx_text(cx, needed->domain);
        bool supported = needed->local || operator_find(domain, cx_text(cx, needed->op), opset, &known) != NULL;
        print_needed(cx, needed, supported, opset, json, out);
        if (!supported)
            status = WEIR_UNSUPPORTED;
    }
    return status;
}
