/*
 * isa/pim/values.h: what a command computes in one channel, bit for bit.
 *
 * Banks are rows allocated when first written; rows never written read 0. Stated semantics of the machine (the device's own rounding
 * is not published): gddr6-aim: 16 products exact in f32, four rounds of neighbouring adds, one add to the accumulator, each rounded
 * once; activation functions by 513 points over -10..10, linear between them in f32. hbm2-pim: f16, rounded after every operation.
 */
#ifndef WEIR_ISA_PIM_VALUES_H
#define WEIR_ISA_PIM_VALUES_H

#include "isa/pim/crf.h"
#include "isa/pim/time.h"

enum { PIM_F16_LANES = 16, PIM_GRF = 8, PIM_FUNCTIONS = 8 };

/* Registers of hbm2-pim: a row of lanes a unit and register. */
typedef uint16_t PimGrf[PIM_UNITS][PIM_GRF][PIM_F16_LANES];

typedef struct PimMemory {
    weir_context *cx;
    const Image *image;
    const PimMachine *machine;
    uint32_t channel;
    unsigned char **rows;  /* [bank * machine->rows + row]; NULL: zeros */
    unsigned char *buffer; /* the global buffer */
    float accumulator[PIM_BANKS][PIM_MAC_ACC + 1];
    uint16_t activated[PIM_BANKS][PIM_MAC_ACC + 1]; /* what af left for rdaf */
    /* hbm */
    bool running;           /* AB-PIM */
    uint32_t skipped;       /* bit 0: even accesses run nothing, bit 1: odd ones */
    PimSequencer program;
    PimGrf grf_a, grf_b;
    uint16_t srf[2 * PIM_GRF]; /* SRF_M, SRF_A */
} PimMemory;

void pim_memory_open(PimMemory *memory, weir_context *cx, const Image *image, const PimMachine *machine, uint32_t channel);
/* The bytes of a row, made when `write` asks for them. NULL: all zeros. */
unsigned char *pim_row_bytes(PimMemory *memory, uint32_t bank, uint64_t row, bool write);
/* A burst of a bank; NULL: zeros. */
const unsigned char *pim_bank_burst(PimMemory *memory, uint32_t bank, uint32_t row, uint32_t col);
/* The bursts of a repeat in its buffer; NULL if it has no bytes. */
unsigned char *pim_buffer_at(PimMemory *memory, const PimCommand *command, uint32_t n, unsigned char *const *buffers, bool write);
/* Bytes into a bank from the first column of `row` on. */
void pim_memory_fill(PimMemory *memory, uint32_t bank, uint64_t row, const unsigned char *data, uint64_t n_bytes);
/* Bytes out of a bank, as pim_memory_fill puts them. */
void pim_memory_take(PimMemory *memory, uint32_t bank, uint64_t row, unsigned char *data, uint64_t n_bytes);
/* The activation function of a table, by its rows in cmd.def; false for a number that none has. */
bool pim_function(uint32_t number, float x, uint16_t *out_bits);
/* One repeat of a command of hbm2-pim; NULL, or what went wrong. */
const char *pim_hbm_execute(PimMemory *memory, const PimCommand *command, uint32_t n, unsigned char *const *buffers);
/* All repeats of a command; NULL, or what went wrong. `buffers` by row of TENS. */
const char *pim_execute(PimMemory *memory, const PimCommand *command, unsigned char *const *buffers);

#endif
