/*
 * backends/pim/pim_target.h: what the files of the target pim share.
 */
#ifndef WEIR_BACKENDS_PIM_PIM_TARGET_H
#define WEIR_BACKENDS_PIM_PIM_TARGET_H

#include "backends/device.h"
#include "isa/pim/make.h"

enum { PIM_LANES = 16 };

const Strategy *pim_strategies(uint32_t *out_n);

/* The ranks of a sum in the banks. */
typedef struct BankSum {
    ExprId vector, weights; /* operands of the product */
    RankId output;          /* the kept rank that moves the weights */
    RankId reduced;
    uint32_t n_steps;       /* kept ranks that move only the vector, in the target's order */
    RankId steps[CASCADE_MAX_RANKS];
    TensorId bias;          /* 0: none */
    int64_t outputs, terms, vectors; /* extents; vectors: product of the steps' */
} BankSum;

/* True if the group's first statement is such a sum, and its second rounds it to bf16. */
bool pim_bank_sum(Cascade *cs, const Group *group, BankSum *out_sum);

/* Outputs lie [channel][accumulator][bank]: channels used, blocks of 16 outputs a channel. */
int64_t pim_blocks(const BankSum *sum, int64_t channels, int64_t *out_used);

typedef struct PimEmit {
    weir_context *cx;
    const PimMachine *machine;
    bool automatic; /* --place=auto: only what pays */
    PimCode code;
    int64_t next_row; /* of the banks */
    int64_t rows;     /* taken by groups that were accepted */
} PimEmit;

MUST_USE weir_status pim_emit_banks(PimEmit *e, Device *device, const Group *group);

#endif
