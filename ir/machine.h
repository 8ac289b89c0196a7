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

/* The machine `name` (or `name.host`: the host block of it as a machine of its own) from the folder of machine files,
 * with its bases, or the file itself if `name` is a path ending in .machine. */
MUST_USE weir_status machine_load(weir_context *cx, const char *name, const Machine **out_machine);
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
/* A time as clock cycles of the machine's clock, rounded up; cycles as they are. */
int64_t machine_cycles(const Machine *machine, const char *full, int64_t otherwise);

#endif
