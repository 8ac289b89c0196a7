/*
 * frontend/lower/scope.c: the values of a graph by name. A subgraph sees those of the graphs around it; a name is
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
