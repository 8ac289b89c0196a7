/*
 * isa/pim/values.h: what a command computes in one channel, bit for bit.
 *
 * Banks are rows allocated when first written; rows never written read 0. Stated semantics of the machine (the device's own rounding
 * is not published): 16 products exact in f32, four rounds of neighbouring adds, one add to the accumulator, each rounded once.
 */
#ifndef WEIR_ISA_PIM_VALUES_H
#define WEIR_ISA_PIM_VALUES_H

#include "isa/pim/time.h"

typedef struct PimMemory {
    weir_context *cx;
    const Image *image;
    const PimMachine *machine;
    uint32_t channel;
    unsigned char **rows;  /* [bank * machine->rows + row]; NULL: zeros */
    unsigned char *buffer; /* the global buffer */
    float accumulator[PIM_BANKS][PIM_MAC_ACC + 1];
} PimMemory;

void pim_memory_open(PimMemory *memory, weir_context *cx, const Image *image, const PimMachine *machine, uint32_t channel);
/* Bytes into a bank from the first column of `row` on. */
void pim_memory_fill(PimMemory *memory, uint32_t bank, uint64_t row, const unsigned char *data, uint64_t n_bytes);
/* All repeats of a command; NULL, or what went wrong. `buffers` by row of TENS. */
const char *pim_execute(PimMemory *memory, const PimCommand *command, unsigned char *const *buffers);

#endif
