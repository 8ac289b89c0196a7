/* isa/rdu/machine.c: see isa/rdu/machine.h. */
#include "isa/rdu/machine.h"

#include <stdio.h>
#include <string.h>

#include "isa/rdu/rdu.h"
#include "support/text.h"

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

/* `checker CxR`: C x R inner sites at x = 1..C, P where x + y is even, M where odd; A at x = 0 and x = C + 1. */
static bool read_checker(weir_context *cx, const char *text, RduMachine *m)
{
    unsigned cols = 0, rows = 0;
    if (sscanf(text, "checker %3ux%3u", &cols, &rows) != 2 || cols == 0 || cols > 250 || rows == 0 || rows > 255)
        return false;
    m->site_cols = cols + 2;
    m->site_rows = rows;
    char *sites = arena_alloc(&cx->arena, (size_t)m->site_cols * rows + 1);
    for (unsigned y = 0; y < rows; y++)
        for (unsigned x = 0; x < m->site_cols; x++)
            sites[y * m->site_cols + x] = x == 0 || x == cols + 1 ? 'A' : (x + y) % 2 == 0 ? 'P' : 'M';
    m->sites = sites;
    return true;
}

/* A list of rows of letters, or a pattern's name. */
static bool read_sites(weir_context *cx, const Machine *machine, RduMachine *m)
{
    const MachineValue *value = machine_value(machine, "sites");
    if (value == NULL || value->kind != MV_LIST)
        return value != NULL && read_checker(cx, name_text(&cx->names, value->word), m);
    Text sites;
    text_init(&sites, &cx->arena);
    for (uint32_t y = 0; y < value->n; y++) {
        const char *row = name_text(&cx->names, value->items[y].word);
        if (y > 0 && strlen(row) != m->site_cols)
            return false;
        m->site_cols = (uint32_t)strlen(row);
        text_add(&sites, row, m->site_cols);
    }
    m->site_rows = value->n;
    m->sites = sites.at;
    return m->sites != NULL && m->site_cols <= 255 && m->site_rows <= 255;
}

char rdu_site_kind(const RduMachine *machine, uint32_t x, uint32_t y)
{
    return x < machine->site_cols && y < machine->site_rows ? machine->sites[y * machine->site_cols + x] : '.';
}

bool rdu_site(const RduMachine *machine, char kind, uint32_t n, uint32_t *out_x, uint32_t *out_y)
{
    for (uint32_t i = 0; i < machine->site_cols * machine->site_rows; i++) {
        if (machine->sites[i] != kind || n-- > 0)
            continue;
        *out_x = i % machine->site_cols;
        *out_y = i / machine->site_cols;
        return true;
    }
    return false;
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
    m.functions = 1u << RDU_TAIL_NONE | 1u << RDU_TAIL_RELU | 1u << RDU_TAIL_CLAMP | 1u << RDU_TAIL_CVT_BF16 | 1u << RDU_TAIL_CVT_I8;
    for (uint32_t tail = 0; tail < RDU_TAIL_COUNT; tail++)
        if (machine_lists(machine, "pcu.functions", rdu_tail_text(tail)))
            m.functions |= 1u << tail;
    for (uint32_t i = 1; i < machine->entries.n && m.n_tiers < RDU_MAX_TIERS; i++) {
        const MachineEntry *entry = &machine->entries.at[i];
        if (entry->is_block && strcmp(name_text(&cx->names, entry->class), "tier") == 0)
            read_tier(cx, machine, name_text(&cx->names, entry->name), &m.tiers[m.n_tiers++]);
    }
    if (strcmp(machine_word(machine, "kind", ""), "rdu") != 0 || !read_sites(cx, machine, &m) || !makes_sense(&m)) {
        diag(&cx->diag, place_none(), E_MACHINE_USE, m.name, "it is no dataflow machine, or a figure is missing or out of range");
        return WEIR_INVALID;
    }
    *out_machine = m;
    return WEIR_OK;
}

weir_status rdu_machine_named(weir_context *cx, const char *name, RduMachine *out_machine)
{
    const Machine *machine = NULL;
    TRY(machine_load_of_file(cx, name, &machine));
    return rdu_machine_from(cx, machine, out_machine);
}
