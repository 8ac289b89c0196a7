/*
 * isa/pim/make.h: command streams made by calls, with the clock running along; what emitters use.
 *
 * In:   a machine and commands in order. Out: a stream of a PimCode, and the cycle at which each command will issue.
 * Keep: the times are those of pim_sim. An illegal command is a bug of the emitter (weir_bug).
 */
#ifndef WEIR_ISA_PIM_MAKE_H
#define WEIR_ISA_PIM_MAKE_H

#include "isa/pim/time.h"

typedef struct PimTrain {
    weir_context *cx;
    const PimMachine *machine;
    PimStream stream;
    PimChannel channel; /* channel.now: issue of the last command */
} PimTrain;

void pim_train_open(PimTrain *train, weir_context *cx, const PimMachine *machine, uint64_t channels);
/* Appends the stream; its number for SCHED's launch. */
uint32_t pim_train_close(PimTrain *train, PimCode *code);

void pim_put(PimTrain *train, PimCommand command);
void pim_act_all(PimTrain *train, uint32_t row);
void pim_pre_all(PimTrain *train);
void pim_tmod(PimTrain *train);
/* n repeats: columns, buffer bursts go up by one each; the accumulator stays. */
void pim_mac_all(PimTrain *train, uint32_t row, uint32_t col, uint32_t n, uint32_t gb, uint32_t acc);
void pim_wrgb(PimTrain *train, uint32_t n, uint32_t gb, uint32_t buffer, uint64_t offset);
/* n accumulators from `acc` on, a burst (one bf16 a bank) each. */
void pim_wrmac(PimTrain *train, uint32_t acc, uint32_t n, uint32_t buffer, uint64_t offset);
void pim_rdmac(PimTrain *train, uint32_t acc, uint32_t n, uint32_t buffer, uint64_t offset);
/* With all banks closed: refreshes if the next chance, `cycles` from now, would miss the deadline. */
void pim_refresh_if_due(PimTrain *train, int64_t cycles);

#endif
