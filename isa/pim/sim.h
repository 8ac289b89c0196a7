/*
 * isa/pim/sim.h: runs an image's command streams: values, time, or both.
 *
 * In:   an image whose CODE decodes, a machine, the bytes of every buffer and bank tensor.
 * Out:  the buffers that rdmac, rd and rdaf write; cycles, counts and refresh census.
 * Values: 16 exact bf16 products, added in neighbouring pairs in f32, the sum added to an f32 accumulator; rdmac rounds to bf16.
 * Time: each command at the earliest cycle that its rules allow (isa/pim/time.h); a stream starts with all banks closed.
 */
#ifndef WEIR_ISA_PIM_SIM_H
#define WEIR_ISA_PIM_SIM_H

#include "isa/pim/time.h"
#include "support/text.h"

typedef enum PimMode { PIM_VALUES = 1, PIM_TIME_ONLY = 2, PIM_BOTH = 3 } PimMode;

typedef struct PimStreamResult {
    int64_t cycles;   /* issue of the last command + nBL */
    int64_t counts[PIM_DEV_COUNT];
    int64_t refreshes, refresh_debt; /* debt: refreshes that the time asks for and the stream lacks */
} PimStreamResult;

typedef struct PimResult {
    int64_t cycles; /* of the streams one after the other; streams of different channels in one launch are not overlapped */
    uint64_t macs;  /* over all channels */
    uint64_t burst_bytes; /* over the channels' pins */
    VEC(PimStreamResult) streams; /* of every launch */
} PimResult;

/* What a host step of SCHED does; the backend's. */
typedef struct PimHost {
    weir_status (*run)(void *data, uint32_t step);
    void *data;
} PimHost;

typedef struct PimOptions {
    PimMode mode;
    bool peer;           /* leave strict rules out */
    Text *trace;         /* times with each command, or NULL */
} PimOptions;

/* Static checks of a stream against a machine (E_PIM_RULE): scopes and fields that the device has, buffers' bounds. */
MUST_USE weir_status pim_check(weir_context *cx, const Image *image, const PimCode *code, const PimMachine *machine);

/* Runs SCHED. `buffers` has a pointer for each row of TENS to its `bytes` bytes (constants may be NULL: they are the image's).
 * Without values, buffers may be NULL. WEIR_INVALID with E_PIM_RULE for a command that is illegal in its state. */
MUST_USE weir_status pim_sim(weir_context *cx, const Image *image, const PimMachine *machine, PimOptions options, unsigned char *const *buffers,
                             const PimHost *host, PimResult *out_result);

#endif
