/*
 * ir/machine_parse.c: runs the grammar of machine files and collects entries.
 */
#include "ir/machine_parse.h"

#include <string.h>

enum { MACHINE_MOST_ENTRIES = 4096 };

static Machine *current(MachineParse *parse)
{
    return parse->machines.at[parse->machines.n - 1];
}

void machine_parse_error(MachineParse *parse, uint32_t line, uint32_t column, uint32_t end_column, const char *message)
{
    diag(&parse->cx->diag, place_text(parse->source, line, column, end_column), E_SYNTAX, message);
    parse->failed = true;
}

void machine_parse_begin(MachineParse *parse, Name name, uint32_t line)
{
    Machine *machine = ARENA_NEW(&parse->cx->arena, Machine);
    *machine = (Machine){.cx = parse->cx, .name = name, .source = parse->source};
    vec_push(&parse->cx->arena, &machine->entries, ((MachineEntry){.name = name, .is_block = true, .line = line}));
    vec_push(&parse->cx->arena, &parse->machines, machine);
    parse->open.n = 0;
    vec_push(&parse->cx->arena, &parse->open, 0);
}

void machine_parse_base(MachineParse *parse, Name base, uint32_t line)
{
    Machine *machine = current(parse);
    if (machine->base.i != 0 || machine->entries.n > 1)
        machine_parse_error(parse, line, 0, 0, "'base' comes first, and once");
    machine->base = base;
}

/* A new entry of the innermost open block. */
static uint32_t add_entry(MachineParse *parse, Name class, Name name, uint32_t line)
{
    Machine *machine = current(parse);
    uint32_t parent = parse->open.at[parse->open.n - 1];
    if (machine->entries.n == MACHINE_MOST_ENTRIES) {
        diag(&parse->cx->diag, place_text(parse->source, line, 0, 0), E_LIMIT, "entries of a machine",
             (long long)machine->entries.n + 1, (long long)MACHINE_MOST_ENTRIES, "fixed");
        arena_unwind(&parse->cx->arena, WEIR_LIMIT);
    }
    MachineEntry entry = {.class = class, .name = name, .parent = parent, .line = line};
    vec_push(&parse->cx->arena, &machine->entries, entry);
    return machine->entries.n - 1;
}

void machine_parse_open(MachineParse *parse, Name class, Name name, uint32_t line)
{
    uint32_t i = add_entry(parse, class, name, line);
    current(parse)->entries.at[i].is_block = true;
    vec_push(&parse->cx->arena, &parse->open, i);
}

void machine_parse_close(MachineParse *parse)
{
    parse->open.n--;
}

void machine_parse_value(MachineParse *parse, Name class, Name name, const MachineValue *value, uint32_t line)
{
    uint32_t i = add_entry(parse, class, name, line);
    current(parse)->entries.at[i].value = *value;
}

/* Gives every entry the comment of its line; both lists are in the order of lines. */
static void attach_comments(MachineParse *parse)
{
    uint32_t c = 0;
    for (uint32_t m = 0; m < parse->machines.n; m++) {
        Machine *machine = parse->machines.at[m];
        for (uint32_t i = 0; i < machine->entries.n; i++) {
            MachineEntry *entry = &machine->entries.at[i];
            while (c < parse->comments.n && parse->comments.at[c].line < entry->line)
                c++;
            if (c < parse->comments.n && parse->comments.at[c].line == entry->line)
                entry->source = parse->comments.at[c].text;
        }
    }
}

weir_status machine_parse(MachineParse *parse)
{
    parse->line = parse->column = 1;
    if (parse->source->bytes > INT32_MAX) {
        diag(&parse->cx->diag, place_file(parse->source), E_LIMIT, "bytes of a text", (long long)parse->source->bytes, (long long)INT32_MAX, "fixed");
        return WEIR_LIMIT;
    }
    if (machine_run_grammar(parse) != 0 || parse->failed)
        return WEIR_MALFORMED;
    attach_comments(parse);
    return WEIR_OK;
}
