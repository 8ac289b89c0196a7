/*
 * ir/machine_check.c: every key of a machine against the table of keys: known, of the right form.
 */
#include <string.h>

#include "ir/machine_parse.h"
#include "support/dtype.h"
#include "support/nearest.h"

typedef enum Form {
    FORM_COUNT, FORM_NUMBER, FORM_BYTES, FORM_TIME, FORM_FREQUENCY, FORM_ENERGY, FORM_POWER, FORM_BANDWIDTH, FORM_YESNO,
    FORM_WORD, FORM_TYPE, FORM_LIST, FORM_SITES
} Form;

static const char *const form_text[] = {
    [FORM_COUNT] = "a count (an integer without unit)",
    [FORM_NUMBER] = "a number without unit",
    [FORM_BYTES] = "a size (B, KiB, MB ..)",
    [FORM_TIME] = "a time (cycles, ns, us ..)",
    [FORM_FREQUENCY] = "a frequency (Hz, MHz, GHz ..)",
    [FORM_ENERGY] = "an energy (fJ, pJ, nJ .., also per bit, byte ..)",
    [FORM_POWER] = "a power (mW, W)",
    [FORM_BANDWIDTH] = "a bandwidth (as 8 B per cycle, 51.2 GB per s)",
    [FORM_YESNO] = "yes or no",
    [FORM_WORD] = "one of the words",
    [FORM_TYPE] = "an element type",
    [FORM_LIST] = "a list",
    [FORM_SITES] = "a pattern in quotes or a list of rows",
};

typedef struct KeyRow {
    const char *kinds, *block, *key;
    Form form;
    const char *words;
} KeyRow;

static const KeyRow rows[] = {
#define MACHINE_KEY(kinds, block, key, form, words) {kinds, block, key, FORM_##form, words},
#include "ir/machine_keys.def"
#undef MACHINE_KEY
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static bool is_class(const char *word)
{
    return strcmp(word, "memory") == 0 || strcmp(word, "unit") == 0 || strcmp(word, "tier") == 0 ||
           strcmp(word, "timing") == 0;
}

bool machine_block_known(const char *name)
{
    if (strcmp(name, "host") == 0 || strcmp(name, "quirks") == 0)
        return true;
    for (size_t i = 0; i < N_ROWS; i++)
        if (!is_class(rows[i].block) && rows[i].block[0] != '\0' && strcmp(rows[i].block, name) == 0)
            return true;
    return false;
}

/* Where a key stands: the letter of its machine's kind, and the block word of its row. */
typedef struct Standing {
    char kind;
    const char *block;
    bool deep; /* blocks in blocks that no row knows */
} Standing;

static Standing standing_of(const Machine *machine, const MachineEntry *entry)
{
    weir_context *cx = machine->cx;
    Standing at = {machine_word(machine, "kind", "?")[0], "", false};
    if (strcmp(cx_text(cx, entry->class), "timing") == 0)
        at.block = "timing";
    for (uint32_t i = entry->parent; i != 0; i = machine->entries.at[i].parent) {
        const MachineEntry *block = &machine->entries.at[i];
        const char *name = cx_text(cx, block->name);
        if (block->parent == 0 && block->class.i == 0 && strcmp(name, "host") == 0 && at.kind != 'h') {
            at.kind = 'h';
            continue;
        }
        if (block->parent == 0 && block->class.i == 0 && strcmp(name, "quirks") == 0)
            continue;
        at.deep = at.deep || at.block[0] != '\0';
        at.block = block->class.i != 0 ? cx_text(cx, block->class) : name;
    }
    return at;
}

static const KeyRow *row_of(const Standing *at, const char *key)
{
    for (size_t i = 0; !at->deep && i < N_ROWS; i++)
        if (strchr(rows[i].kinds, at->kind) != NULL && strcmp(rows[i].block, at->block) == 0 &&
            (rows[i].key[0] == '*' || strcmp(rows[i].key, key) == 0))
            return &rows[i];
    return NULL;
}

static bool word_in(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = words; (at = strstr(at, word)) != NULL; at += n)
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

/* A quantity of unit `dimension` (UNIT_NONE: without), with a `per` or not. */
static bool quantity_is(const weir_context *cx, const MachineValue *value, MachineDimension dimension, bool per)
{
    if (value->kind != MV_QUANTITY || (value->per.i != 0) != per)
        return false;
    if (dimension == UNIT_NONE)
        return value->unit.i == 0;
    return value->unit.i != 0 && machine_unit_is(cx_text(cx, value->unit), dimension);
}

static bool per_time(const weir_context *cx, const MachineValue *value)
{
    const char *per = cx_text(cx, value->per);
    return machine_unit_is(per, UNIT_TIME) || machine_unit_is(per, UNIT_CYCLES);
}

static bool value_fits(const weir_context *cx, const MachineValue *value, const KeyRow *row)
{
    const char *word = value->kind == MV_WORD ? cx_text(cx, value->word) : "";
    if (value->kind == MV_QUANTITY && value->per.i != 0 && machine_unit_factor(cx_text(cx, value->per)) <= 0)
        return false;
    if (strcmp(word, "unknown") == 0)
        return true;
    switch (row->form) {
    case FORM_COUNT: return quantity_is(cx, value, UNIT_NONE, false) && value->integer && value->number >= 0;
    case FORM_NUMBER: return quantity_is(cx, value, UNIT_NONE, false);
    case FORM_BYTES: return quantity_is(cx, value, UNIT_BYTES, false) && value->number >= 0;
    case FORM_TIME: return quantity_is(cx, value, UNIT_TIME, false) || quantity_is(cx, value, UNIT_CYCLES, false);
    case FORM_FREQUENCY: return quantity_is(cx, value, UNIT_FREQUENCY, false) && value->number > 0;
    case FORM_ENERGY: return quantity_is(cx, value, UNIT_ENERGY, value->per.i != 0);
    case FORM_POWER: return quantity_is(cx, value, UNIT_POWER, false);
    case FORM_BANDWIDTH: return quantity_is(cx, value, UNIT_BYTES, true) && per_time(cx, value) && value->number > 0;
    case FORM_YESNO: return word_in("yes no", word) && word[0] != '\0';
    case FORM_WORD: return word[0] != '\0' && word_in(row->words, word);
    case FORM_TYPE: return word[0] != '\0' && dtype_from_text(word, strlen(word)) != DT_NONE;
    case FORM_LIST: return value->kind == MV_LIST;
    case FORM_SITES: return value->kind == MV_LIST || value->kind == MV_TEXT;
    }
    return false;
}

static Place entry_place(const Machine *machine, const MachineEntry *entry)
{
    return place_text(machine->source, entry->line, 0, 0);
}

/* An unknown key, with the nearest one that may stand there. */
static void unknown_key(const Machine *machine, const MachineEntry *entry, const Standing *at)
{
    weir_context *cx = machine->cx;
    const char *name = cx_text(cx, entry->name);
    diag(&cx->diag, entry_place(machine, entry), E_MACHINE_KEY, cx_text(cx, entry->full), cx_text(cx, machine->name));
    Nearest nearest = nearest_to(name, strlen(name));
    for (size_t i = 0; i < N_ROWS; i++)
        if (strchr(rows[i].kinds, at->kind) != NULL && strcmp(rows[i].block, at->block) == 0 && rows[i].key[0] != '*')
            nearest_offer(&nearest, rows[i].key);
    for (uint32_t i = 1; i < machine->entries.n; i++)
        if (machine->entries.at[i].parent == entry->parent && &machine->entries.at[i] != entry)
            nearest_offer(&nearest, cx_text(cx, machine->entries.at[i].name));
    if (nearest.best != NULL)
        diag_note(&cx->diag, "did you mean '%s'?", nearest.best);
}

static bool block_fits(const weir_context *cx, const MachineEntry *entry)
{
    const char *class = cx_text(cx, entry->class);
    if (entry->class.i == 0)
        return machine_block_known(cx_text(cx, entry->name));
    return is_class(class) && strcmp(class, "timing") != 0;
}

static bool entry_fits(const Machine *machine, const MachineEntry *entry)
{
    weir_context *cx = machine->cx;
    Standing at = standing_of(machine, entry);
    if (entry->is_block) {
        if (!block_fits(cx, entry))
            unknown_key(machine, entry, &at);
        return block_fits(cx, entry);
    }
    const char *class = cx_text(cx, entry->class);
    const KeyRow *row = class[0] == '\0' || strcmp(class, "timing") == 0 ? row_of(&at, cx_text(cx, entry->name)) : NULL;
    if (row == NULL) {
        unknown_key(machine, entry, &at);
        return false;
    }
    if (value_fits(cx, &entry->value, row))
        return true;
    diag(&cx->diag, entry_place(machine, entry), E_MACHINE_VALUE, cx_text(cx, entry->full), form_text[row->form],
         row->words);
    return false;
}

weir_status machine_check(const Machine *machine)
{
    weir_context *cx = machine->cx;
    bool fits = true;
    const char *kind = machine_word(machine, "kind", "");
    if (kind[0] == '\0' || !word_in("rdu pim host", kind)) {
        diag(&cx->diag, entry_place(machine, &machine->entries.at[0]), E_MACHINE_VALUE, "kind", "one of the words",
             "rdu pim host");
        return WEIR_MALFORMED;
    }
    for (uint32_t i = 1; i < machine->entries.n; i++)
        fits = entry_fits(machine, &machine->entries.at[i]) && fits;
    return fits ? WEIR_OK : WEIR_MALFORMED;
}
