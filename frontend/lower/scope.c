/*
 * frontend/lower/scope.c: the names of a model's values, and the values of a graph by name. A subgraph sees those of the graphs around it; a name is
 * defined once in what is visible.
 */
#include <string.h>

#include "frontend/lower/walk.h"

static uint32_t slot_of(const Scope *scope, Name name)
{
    uint32_t at = (name.i * 2654435761u) & (scope->n_slots - 1);
    while (scope->slots[at].name.i != 0 && !name_is(scope->slots[at].name, name))
        at = (at + 1) & (scope->n_slots - 1);
    return at;
}

static void grow(Walk *w, Scope *scope)
{
    Scope wider = {.n_slots = scope->n_slots == 0 ? 16 : scope->n_slots * 2};
    if (wider.n_slots < scope->n_slots)
        arena_unwind(&w->cx->arena, WEIR_LIMIT);
    wider.slots = ARENA_ARRAY(&w->cx->arena, Slot, wider.n_slots);
    for (uint32_t i = 0; i < scope->n_slots; i++)
        if (scope->slots[i].name.i != 0)
            wider.slots[slot_of(&wider, scope->slots[i].name)] = scope->slots[i];
    scope->slots = wider.slots;
    scope->n_slots = wider.n_slots;
}

Scope *scope_new(Walk *w, Scope *parent)
{
    Scope *scope = ARENA_NEW(&w->cx->arena, Scope);
    scope->parent = parent;
    return scope;
}

Operand *scope_find(const Scope *scope, Name name)
{
    for (; scope != NULL; scope = scope->parent) {
        if (scope->n_slots == 0)
            continue;
        const Slot *slot = &scope->slots[slot_of(scope, name)];
        if (slot->name.i != 0)
            return slot->operand;
    }
    return NULL;
}

weir_status scope_define(Walk *w, Scope *scope, Name name, Operand *operand, Place place)
{
    if (scope->n_slots == 0 || scope->n * 2 >= scope->n_slots)
        grow(w, scope);
    Slot *slot = &scope->slots[slot_of(scope, name)];
    if (slot->name.i != 0) {
        diag(&w->cx->diag, place, E_MODEL_INVALID,
             arena_printf(&w->cx->arena, "value '%s' is defined twice", cx_text(w->cx, name)));
        return WEIR_INVALID;
    }
    *slot = (Slot){name, operand};
    scope->n++;
    return WEIR_OK;
}

/* ---- names of the whole model ---- */

static void note(Walk *w, Name name)
{
    if (name.i / 64 < w->n_value_names)
        w->value_names[name.i / 64] |= (uint64_t)1 << (name.i % 64);
}

static void note_nodes(Walk *w, uint32_t n, const Node *nodes);

static void note_graph(Walk *w, const Graph *graph)
{
    for (uint32_t i = 0; i < graph->n_inputs; i++)
        note(w, graph->inputs[i].name);
    for (uint32_t i = 0; i < graph->n_initializers; i++)
        note(w, graph->initializers[i].name);
    note_nodes(w, graph->n_nodes, graph->nodes);
}

static void note_nodes(Walk *w, uint32_t n, const Node *nodes)
{
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < nodes[i].n_outputs; k++)
            note(w, nodes[i].outputs[k]);
        for (uint32_t k = 0; k < nodes[i].n_attributes; k++)
            if (nodes[i].attributes[k].graph != NULL)
                note_graph(w, nodes[i].attributes[k].graph);
    }
}

void note_value_names(Walk *w)
{
    w->n_value_names = w->cx->names.n / 64 + 1;
    w->value_names = ARENA_ARRAY(&w->cx->arena, uint64_t, w->n_value_names);
    note_graph(w, &w->model->graph);
    for (uint32_t i = 0; i < w->model->n_functions; i++)
        note_nodes(w, w->model->functions[i].n_nodes, w->model->functions[i].nodes);
}

bool is_value_name(const Walk *w, const char *text)
{
    Name name = intern_find(&w->cx->names, text, strlen(text));
    return name.i != 0 && name.i / 64 < w->n_value_names && (w->value_names[name.i / 64] >> (name.i % 64) & 1) != 0;
}
