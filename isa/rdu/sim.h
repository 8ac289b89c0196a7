/*
 * isa/rdu/sim.h: runs an image's kernels: values, time, or both.
 *
 * In:   an image whose CODE decodes, a machine, the bytes of every tensor.
 * Out:  the output tensors' bytes (values) and cycles with counters (time).
 * Keep: one firing rule for values and time: a unit fires when its tokens and space are there, whatever the clock, so values
 *       and deadlock do not depend on time. Values are exact: f32 fma in ascending order, one rounding an operation.
 * Time: integers, rules T1..T9 of the manual; servers (tiers) grant the earliest request when nothing else can move,
 *       which is exact because every request not yet known lies later.
 */
#ifndef WEIR_ISA_RDU_SIM_H
#define WEIR_ISA_RDU_SIM_H

#include "isa/rdu/machine.h"
#include "isa/rdu/text.h"

/* RDU_STEPPED: the reference, cycle by cycle, slower; equal cycles. */
typedef enum RduMode { RDU_VALUES = 1, RDU_TIME = 2, RDU_BOTH = 3, RDU_STEPPED = 4 } RduMode;

/* Cycles of a unit's busiest program; they add up to the kernel's cycles. */
typedef struct RduCounters {
    int64_t fire;     /* firings */
    int64_t starve;   /* waits for tokens */
    int64_t stall;    /* waits for space */
    int64_t conflict; /* bank conflicts, throttle */
    int64_t server;   /* waits for unfinished requests */
    int64_t idle;     /* before the first and after the last firing */
} RduCounters;

/* Tokens that went from one unit to another. */
typedef struct RduFlowResult {
    const char *name;
    uint32_t from, to; /* units of the kernel */
    int64_t tokens;
} RduFlowResult;

/* A kernel, all its launches together. */
typedef struct RduKernelResult {
    int64_t launches, cycles;
    RduCounters *units; /* by unit */
    RduFlowResult *flows; /* by flow and end */
    uint32_t n_units, n_flows;
} RduKernelResult;

typedef struct RduResult {
    int64_t cycles;        /* sum over the launches, launch cost apart */
    int64_t launches, launch_cycles;
    uint64_t macs;         /* multiply-adds of sys units and fma stages' lanes */
    uint64_t bytes[RDU_MAX_TIERS];
    const RduCode *code;
    RduKernelResult *kernels; /* by kernel of the code */
} RduResult;

/* What a host step of SCHED does; the backend's. */
typedef struct RduHost {
    weir_status (*run)(void *data, uint32_t step);
    void *data;
} RduHost;

/* Static checks (E_RDU_CHECK, all of them): limits, flows with one source and ends, equal rates, levels, addresses in bounds.
 * WEIR_INVALID if one fails, WEIR_UNSUPPORTED for what this simulator does not run. */
MUST_USE weir_status rdu_check(weir_context *cx, const Image *image, const RduCode *code, const RduMachine *machine);

/* Runs SCHED. `buffers` has a pointer for each row of TENS to its `bytes` bytes (inputs set; constants may be NULL: they are the
 * image's). Without values, buffers may be NULL. WEIR_INVALID with E_RDU_DEADLOCK or E_RDU_TRAP. */
MUST_USE weir_status rdu_sim(weir_context *cx, const Image *image, const RduMachine *machine, RduMode mode, unsigned char *const *buffers,
                             const RduHost *host, RduResult *out_result);

#endif
