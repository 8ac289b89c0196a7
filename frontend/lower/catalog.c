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

/* ---- what the operator cases of ONNX say ---- */

typedef struct Passes {
    const char *domain, *op;
    int64_t since; /* as OperatorRow; 0: of an operator without a row */
    int64_t cases, interp, c;
} Passes;

#define PASSES(domain, op, since, cases, interp, c) {domain, #op, since, cases, interp, c},
static const Passes passes_1_12[] = {
#include "frontend/lower/conformance_1_12.def"
    {NULL, NULL, 0, 0, 0, 0}};
#define PASSES(domain, op, since, cases, interp, c) {domain, #op, since, cases, interp, c},
static const Passes passes_1_23[] = {
#include "frontend/lower/conformance_1_23.def"
    {NULL, NULL, 0, 0, 0, 0}};

typedef struct PassesSet {
    const char *name, *key;
    const Passes *rows;
} PassesSet;

enum { PASSES_SETS = 2 };
static const PassesSet passes_sets[PASSES_SETS] = {{"ONNX 1.12", "onnx_1_12", passes_1_12},
                                                   {"ONNX 1.23", "onnx_1_23", passes_1_23}};

static const Passes *passes_of(const PassesSet *set, const char *domain, const char *op, int64_t since)
{
    for (const Passes *p = set->rows; p->domain != NULL; p++)
        if (strcmp(p->domain, domain) == 0 && strcmp(p->op, op) == 0 && p->since == since)
            return p;
    return NULL;
}

/* `3 of 3`, on both targets; or of each. */
static const char *passes_text(weir_context *cx, const Passes *p)
{
    if (p == NULL)
        return "-";
    if (p->interp == p->c)
        return arena_printf(&cx->arena, "%lld of %lld", (long long)p->c, (long long)p->cases);
    return arena_printf(&cx->arena, "interp %lld, c %lld of %lld", (long long)p->interp, (long long)p->c, (long long)p->cases);
}

static void put_passes(JsonWriter *w, const PassesSet *set, const Passes *p)
{
    if (p == NULL) {
        json_put_null(w, set->key);
        return;
    }
    json_put_object(w, set->key);
    json_put_int(w, "cases", p->cases);
    json_put_int(w, "interp", p->interp);
    json_put_int(w, "c", p->c);
    json_put_end(w);
}

/* ---- the table ---- */

typedef struct Listing {
    weir_context *cx;
    bool json, markdown;
    Text *out;
} Listing;

/* `row`->since 0: an operator that has cases, but no lowering. */
static void print_operator(const Listing *l, const OperatorRow *row)
{
    const char *domain = row->domain[0] == 0 ? "ai.onnx" : row->domain;
    const Passes *passes[PASSES_SETS];
    for (int s = 0; s < PASSES_SETS; s++)
        passes[s] = passes_of(&passes_sets[s], domain, row->name, row->since);
    if (l->json) {
        JsonWriter w;
        json_begin(&w, l->out);
        json_put_object(&w, NULL);
        json_put_text(&w, "domain", domain);
        json_put_text(&w, "operator", row->name);
        json_put_bool(&w, "supported", row->since != 0);
        json_put_int(&w, "since", row->since);
        json_put_int(&w, "until", row->until);
        json_put_text(&w, "doc", row->doc);
        for (int s = 0; s < PASSES_SETS; s++)
            put_passes(&w, &passes_sets[s], passes[s]);
        json_put_end(&w);
        text_printf(l->out, "\n");
        return;
    }
    const char *range = row->since != 0 ? versions(l->cx, row) : "none";
    const char *old = passes_text(l->cx, passes[0]), *new = passes_text(l->cx, passes[1]);
    if (l->markdown)
        text_printf(l->out, "| %s%s%s | %s | %s | %s | %s |\n", row->domain, row->domain[0] == 0 ? "" : ".", row->name, range,
                    old, new, row->doc);
    else
        text_printf(l->out, "%-18s %-28s %-8s %-10s %-10s %s\n", domain, row->name, range, old, new, row->doc);
}

/* Operators with cases that have no row: each once. */
static void print_missing(const Listing *l)
{
    for (int s = PASSES_SETS; s-- > 0;) {
        for (const Passes *p = passes_sets[s].rows; p->domain != NULL; p++) {
            const OperatorRow none = {.domain = strcmp(p->domain, "ai.onnx") == 0 ? "" : p->domain,
                                      .name = p->op,
                                      .doc = "not lowered"};
            bool shown = s != PASSES_SETS - 1 && passes_of(&passes_sets[PASSES_SETS - 1], p->domain, p->op, 0) != NULL;
            if (p->since == 0 && !shown)
                print_operator(l, &none);
        }
    }
}

void operators_print(weir_context *cx, bool json, bool markdown, Text *out)
{
    uint32_t n;
    const OperatorRow *rows = operator_rows(&n);
    const Listing l = {cx, json, markdown, out};
    if (markdown && !json)
        text_printf(out, "| operator | versions | %s | %s | |\n|---|---|---|---|---|\n", passes_sets[0].name, passes_sets[1].name);
    else if (!json)
        text_printf(out, "%-18s %-28s %-8s %-10s %-10s\n", "domain", "operator", "versions", passes_sets[0].name, passes_sets[1].name);
    for (uint32_t i = 0; i < n; i++)
        print_operator(&l, &rows[i]);
    print_missing(&l);
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

/* Why the table has no row for an operator at a version; NULL: it has one. */
static const char *missing_reason(weir_context *cx, const Needed *needed, int64_t opset)
{
    const char *domain = needed->domain.i == 0 ? "" : cx_text(cx, needed->domain), *op = cx_text(cx, needed->op);
    bool known;
    if (needed->local || operator_find(domain, op, opset, &known) != NULL)
        return NULL;
    if (opset == 0)
        return arena_printf(&cx->arena, "the model imports no version of the domain '%s'", domain[0] == 0 ? "ai.onnx" : domain);
    const char *advice = operator_advice(cx, domain, op, opset);
    return arena_printf(&cx->arena, "%s is not implemented%s%s", known ? "this version" : "the operator",
                        advice != NULL ? "; " : "", advice != NULL ? advice : "");
}

/* `reason` NULL: it is supported. */
static void print_needed(weir_context *cx, const Needed *needed, const char *reason, int64_t opset, bool json, Text *out)
{
    const char *domain = needed->domain.i == 0 ? "ai.onnx" : cx_text(cx, needed->domain);
    if (!json) {
        text_printf(out, "%-11s %5u  %s.%s (version %lld)%s%s%s\n", reason == NULL ? "supported" : "MISSING", needed->nodes,
                    domain, cx_text(cx, needed->op), (long long)opset, needed->local ? ": a function of the model" : "",
                    reason == NULL ? "" : ": ", reason == NULL ? "" : reason);
        return;
    }
    JsonWriter w;
    json_begin(&w, out);
    json_put_object(&w, NULL);
    json_put_text(&w, "domain", domain);
    json_put_text(&w, "operator", cx_text(cx, needed->op));
    json_put_int(&w, "version", opset);
    json_put_uint(&w, "nodes", needed->nodes);
    json_put_bool(&w, "supported", reason == NULL);
    json_put_bool(&w, "function", needed->local);
    json_put_text(&w, "reason", reason);
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
        const char *reason = missing_reason(cx, needed, opset);
        print_needed(cx, needed, reason, opset, json, out);
        if (reason != NULL)
            status = WEIR_UNSUPPORTED;
    }
    return status;
}
