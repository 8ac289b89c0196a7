/*
 * ir/machine.c: values of a machine by full name, units.
 */
#include "ir/machine.h"

#include <math.h>
#include <string.h>

#include "ir/machine_parse.h"

typedef struct UnitInfo {
    const char *text;
    MachineDimension dimension;
    double factor;
} UnitInfo;

static const UnitInfo units[] = {
#define MACHINE_UNIT(text, dimension, factor) {text, UNIT_##dimension, factor},
#include "ir/machine_units.def"
#undef MACHINE_UNIT
};

static const UnitInfo *unit_named(const char *text)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(units[i].text, text) == 0)
            return &units[i];
    return NULL;
}

double machine_unit_factor(const char *unit)
{
    const UnitInfo *info = unit_named(unit);
    return info != NULL ? info->factor : 0;
}

bool machine_unit_is(const char *unit, MachineDimension dimension)
{
    const UnitInfo *info = unit_named(unit);
    return info != NULL && info->dimension == dimension;
}

uint32_t machine_find(const Machine *machine, const char *full)
{
    Name name = intern_find(&machine->cx->names, full, strlen(full));
    for (uint32_t i = 1; name.i != 0 && i < machine->entries.n; i++)
        if (name_is(machine->entries.at[i].full, name))
            return i;
    return 0;
}

uint32_t machine_block(const Machine *machine, const char *class, const char *name)
{
    weir_context *cx = machine->cx;
    for (uint32_t i = 1; i < machine->entries.n; i++) {
        const MachineEntry *entry = &machine->entries.at[i];
        if (!entry->is_block || entry->parent != 0 || strcmp(cx_text(cx, entry->class), class) != 0)
            continue;
        if (name == NULL || strcmp(cx_text(cx, entry->name), name) == 0)
            return i;
        const char *key = arena_printf(&cx->arena, "%s.kind", cx_text(cx, entry->full));
        if (strcmp(machine_word(machine, key, ""), name) == 0)
            return i;
    }
    return 0;
}

const MachineValue *machine_value(const Machine *machine, const char *full)
{
    uint32_t i = machine_find(machine, full);
    return i == 0 || machine->entries.at[i].is_block ? NULL : &machine->entries.at[i].value;
}

static const char *unit_text(const Machine *machine, Name unit)
{
    return cx_text(machine->cx, unit);
}

/* The value in base units; false if there is none or it is no quantity (`unknown`). */
static bool base_number(const Machine *machine, const char *full, double *out_number, const MachineValue **out_value)
{
    const MachineValue *value = machine_value(machine, full);
    if (value == NULL || value->kind != MV_QUANTITY)
        return false;
    double x = value->number;
    if (value->unit.i != 0)
        x *= machine_unit_factor(unit_text(machine, value->unit));
    if (value->per.i != 0)
        x /= machine_unit_factor(unit_text(machine, value->per));
    *out_number = x;
    *out_value = value;
    return true;
}

double machine_number(const Machine *machine, const char *full, double otherwise)
{
    double x;
    const MachineValue *value;
    return base_number(machine, full, &x, &value) ? x : otherwise;
}

/* x as an integer, to the nearest, clamped. */
static int64_t to_int(double x)
{
    if (x >= 0x1p62)
        return INT64_C(1) << 62;
    return x <= -0x1p62 ? -(INT64_C(1) << 62) : (int64_t)llround(x);
}

int64_t machine_int(const Machine *machine, const char *full, int64_t otherwise)
{
    double x;
    const MachineValue *value;
    return base_number(machine, full, &x, &value) ? to_int(x) : otherwise;
}

const char *machine_word(const Machine *machine, const char *full, const char *otherwise)
{
    const MachineValue *value = machine_value(machine, full);
    if (value == NULL || (value->kind != MV_WORD && value->kind != MV_TEXT))
        return otherwise;
    const char *word = cx_text(machine->cx, value->word);
    return value->kind == MV_WORD && strcmp(word, "unknown") == 0 ? otherwise : word;
}

bool machine_yes(const Machine *machine, const char *full, bool otherwise)
{
    const char *word = machine_word(machine, full, "");
    if (strcmp(word, "yes") == 0 || strcmp(word, "on") == 0)
        return true;
    return word[0] != '\0' ? false : otherwise;
}

bool machine_lists(const Machine *machine, const char *full, const char *word)
{
    const MachineValue *value = machine_value(machine, full);
    if (value == NULL)
        return false;
    uint32_t n = value->kind == MV_LIST ? value->n : 1;
    const MachineValue *items = value->kind == MV_LIST ? value->items : value;
    for (uint32_t i = 0; i < n; i++)
        if ((items[i].kind == MV_WORD || items[i].kind == MV_TEXT) &&
            strcmp(cx_text(machine->cx, items[i].word), word) == 0)
            return true;
    return false;
}

/* The clock in hertz that holds for an entry: of its block or the nearest one around. 0: none. */
static double clock_of(const Machine *machine, const char *full)
{
    weir_context *cx = machine->cx;
    size_t n = strlen(full);
    for (;;) {
        while (n > 0 && full[n - 1] != '.')
            n--;
        double hertz = machine_number(machine, arena_printf(&cx->arena, "%.*sclock", (int)n, full), 0);
        if (hertz > 0 || n == 0)
            return hertz;
        n--;
    }
}

int64_t machine_cycles(const Machine *machine, const char *full, int64_t otherwise)
{
    double x;
    const MachineValue *value;
    if (!base_number(machine, full, &x, &value))
        return otherwise;
    if (value->unit.i == 0 || !machine_unit_is(unit_text(machine, value->unit), UNIT_TIME))
        return to_int(x);
    double hertz = clock_of(machine, full);
    if (hertz <= 0)
        return otherwise;
    double cycles = x * hertz / 1e12;
    double whole = floor(cycles + 0.5);
    return to_int(fabs(cycles - whole) < 1e-9 * (1 + whole) ? whole : ceil(cycles));
}

double machine_per_cycle(const Machine *machine, const char *full, double otherwise)
{
    double x;
    const MachineValue *value;
    if (!base_number(machine, full, &x, &value))
        return otherwise;
    if (value->per.i == 0 || !machine_unit_is(unit_text(machine, value->per), UNIT_TIME))
        return x;
    double hertz = clock_of(machine, full);
    return hertz > 0 ? x * 1e12 / hertz : otherwise;
}
