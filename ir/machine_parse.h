/*
 * ir/machine_parse.h: from the text of machine files to their entries, before bases are applied.
 *
 * In:   a source. Out: the machines in it, each with its own entries only. Keep: nothing is checked but the grammar.
 */
#ifndef WEIR_IR_MACHINE_PARSE_H
#define WEIR_IR_MACHINE_PARSE_H

#include "ir/machine.h"

typedef struct MachineComment {
    uint32_t line;
    Name text;
} MachineComment;

typedef struct MachineValues {
    VEC(MachineValue) list;
} MachineValues;

/* What the scanner and the parser share. */
typedef struct MachineParse {
    weir_context *cx;
    const Source *source;
    VEC(Machine *) machines;
    VEC(uint32_t) open; /* entries of the open blocks */
    VEC(MachineComment) comments;
    uint32_t braces, brackets, line, column;
    bool after_base, failed;
} MachineParse;

/* Parses the text; WEIR_MALFORMED after diagnostics. Comments are attached as sources. */
MUST_USE weir_status machine_parse(MachineParse *parse);

/* Scanner and parser; 0 if the text follows the grammar. In ir/machine.l. */
int machine_run_grammar(MachineParse *parse);

/* ---- called by the grammar ---- */
void machine_parse_begin(MachineParse *parse, Name name, uint32_t line);
void machine_parse_base(MachineParse *parse, Name base, uint32_t line);
void machine_parse_open(MachineParse *parse, Name class, Name name, uint32_t line);
void machine_parse_close(MachineParse *parse);
void machine_parse_value(MachineParse *parse, Name class, Name name, const MachineValue *value, uint32_t line);
void machine_parse_error(MachineParse *parse, uint32_t line, uint32_t column, uint32_t end_column, const char *message);

/* The keys: ir/machine_check.c. */
/* Checks every entry against ir/machine_keys.def; WEIR_MALFORMED after diagnostics. */
MUST_USE weir_status machine_check(const Machine *machine);
/* True if a block without class of that name may stand in a machine. */
bool machine_block_known(const char *name);
/* Factor of a unit to its base; 0 if unknown. */
double machine_unit_factor(const char *unit);
bool machine_unit_is(const char *unit, MachineDimension dimension);
/* Applies `raw` (own entries) on top of `machine`. `only_known`: keys must exist in the machine or in the table. */
MUST_USE weir_status machine_overlay(Machine *machine, const Machine *raw);

#endif
