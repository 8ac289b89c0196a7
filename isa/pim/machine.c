/* isa/pim/machine.c: see isa/pim/machine.h. */
#include "isa/pim/machine.h"

#include <string.h>

/* The sets of timing.def: one bit a device command. */
enum {
#define PIM_DEVICE(id, text, kind, doc) id = 1 << PIM_DEV_##id,
#include "isa/pim/cmd.def"
    A1 = ACT | ACT4,
    P1 = PRE | PRE4,
    ALL = (1 << PIM_DEV_COUNT) - 1
};

static const PimRule rules[] = {
#define PIM_RULE(number, before, after, level, distance, window, strict)                                               \
    {number, (uint32_t)(before), (uint32_t)(after), PIM_LEVEL_##level, distance, window, strict, 0},
#include "isa/pim/timing.def"
};
enum { N_RULES = sizeof rules / sizeof *rules };

static const struct {
    const char *text;
    PimDeviceKind kind;
} devices[PIM_DEV_COUNT] = {
#define PIM_DEVICE(id, text, kind, doc) {text, PIM_##kind},
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

static int64_t timing(const Machine *machine, const char *name, size_t n)
{
    static const struct {
        const char *name;
        int64_t cycles;
    } times[] = {
#define PIM_TIME(id, cycles) {#id, cycles},
#include "isa/pim/timing.def"
    };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (strlen(times[i].name) == n && memcmp(times[i].name, name, n) == 0)
            return machine_cycles(machine, times[i].name, times[i].cycles);
    return -1;
}

/* A sum of timing names and integers; false for anything else. */
static bool evaluate(const Machine *machine, const char *expression, int64_t *out_value)
{
    int64_t sum = 0, sign = 1;
    for (const char *p = expression; *p != 0;) {
        size_t n = strcspn(p, "+-");
        int64_t term = 0;
        if (p[0] >= '0' && p[0] <= '9')
            for (size_t i = 0; i < n; i++)
                term = term * 10 + (p[i] - '0');
        else
            term = timing(machine, p, n);
        if (n == 0 || term < 0)
            return false;
        sum += sign * term;
        p += n;
        sign = *p == '-' ? -1 : 1;
        p += *p != 0;
    }
    *out_value = sum;
    return true;
}

static bool makes_sense(const PimMachine *m)
{
    return m->channels > 0 && m->channels <= 64 && m->banks == 16 && m->groups == 4 && m->rows > 0 && m->rows <= 65536 && m->columns > 0 &&
           m->columns <= 256 && m->burst == 32 && m->gb_bursts > 0 && m->gb_bursts <= 256 && m->accumulators > 0 &&
           m->accumulators <= PIM_MAC_ACC + 1 && m->nREFI > 0;
}

weir_status pim_machine_from(weir_context *cx, const Machine *machine, PimMachine *out_machine)
{
    PimMachine m = {.name = name_text(&cx->names, machine->name)};
    m.channels = machine_int(machine, "channels", 0);
    m.banks = machine_int(machine, "bank.count", 0);
    m.groups = machine_int(machine, "bank_groups", 0);
    m.rows = machine_int(machine, "bank.rows", 0);
    m.columns = machine_int(machine, "bank.columns", 0);
    m.burst = machine_int(machine, "bank.burst", 0);
    m.gb_bursts = m.burst > 0 ? machine_int(machine, "gb.bytes", 0) / m.burst : 0;
    m.accumulators = machine_int(machine, "accumulators", 1);
    m.accumulate_bf16 = strcmp(machine_word(machine, "mac.accumulate", "f32"), "bf16") == 0;
    m.gb_tied = strcmp(machine_word(machine, "gb_index", "free"), "tied") == 0;
    m.row_in_reg = machine_yes(machine, "row_in_reg", false);
    m.refresh = strcmp(machine_word(machine, "refresh", "deadline"), "off") == 0 ? PIM_REFRESH_OFF : PIM_REFRESH_DEADLINE;
    m.nREFI = timing(machine, "nREFI", 5);
    m.nBL = timing(machine, "nBL", 3);
    PimRule *own = ARENA_ARRAY(&cx->arena, PimRule, N_RULES);
    bool ok = strcmp(machine_word(machine, "kind", ""), "pim") == 0 && makes_sense(&m);
    for (uint32_t i = 0; i < N_RULES; i++) {
        own[i] = rules[i];
        ok = evaluate(machine, rules[i].expression, &own[i].cycles) && ok;
    }
    if (!ok || strcmp(machine_word(machine, "mac.kind", ""), "bank") != 0) {
        diag(&cx->diag, place_none(), E_MACHINE_USE, m.name, "it is no memory of the kind of gddr6-aim, or a figure is missing or out of range");
        return ok ? WEIR_UNSUPPORTED : WEIR_INVALID;
    }
    m.n_rules = N_RULES;
    m.rules = own;
    *out_machine = m;
    return WEIR_OK;
}

weir_status pim_machine_named(weir_context *cx, const char *name, PimMachine *out_machine)
{
    const Machine *machine = NULL;
    TRY(machine_load_of_file(cx, name, &machine));
    return pim_machine_from(cx, machine, out_machine);
}
