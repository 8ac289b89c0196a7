/* isa/pim/machine.h: the figures of a memory that computes, from a machine file, and its timing rules as numbers. */
#ifndef WEIR_ISA_PIM_MACHINE_H
#define WEIR_ISA_PIM_MACHINE_H

#include "ir/machine.h"
#include "isa/pim/pim.h"

/* What a channel of gddr6-aim sees. */
typedef enum PimDevice {
#define PIM_DEVICE(id, text, kind, doc) PIM_DEV_##id,
#include "isa/pim/cmd.def"
    PIM_DEV_COUNT
} PimDevice;

typedef enum PimDeviceKind { PIM_ROW, PIM_COLUMN, PIM_REGISTER, PIM_MODE, PIM_REFRESH } PimDeviceKind;

typedef enum PimLevel { PIM_LEVEL_CH, PIM_LEVEL_BG, PIM_LEVEL_BK } PimLevel;
typedef enum PimRefresh { PIM_REFRESH_DEADLINE, PIM_REFRESH_OFF } PimRefresh;

typedef struct PimRule {
    uint32_t number;
    uint32_t before, after; /* bits by PimDevice */
    PimLevel level;
    const char *expression;
    uint32_t window;        /* which last `before` counts: 1 the last, 4 the fourth last */
    bool strict;
    int64_t cycles;         /* the expression's value */
} PimRule;

typedef struct PimMachine {
    const char *name;
    int64_t channels, banks, groups, rows, columns, burst, gb_bursts, accumulators;
    bool accumulate_bf16; /* accumulators are rounded after every command */
    bool gb_tied;
    bool row_in_reg;      /* row commands may stand in register mode */
    PimRefresh refresh;
    int64_t nREFI, nBL;
    uint32_t n_rules;
    const PimRule *rules;
} PimMachine;

const char *pim_device_text(PimDevice device);
PimDeviceKind pim_device_kind(PimDevice device);

/* WEIR_INVALID if it is no such machine, WEIR_UNSUPPORTED for a device that isn't gddr6-aim's kind. */
MUST_USE weir_status pim_machine_from(weir_context *cx, const Machine *machine, PimMachine *out_machine);
MUST_USE weir_status pim_machine_named(weir_context *cx, const char *name, PimMachine *out_machine);

#endif
