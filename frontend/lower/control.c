/*
 * frontend/lower/control.c: model-local functions are inlined; graphs in attributes are walked in a scope of their own.
 */
#include "frontend/lower/control.h"

#include <string.h>

/* ---- functions ---- */

const Function *function_of(const Walk *w, const Node *node)
{
    for (uint32_t i = 0; i < w->model->n_functions; i++) {
        const Function *f = &w->model->functions[i];
        if (name_is(f->domain, node->domain) && name_is(f->name, node->op) && name_is(f->overload, node->overload))
            return f;
    }
    return NULL;
}

static const Attribute *named(uint32_t n, const Attribute *list, Name name)
{
    for (uint32_t i = 0; i < n; i++)
        if (name_is(list[i].name, name))
            return &list[i];
    return NULL;
}

const Node *call_resolve(Walk *w, const Node *node)
{
    bool refers = false;
    for (uint32_t i = 0; i < node->n_attributes; i++)
        refers = refers || node->attributes[i].ref.i != 0;
    if (!refers)
        return node;
    Node *copy = arena_copy(&w->cx->arena, node, sizeof *node);
    copy->attributes = ARENA_ARRAY(&w->cx->arena, Attribute, node->n_attributes);
    copy->n_attributes = 0;
    for (uint32_t i = 0; i < node->n_attributes; i++) {
        const Attribute *a = &node->attributes[i];
        if (a->ref.i != 0) {
            const Attribute *given = named(w->call->node->n_attributes, w->call->node->attributes, a->ref);
            if (given == NULL)
                given = named(w->call->function->n_defaults, w->call->function->defaults, a->ref);
            if (given == NULL)
                continue; /* absent: the operator's default applies */
            copy->attributes[copy->n_attributes] = *given;
            copy->attributes[copy->n_attributes++].name = a->name;
            continue;
        }
        copy->attributes[copy->n_attributes++] = *a;
    }
    return copy;
}

static weir_status call_error(Walk *w, const Node *node, Name provenance, DiagId id, weir_status status, const char *reason)
{
    diag(&w->cx->diag, place_node(w->model->source, node->index, cx_text(w->cx, provenance), cx_text(w->cx, node->op)),
         id, cx_text(w->cx, node->op), 0LL, reason);
    return status;
}

/* The body's operands for the call's inputs, in a scope that sees nothing else. */
static weir_status bind_arguments(Walk *w, const Function *f, const Node *node, Name provenance, Scope *body)
{
    Place place = place_node(w->model->source, node->index, cx_text(w->cx, provenance), cx_text(w->cx, node->op));
    for (uint32_t k = 0; k < f->n_inputs; k++) {
        Name name = k < node->n_inputs ? node->inputs[k] : (Name){0};
        if (name.i == 0)
            continue; /* absent: its uses are absent too, see below */
        Operand *op = scope_find(w->scope, name);
        if (op == NULL) {
            diag(&w->cx->diag, place, E_MODEL_INVALID,
                 arena_printf(&w->cx->arena, "value '%s' is not defined", cx_text(w->cx, name)));
            return WEIR_INVALID;
        }
        TRY(scope_define(w, body, f->inputs[k], op, place));
    }
    return WEIR_OK;
}

/* The body's nodes; inputs that the call leaves out are absent in them. */
static const Node *body_nodes(Walk *w, const Function *f, const Node *node)
{
    bool absent = false;
    for (uint32_t k = 0; k < f->n_inputs; k++)
        absent = absent || k >= node->n_inputs || node->inputs[k].i == 0;
    if (!absent)
        return f->nodes;
    Arena *arena = &w->cx->arena;
    Node *nodes = arena_copy(arena, f->nodes, f->n_nodes * sizeof *nodes);
    for (uint32_t i = 0; i < f->n_nodes; i++) {
        nodes[i].inputs = arena_copy(arena, nodes[i].inputs, nodes[i].n_inputs * sizeof *nodes[i].inputs);
        for (uint32_t j = 0; j < nodes[i].n_inputs; j++)
            for (uint32_t k = 0; k < f->n_inputs; k++)
                if (name_is(nodes[i].inputs[j], f->inputs[k]) && (k >= node->n_inputs || node->inputs[k].i == 0))
                    nodes[i].inputs[j].i = 0;
    }
    return nodes;
}

weir_status inline_function(Walk *w, const Function *f, const Node *node, Name provenance)
{
    if (w->depth >= w->cx->limits.nesting)
        return call_error(w, node, provenance, E_NODE_INVALID, WEIR_LIMIT,
                          "functions are nested too deeply (--max-nesting)");
    if (node->n_inputs > f->n_inputs || node->n_outputs > f->n_outputs)
        return call_error(w, node, provenance, E_NODE_INVALID, WEIR_INVALID,
                          "more inputs or outputs than the function has");
    Scope *outer = w->scope, *body = scope_new(w, NULL);
    const Call *caller = w->call;
    TRY(bind_arguments(w, f, node, provenance, body));
    Call call = {caller, f, node};
    w->call = &call;
    w->scope = body;
    w->depth++;
    weir_status status = walk_nodes(w, f->n_nodes, body_nodes(w, f, node));
    w->depth--;
    w->scope = outer;
    w->call = caller;
    Place place = place_node(w->model->source, node->index, cx_text(w->cx, provenance), cx_text(w->cx, node->op));
    for (uint32_t k = 0; k < node->n_outputs; k++) {
        if (node->outputs[k].i == 0)
            continue;
        Operand *op = scope_find(body, f->outputs[k]);
        if (op == NULL) {
            status = call_error(w, node, provenance, E_NODE_INVALID, WEIR_INVALID, "its body does not define an output");
            op = operand_poisoned(w, node->outputs[k]);
        }
        TRY(scope_define(w, outer, node->outputs[k], op, place));
    }
    return status;
}

/* ---- graphs in attributes ---- */

weir_status walk_subgraph(Lowering *l, const Graph *graph, uint32_t n_inputs, Operand *const *inputs,
                          Operand **out_outputs)
{
    Walk *w = l->w;
    if (w->depth >= w->cx->limits.nesting)
        return invalid(l, "graphs are nested too deeply (--max-nesting)");
    Place place = place_node(w->model->source, l->node->index, cx_text(w->cx, l->provenance), cx_text(w->cx, l->node->op));
    Scope *outer = w->scope;
    weir_status before = w->worst;
    w->scope = scope_new(w, outer);
    w->worst = WEIR_OK;
    w->depth++;
    weir_status status = WEIR_OK;
    for (uint32_t k = 0; k < n_inputs && status == WEIR_OK; k++)
        status = scope_define(w, w->scope, graph->inputs[k].name, inputs[k], place);
    if (status == WEIR_OK) {
        status = walk_initializers(w, graph);
        status = walk_nodes(w, graph->n_nodes, graph->nodes);
    }
    for (uint32_t k = 0; k < graph->n_outputs; k++) {
        out_outputs[k] = scope_find(w->scope, graph->outputs[k].name);
        if (out_outputs[k] == NULL)
            status = invalid(l, "graph '%s' does not define its output '%s'", cx_text(w->cx, graph->name),
                             cx_text(w->cx, graph->outputs[k].name));
    }
    w->depth--;
    w->scope = outer;
    w->worst = before;
    return status;
}
