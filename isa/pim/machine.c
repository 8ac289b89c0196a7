/* isa/pim/machine.c: see isa/pim/machine.h. */
#include "isa/pim/machine.h"

#include <stdlib.h>
#include <string.h>

#include "isa/pim/sets.h"

static const PimRule rules[] = {
#define PIM_RULE(family, number, before, after, level, distance, window, peer)                                         \
    {PIM_##family, number, (uint32_t)(before), (uint32_t)(after), PIM_LEVEL_##level, distance, window, peer, 0},
#include "isa/pim/timing.def"
};
enum { N_RULES = sizeof rules / sizeof *rules };
_Static_assert(N_RULES <= (int)PIM_MAX_RULES, "rules are numbered by a byte");

static const struct {
    const char *text;
    PimFamily family;
    PimDeviceKind kind;
} devices[PIM_DEV_COUNT] = {
#define PIM_DEVICE(family, id, text, kind, doc) {text, PIM_##family, PIM_##kind},
#include "isa/pim/cmd.def"
};

const char *pim_device_text(PimDevice device)
{
    return devices[device].text;
}

PimDeviceKind pim_device_kind(PimDevice device)
{
    return devices[device].kind;
}

PimFamily pim_device_family(PimDevice device)
{
    return devices[device].family;
}

/* ---- rules ---- */

/* Cycles of a timing name of the family; -1 for none. */
static int64_t timing(const Machine *machine, PimFamily family, const char *name, size_t n)
{
    static const struct {
        PimFamily family;
        const char *name;
        int64_t cycles;
    } times[] = {
#define PIM_TIME(family, id, cycles) {PIM_##family, #id, cycles},
#include "isa/pim/timing.def"
    };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (times[i].family == family && strlen(times[i].name) == n && memcmp(times[i].name, name, n) == 0)
            return machine_cycles(machine, times[i].name, times[i].cycles);
    if (n == 4 && memcmp(name, "nBUS", n) == 0)
        return machine_yes(machine, "split_bus", false) ? 0 : 1;
    return -1;
}

/* A sum of timing names, halves of them and integers; false for anything else. */
static bool evaluate(const Machine *machine, PimFamily family, const char *expression, int64_t *out_value)
{
    int64_t sum = 0, sign = 1;
    for (const char *p = expression; *p != 0;) {
        size_t n = strcspn(p, "+-"), name = strcspn(p, "+-/");
        int64_t term = 0;
        if (p[0] >= '0' && p[0] <= '9')
            term = strtol(p, NULL, 10);
        else
            term = timing(machine, family, p, name);
        if (n == 0 || term < 0 || term > INT32_MAX / 8)
            return false;
        sum += sign * (name < n ? term / 2 : term);
        p += n;
        sign = *p == '-' ? -1 : 1;
        p += *p != 0;
    }
    *out_value = sum > 0 ? sum : 0;
    return true;
}

static int longest_first(const void *a, const void *b)
{
    const PimNeed *x = a, *y = b;
    if (x->cycles != y->cycles)
        return x->cycles > y->cycles ? -1 : 1;
    return x->rule != y->rule ? (x->rule < y->rule ? -1 : 1) : (int)x->before - (int)y->before;
}

void pim_machine_compile(weir_context *cx, PimMachine *m)
{
    for (uint32_t d = 0; d < PIM_DEV_COUNT; d++) {
        size_t most = 0;
        for (uint32_t i = 0; i < m->n_rules; i++)
            most += (m->rules[i].after >> d & 1) != 0 ? (size_t)__builtin_popcount(m->rules[i].before) : 0;
        m->n_needs[d] = 0;
        m->needs[d] = ARENA_ARRAY(&cx->arena, PimNeed, most);
        m->spacing[d] = 0;
        for (uint32_t i = 0; i < m->n_rules; i++) {
            const PimRule *rule = &m->rules[i];
            if ((rule->after >> d & 1) == 0 || rule->cycles < 0)
                continue;
            for (uint32_t b = 0; b < PIM_DEV_COUNT; b++)
                if ((rule->before >> b & 1) != 0)
                    m->needs[d][m->n_needs[d]++] = (PimNeed){(uint8_t)b, (uint8_t)rule->level, (uint8_t)rule->window, (uint8_t)i,
                                                             (int32_t)rule->cycles};
            if ((rule->before >> d & 1) != 0 && rule->window == 1 && rule->cycles > m->spacing[d]) {
                m->spacing[d] = (int32_t)rule->cycles;
                m->spacing_rule[d] = (uint8_t)i;
            }
        }
        qsort(m->needs[d], m->n_needs[d], sizeof *m->needs[d], longest_first);
    }
}

static bool rules_from(weir_context *cx, const Machine *machine, PimMachine *m)
{
    bool ok = true;
    m->n_rules = 0;
    m->rules = ARENA_ARRAY(&cx->arena, PimRule, N_RULES);
    for (uint32_t i = 0; i < N_RULES; i++) {
        if (rules[i].family != m->family)
            continue;
        PimRule *rule = &m->rules[m->n_rules++];
        *rule = rules[i];
        bool off = m->peer && strcmp(rule->peer, "-") == 0;
        ok = evaluate(machine, m->family, m->peer && !off && rule->peer[0] != 0 ? rule->peer : rule->expression, &rule->cycles) && ok;
        if (off)
            rule->cycles = -1;
    }
    if (ok)
        pim_machine_compile(cx, m);
    return ok;
}

/* ---- figures ---- */

static bool makes_sense(const PimMachine *m)
{
    bool organised = m->channels > 0 && m->channels <= 64 && m->banks == PIM_BANKS && m->groups == PIM_GROUPS && m->rows > 0 &&
                     m->rows <= 65536 && m->columns > 0 && m->columns <= 256 && m->burst == 32 && m->interval > 0 && m->period > 0;
    if (m->family == PIM_HBM)
        return organised && m->columns <= 64 && m->data_rows > 0 && m->ab_row >= m->data_rows && m->sb_row >= m->data_rows &&
               m->register_row >= m->data_rows && m->ab_row < m->rows && m->sb_row < m->rows && m->register_row < m->rows &&
               m->ab_row != m->sb_row && m->ab_row != m->register_row && m->sb_row != m->register_row;
    return organised && m->gb_bursts > 0 && m->gb_bursts <= 256 && m->accumulators > 0 && m->accumulators <= PIM_MAC_ACC + 1 &&
           m->af_row >= 0 && m->af_row + 8 <= m->rows;
}

static void energies(weir_context *cx, const Machine *machine, PimMachine *m)
{
    static const PimDevice activates[] = {PIM_DEV_ACT, PIM_DEV_ACT4, PIM_DEV_ACT16};
    for (uint32_t d = 0; d < PIM_DEV_COUNT; d++)
        if (pim_device_family((PimDevice)d) == m->family)
            m->energy[d] = machine_int(machine, arena_printf(&cx->arena, "energy.%s", pim_device_text((PimDevice)d)), 0);
    for (size_t i = 1; i < sizeof activates / sizeof *activates; i++)
        m->energy[activates[i]] = m->energy[PIM_DEV_ACT];
    m->energy_pim[0] = machine_int(machine, "energy.RDPIM", 0);
    m->energy_pim[1] = machine_int(machine, "energy.WRPIM", 0);
    m->pin_energy = machine_int(machine, "energy.pins", 0) * m->burst;
    m->power_open = machine_int(machine, "power.open", 0);
    m->power_closed = machine_int(machine, "power.closed", 0);
}

static PimRefresh refresh_of(const Machine *machine)
{
    const char *word = machine_word(machine, "refresh", "deadline");
    return strcmp(word, "off") == 0 ? PIM_REFRESH_OFF : strcmp(word, "timer") == 0 ? PIM_REFRESH_TIMER : PIM_REFRESH_DEADLINE;
}

static void figures(const Machine *machine, PimMachine *m)
{
    bool hbm = m->family == PIM_HBM;
    double hertz = machine_number(machine, "clock", 0);
    m->channels = machine_int(machine, "channels", 0);
    m->banks = machine_int(machine, "bank.count", 0);
    m->groups = machine_int(machine, "bank_groups", 0);
    m->rows = machine_int(machine, "bank.rows", 0);
    m->columns = machine_int(machine, "bank.columns", 0);
    m->burst = machine_int(machine, "bank.burst", 0);
    m->gb_bursts = m->burst > 0 ? machine_int(machine, "gb.bytes", 0) / m->burst : 0;
    m->accumulators = machine_int(machine, "accumulators", hbm ? 0 : 1);
    m->accumulate_bf16 = strcmp(machine_word(machine, "mac.accumulate", "f32"), "bf16") == 0;
    m->gb_tied = strcmp(machine_word(machine, "gb_index", "free"), "tied") == 0;
    m->row_in_reg = machine_yes(machine, "row_in_reg", false);
    m->shared_counter = strcmp(machine_word(machine, "crf_counters", "own"), "shared") == 0;
    m->refresh = refresh_of(machine);
    m->interval = timing(machine, m->family, hbm ? "tREFI" : "nREFI", 5);
    m->tail = hbm ? timing(machine, m->family, "tRP", 3) : timing(machine, m->family, "nBL", 3);
    m->data_rows = machine_int(machine, "data_rows", 4096);
    m->ab_row = machine_int(machine, "ab_row", 6143);
    m->sb_row = machine_int(machine, "sb_row", 8191);
    m->register_row = machine_int(machine, "register_row", 16383);
    m->af_row = machine_int(machine, "af_row", 16376);
    m->period = hertz > 0 ? (int64_t)(1e15 / hertz + 0.5) : 0;
}

/* The values of the block `quirks` over those of the machine. */
static weir_status apply_quirks(weir_context *cx, const Machine **machine)
{
    const Machine *from = *machine;
    uint32_t block = machine_find(from, "quirks");
    for (uint32_t i = 1; block != 0 && i < from->entries.n; i++) {
        const MachineEntry *entry = &from->entries.at[i];
        if (entry->parent != block || entry->value.kind != MV_WORD)
            continue;
        const char *assignment = arena_printf(&cx->arena, "%s=%s", cx_text(cx, entry->name), cx_text(cx, entry->value.word));
        TRY(machine_set(cx, *machine, assignment, machine));
    }
    return WEIR_OK;
}

weir_status pim_machine_with(weir_context *cx, const Machine *machine, bool peer, PimMachine *out_machine)
{
    if (peer)
        TRY(apply_quirks(cx, &machine));
    PimMachine m = {.name = name_text(&cx->names, machine->name), .peer = peer};
    const char *why = NULL;
    m.family = strcmp(machine_word(machine, "family", "aim"), "hbm") == 0 ? PIM_HBM : PIM_AIM;
    figures(machine, &m);
    energies(cx, machine, &m);
    if (strcmp(machine_word(machine, "kind", ""), "pim") != 0)
        why = "it is no memory that computes";
    else if (!makes_sense(&m) || !rules_from(cx, machine, &m))
        why = "a figure of the memory is missing or out of range";
    if (why != NULL) {
        diag(&cx->diag, place_none(), E_MACHINE_USE, m.name, why);
        return WEIR_INVALID;
    }
    if (strcmp(machine_word(machine, "rdmac", "bf16"), "bf16") != 0) {
        diag(&cx->diag, place_none(), E_MACHINE_USE, m.name, "rdmac: accumulators are read as bf16 only");
        return WEIR_UNSUPPORTED;
    }
    *out_machine = m;
    return WEIR_OK;
}

weir_status pim_machine_from(weir_context *cx, const Machine *machine, PimMachine *out_machine)
{
    return pim_machine_with(cx, machine, false, out_machine);
}

weir_status pim_machine_named(weir_context *cx, const char *name, PimMachine *out_machine)
{
    const Machine *machine = NULL;
    TRY(machine_load_of_file(cx, name, &machine));
    return pim_machine_from(cx, machine, out_machine);
}
