/* isa/rdu/machine.c: see isa/rdu/machine.h. */
#include "isa/rdu/machine.h"

#include <string.h>

#define READ_INT(machine, key, otherwise) machine_int(machine, key, otherwise)
#define READ_CYCLES(machine, key, otherwise) machine_cycles(machine, key, otherwise)

static void read_tier(weir_context *cx, const Machine *machine, const char *name, RduTier *tier)
{
    tier->name = name;
#define RDU_TIER_KEY(member, key, kind, otherwise)                                                                     \
    tier->member = READ_##kind(machine, arena_printf(&cx->arena, "%s.%s", name, key), otherwise);
#include "isa/rdu/keys.def"
    tier->bandwidth = machine_per_cycle(machine, arena_printf(&cx->arena, "%s.bandwidth", name), 0.0) *
                      machine_number(machine, arena_printf(&cx->arena, "%s.efficiency", name), 1.0) *
                      machine_number(machine, "dram.bandwidth_scale", 1.0);
}

static bool makes_sense(const RduMachine *m)
{
    bool ok = m->n_tiers > 0 && m->lanes > 0 && m->lanes <= 64 && m->banks > 0 && m->rows > 0 && m->rows <= 255 && m->cols > 0 &&
              m->cols * m->pack_bf16 <= m->lanes * 4 && m->cols * m->pack_i8 <= m->lanes * 4 && m->rows <= m->lanes * 4 &&
              m->fifo_vector > 0 && m->fifo_scalar > 0 && m->outstanding > 0;
    for (uint32_t i = 0; i < m->n_tiers; i++)
        ok = ok && m->tiers[i].bandwidth > 0.0 && m->tiers[i].burst > 0 && (m->tiers[i].burst & (m->tiers[i].burst - 1)) == 0 &&
             m->tiers[i].latency >= 0;
    return ok;
}

weir_status rdu_machine_from(weir_context *cx, const Machine *machine, RduMachine *out_machine)
{
    RduMachine m = {.name = name_text(&cx->names, machine->name)};
#define RDU_KEY(member, key, kind, otherwise) m.member = READ_##kind(machine, key, otherwise);
#include "isa/rdu/keys.def"
    for (uint32_t i = 1; i < machine->entries.n && m.n_tiers < RDU_MAX_TIERS; i++) {
        const MachineEntry *entry = &machine->entries.at[i];
        if (entry->is_block && strcmp(name_text(&cx->names, entry->class), "tier") == 0)
            read_tier(cx, machine, name_text(&cx->names, entry->name), &m.tiers[m.n_tiers++]);
    }
    if (strcmp(machine_word(machine, "kind", ""), "rdu") != 0 || !makes_sense(&m)) {
        diag(&cx->diag, place_none(), E_MACHINE_USE, m.name, "it is no dataflow machine, or a figure is missing or out of range");
        return WEIR_INVALID;
    }
    *out_machine = m;
    return WEIR_OK;
}

weir_status rdu_machine_named(weir_context *cx, const char *name, RduMachine *out_machine)
{
    const Machine *machine = NULL;
    TRY(machine_load(cx, name, &machine));
    return rdu_machine_from(cx, machine, out_machine);
}
