/*
 * ir/machine_overlay.c: one machine's own entries on top of another's: bases, `--set`, the host side.
 */
#include <string.h>

#include "ir/machine_parse.h"
#include "support/nearest.h"

typedef struct Overlay {
    Machine *to;
    const Machine *raw;
    uint32_t *target;  /* by entry of raw: its entry in `to` */
    bool *set;         /* by entry of `to`: given by raw (room for all) */
    bool failed;
} Overlay;

static uint32_t child_named(const Machine *machine, uint32_t parent, Name name)
{
    for (uint32_t i = 1; i < machine->entries.n; i++)
        if (machine->entries.at[i].parent == parent && name_is(machine->entries.at[i].name, name))
            return i;
    return 0;
}

static uint32_t append_child(Machine *machine, uint32_t parent, MachineEntry entry)
{
    weir_context *cx = machine->cx;
    entry.parent = parent;
    entry.full = entry.name;
    if (parent != 0)
        entry.full = intern_text(&cx->names, arena_printf(&cx->arena, "%s.%s",
                                                          cx_text(cx, machine->entries.at[parent].full),
                                                          cx_text(cx, entry.name)));
    vec_push(&cx->arena, &machine->entries, entry);
    return machine->entries.n - 1;
}

static void fail(Overlay *o, const MachineEntry *entry, uint32_t parent, Name name)
{
    weir_context *cx = o->to->cx;
    Place place = place_text(o->raw->source, entry->line, 0, 0);
    diag(&cx->diag, place, E_MACHINE_KEY, cx_text(cx, entry->name), cx_text(cx, o->to->name));
    Nearest nearest = nearest_to(cx_text(cx, name), strlen(cx_text(cx, name)));
    for (uint32_t i = 1; i < o->to->entries.n; i++)
        if (o->to->entries.at[i].parent == parent)
            nearest_offer(&nearest, cx_text(cx, o->to->entries.at[i].name));
    if (nearest.best != NULL)
        diag_note(&cx->diag, "did you mean '%s'?", nearest.best);
    o->failed = true;
}

/* The block that a dotted name starts in, and the last word of the name; false if a block does not exist. */
static bool resolve_dots(Overlay *o, const MachineEntry *entry, uint32_t *parent, Name *name)
{
    weir_context *cx = o->to->cx;
    const char *text = cx_text(cx, entry->name), *dot;
    for (; (dot = strchr(text, '.')) != NULL; text = dot + 1) {
        Name word = cx_intern(cx, text, (size_t)(dot - text));
        uint32_t block = child_named(o->to, *parent, word);
        if (block == 0 && *parent == 0 && machine_block_known(cx_text(cx, word)))
            block = append_child(o->to, 0, (MachineEntry){.name = word, .is_block = true, .line = entry->line});
        if (block == 0 || !o->to->entries.at[block].is_block) {
            fail(o, entry, *parent, word);
            return false;
        }
        *parent = block;
    }
    *name = intern_text(&cx->names, text);
    return true;
}

static void lay(Overlay *o, uint32_t i)
{
    weir_context *cx = o->to->cx;
    MachineEntry entry = o->raw->entries.at[i];
    uint32_t parent = o->target[entry.parent];
    Name name;
    if (!resolve_dots(o, &entry, &parent, &name))
        return;
    entry.name = name;
    uint32_t at = child_named(o->to, parent, name);
    if (at == 0) {
        at = append_child(o->to, parent, entry);
    } else {
        MachineEntry *old = &o->to->entries.at[at];
        Place place = place_text(o->raw->source, entry.line, 0, 0);
        if (o->set[at] || old->is_block != entry.is_block || (entry.class.i != 0 && !name_is(entry.class, old->class))) {
            diag(&cx->diag, place, E_DUPLICATE, cx_text(cx, old->full), old->is_block ? "block" : "key");
            o->failed = true;
        }
        old->value = entry.value;
        old->line = entry.line;
        if (entry.source.i != 0 || !entry.is_block)
            old->source = entry.source;
    }
    o->target[i] = at;
    o->set[at] = true;
}

weir_status machine_overlay(Machine *machine, const Machine *raw)
{
    Arena *arena = &machine->cx->arena;
    /* A dotted name adds at most one block more than the entry itself. */
    size_t most = (size_t)machine->entries.n + 2 * (size_t)raw->entries.n;
    Overlay o = {machine, raw, ARENA_ARRAY(arena, uint32_t, raw->entries.n), ARENA_ARRAY(arena, bool, most), false};
    for (uint32_t i = 1; i < raw->entries.n && !o.failed; i++)
        lay(&o, i);
    return o.failed ? WEIR_MALFORMED : WEIR_OK;
}
