/*
 * ir/machine.h: machine files: named values with units, sources and inheritance.
 *
 * A key's full name is its dotted path without class words (memory, unit, timing, tier): `bank.bytes`, `mac.lanes`,
 * `nRCDRDMAC`, `host.fma`. Values are kept in base units: bytes, picoseconds, cycles, hertz, femtojoule, microwatt,
 * plain counts; the unit says which.
 */
#ifndef WEIR_IR_MACHINE_H
#define WEIR_IR_MACHINE_H

#include "support/context.h"

typedef enum MachineDimension {
    UNIT_NONE,
    UNIT_BYTES,
    UNIT_CYCLES,
    UNIT_TIME,
    UNIT_FREQUENCY,
    UNIT_ENERGY,
    UNIT_POWER,
    UNIT_EACH /* only after `per` */
} MachineDimension;

typedef enum MachineValueKind { MV_QUANTITY, MV_WORD, MV_TEXT, MV_LIST } MachineValueKind;

typedef struct MachineValue {
    MachineValueKind kind;
    double number;   /* as written */
    bool integer;
    Name unit, per;  /* as written; 0: none */
    Name word;       /* WORD, TEXT */
    uint32_t n;      /* LIST */
    struct MachineValue *items;
} MachineValue;

typedef struct MachineEntry {
    Name class;      /* memory, unit .. ; 0: none */
    Name name;
    bool is_block;
    uint32_t parent; /* index of the enclosing block entry; 0: the machine itself */
    Name full;       /* dotted path */
    MachineValue value;
    Name source;     /* the comment of its line */
    uint32_t line;
} MachineEntry;

typedef struct Machine {
    weir_context *cx;
    Name name, base;
    const Source *source;
    VEC(MachineEntry) entries; /* [0] is the machine; bases' entries first, replaced in place */
} Machine;

/* Machine files lie in $WEIR_MACHINES, else in the installed folder, else in the source folder. */
/* The machine `name` (or `name.host`: the host block of it as a machine of its own) from the folder of machine files,
 * with its bases, or the file itself if `name` is a path ending in .machine. */
MUST_USE weir_status machine_load(weir_context *cx, const char *name, const Machine **out_machine);
/* As machine_load, for a name that a file gives: where there is none of that name, the file is wrong (WEIR_INVALID). */
MUST_USE weir_status machine_load_of_file(weir_context *cx, const char *name, const Machine **out_machine);
/* Names of all machines in the folder, sorted. */
MUST_USE weir_status machine_names(weir_context *cx, uint32_t *out_n, Name **out_names);
/* The machine's host side: the bundled machine `host` with the block `host` of `machine` on top, named NAME.host. */
MUST_USE weir_status machine_host(weir_context *cx, const Machine *machine, const Machine **out_machine);
/* A copy with KEY=VALUE replaced; unknown keys are errors with the nearest known name. */
MUST_USE weir_status machine_set(weir_context *cx, const Machine *machine, const char *assignment, const Machine **out_machine);
/* Canonical text. */
struct Text;
void machine_print(const Machine *machine, struct Text *out);

/* Values by full name; `otherwise` if absent. Sizes in bytes; times in picoseconds; clocks in hertz. */
const MachineValue *machine_value(const Machine *machine, const char *full);
int64_t machine_int(const Machine *machine, const char *full, int64_t otherwise);
double machine_number(const Machine *machine, const char *full, double otherwise);
bool machine_yes(const Machine *machine, const char *full, bool otherwise);
const char *machine_word(const Machine *machine, const char *full, const char *otherwise);
/* A time as cycles of the clock of its block or the nearest one around, rounded up; cycles as they are. */
int64_t machine_cycles(const Machine *machine, const char *full, int64_t otherwise);
/* A quotient over a time or cycles (`8 B per cycle`, `51.2 GB per s`) in base units per cycle. */
double machine_per_cycle(const Machine *machine, const char *full, double otherwise);
/* The words of a list (`functions = [exp, log]`) or a single word or text. */
bool machine_lists(const Machine *machine, const char *full, const char *word);
/* The number of the entry of a full name; 0: none (entry 0 is the machine itself). */
uint32_t machine_find(const Machine *machine, const char *full);
/* The first block of a class whose name or whose value `kind` is `name` (NULL: any); 0: none. */
uint32_t machine_block(const Machine *machine, const char *class, const char *name);

#endif
