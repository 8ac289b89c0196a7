/*
 * isa/pim/machine.h: the figures of a memory that computes, from a machine file, and its timing rules as numbers.
 *
 * In:   a machine file's values. Out: a PimMachine.
 * Keep: `rows` are made of `rules` (pim_machine_compile); who changes a rule compiles again.
 */
#ifndef WEIR_ISA_PIM_MACHINE_H
#define WEIR_ISA_PIM_MACHINE_H

#include "ir/machine.h"
#include "isa/pim/pim.h"

/* What a channel sees, for both families. */
typedef enum PimDevice {
#define PIM_DEVICE(family, id, text, kind, doc) PIM_DEV_##id,
#include "isa/pim/cmd.def"
    PIM_DEV_COUNT
} PimDevice;

typedef enum PimFamily { PIM_AIM, PIM_HBM } PimFamily;
typedef enum PimDeviceKind { PIM_ROW, PIM_COLUMN, PIM_REGISTER, PIM_MODE, PIM_REFRESH } PimDeviceKind;
typedef enum PimLevel { PIM_LEVEL_CH, PIM_LEVEL_BG, PIM_LEVEL_BK } PimLevel;
/* DEADLINE: refresh k by k * interval; TIMER: not before that either (peer: from half an interval on); OFF: none asked for. */
typedef enum PimRefresh { PIM_REFRESH_DEADLINE, PIM_REFRESH_TIMER, PIM_REFRESH_OFF } PimRefresh;

enum { PIM_BANKS = 16, PIM_GROUPS = 4, PIM_UNITS = 8, PIM_MAX_WINDOW = 4, PIM_MAX_RULES = 128 };

typedef struct PimRule {
    PimFamily family;
    uint32_t number;
    uint32_t before, after; /* bits by PimDevice */
    PimLevel level;
    const char *expression;
    uint32_t window;        /* which last `before` counts: 1 the last, 4 the fourth last */
    const char *peer;       /* "": as expression; "-": no such rule; else its expression */
    int64_t cycles;         /* value of the one that holds; negative: the rule is off */
} PimRule;

/* A rule as the engine reads it, for one device command behind. */
typedef struct PimNeed {
    uint8_t before, level, window, rule; /* rule: index of PimMachine.rules */
    int32_t cycles;
} PimNeed;

typedef struct PimMachine {
    const char *name;
    PimFamily family;
    int64_t channels, banks, groups, rows, columns, burst, gb_bursts, accumulators;
    bool accumulate_bf16; /* accumulators are rounded after every command */
    bool gb_tied;
    bool row_in_reg;      /* row commands may stand in register mode */
    bool shared_counter;  /* the microprogram's jumps share one counter */
    bool peer;            /* quirks of the device's public simulator */
    PimRefresh refresh;
    int64_t interval;     /* between refreshes, cycles */
    int64_t tail;         /* cycles behind the last command: nBL; tRP where the last closes banks */
    int64_t data_rows, ab_row, sb_row, register_row; /* hbm */
    int64_t af_row;       /* aim: rows of the activation tables, 8 from here */
    int64_t period;       /* of the clock, femtoseconds */
    int64_t energy[PIM_DEV_COUNT]; /* of one command, femtojoule; of an activation of one bank */
    int64_t energy_pim[2];         /* hbm: read, write that runs an instruction */
    int64_t pin_energy;            /* femtojoule a burst */
    int64_t power_open, power_closed; /* microwatt a channel */
    uint32_t n_rules;
    PimRule *rules;
    uint32_t n_needs[PIM_DEV_COUNT];
    PimNeed *needs[PIM_DEV_COUNT]; /* longest first */
    int32_t spacing[PIM_DEV_COUNT]; /* between repeats of one command */
    uint8_t spacing_rule[PIM_DEV_COUNT];
} PimMachine;

const char *pim_device_text(PimDevice device);
PimDeviceKind pim_device_kind(PimDevice device);
PimFamily pim_device_family(PimDevice device);

/* WEIR_INVALID if it is no such machine. peer: with its block `quirks` over its values, and the rules of the peer. */
MUST_USE weir_status pim_machine_with(weir_context *cx, const Machine *machine, bool peer, PimMachine *out_machine);
MUST_USE weir_status pim_machine_from(weir_context *cx, const Machine *machine, PimMachine *out_machine);
MUST_USE weir_status pim_machine_named(weir_context *cx, const char *name, PimMachine *out_machine);
/* Makes `needs` and `spacing` of `rules`. */
void pim_machine_compile(weir_context *cx, PimMachine *machine);

/* Pairs of device commands that neither a rule nor a row PIM_FREE or PIM_STATE judges: a line each to `out`, which may be
 * empty. Returns their number. */
struct Text;
uint32_t pim_audit(PimFamily family, struct Text *out);

#endif
