/*
 * ir/machine_print.c: a machine as canonical text: bases applied, one entry a line, sources kept.
 */
#include <math.h>
#include <string.h>

#include "ir/machine.h"
#include "support/text.h"

static void print_string(Text *out, const char *text)
{
    text_printf(out, "\"");
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            text_printf(out, "\\%c", c);
        else if (c == '\n')
            text_printf(out, "\\n");
        else if (c < 0x20)
            text_printf(out, "\\x%02x", c);
        else
            text_printf(out, "%c", c);
    }
    text_printf(out, "\"");
}

static void print_value(const weir_context *cx, const MachineValue *value, Text *out)
{
    switch (value->kind) {
    case MV_QUANTITY:
        if (value->integer)
            text_printf(out, "%.0f", value->number);
        else
            text_decimal(out, value->number, DT_F64);
        if (value->unit.i != 0)
            text_printf(out, " %s", cx_text(cx, value->unit));
        if (value->per.i != 0)
            text_printf(out, " per %s", cx_text(cx, value->per));
        break;
    case MV_WORD:
        text_printf(out, "%s", cx_text(cx, value->word));
        break;
    case MV_TEXT:
        print_string(out, cx_text(cx, value->word));
        break;
    case MV_LIST:
        text_printf(out, "[");
        for (uint32_t i = 0; i < value->n; i++) {
            text_printf(out, "%s", i == 0 ? "" : ", ");
            print_value(cx, &value->items[i], out);
        }
        text_printf(out, "]");
        break;
    }
}

static void print_source(const weir_context *cx, const MachineEntry *entry, Text *out)
{
    if (entry->source.i != 0)
        text_printf(out, "  # %s", cx_text(cx, entry->source));
    text_printf(out, "\n");
}

static void print_block(const Machine *machine, uint32_t block, int indent, Text *out)
{
    const weir_context *cx = machine->cx;
    for (uint32_t i = 1; i < machine->entries.n; i++) {
        const MachineEntry *entry = &machine->entries.at[i];
        if (entry->parent != block)
            continue;
        text_printf(out, "%*s%s%s%s", indent, "", cx_text(cx, entry->class), entry->class.i != 0 ? " " : "",
                    cx_text(cx, entry->name));
        if (entry->is_block) {
            text_printf(out, " {");
            print_source(cx, entry, out);
            print_block(machine, i, indent + 2, out);
            text_printf(out, "%*s}\n", indent, "");
        } else {
            text_printf(out, " = ");
            print_value(cx, &entry->value, out);
            print_source(cx, entry, out);
        }
    }
}

void machine_print(const Machine *machine, Text *out)
{
    text_printf(out, "machine %s {", cx_text(machine->cx, machine->name));
    print_source(machine->cx, &machine->entries.at[0], out);
    print_block(machine, 0, 2, out);
    text_printf(out, "}\n");
}
