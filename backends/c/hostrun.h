/*
 * backends/c/hostrun.h: calling a loaded host program with tensors, however it was made (the C compiler, LLVM in process).
 *
 * In:   a run function with the loop program it came from and its weights. Out: output tensors, or the trap as a diagnostic.
 */
#ifndef WEIR_BACKENDS_C_HOSTRUN_H
#define WEIR_BACKENDS_C_HOSTRUN_H

#include "backends/job.h"
#include "isa/host/loops.h"

/* io: the pointers of NAME_io in its order. */
typedef int HostFunction(const void *io, const void *weights, void *arena);

typedef struct HostRun {
    weir_context *cx;
    const LoopProgram *loops;
    const unsigned char *weights; /* the file NAME.weights in memory, 64-byte aligned */
    HostFunction *run;
    unsigned char *arena; /* of the last run */
    void **io;            /* of the last run: pointers in the order of NAME_io */
} HostRun;

/* One run: `values` by tensor number, `data` set for every input with its extents at run time; outputs are set on
 * context_buffer. E_TRAP and WEIR_INVALID if it stops. */
MUST_USE weir_status host_run(HostRun *host, Tensor *values);
/* A tensor in the arena after a run (row-major, extents at run time, on context_buffer); false if it has no place there. Only
 * if the program was lowered to keep all. */
MUST_USE bool host_crossing(const HostRun *host, TensorId tensor, Tensor *out_value);
/* The same for every tensor between groups of job->cs, by tensor number of job->pinned. */
void host_crossings(const Job *job, const HostRun *host, Tensor *crossing);
/* Times of `runs` runs on the buffers of the last host_run, in seconds. */
void host_time(HostRun *host, uint32_t runs, double *out_seconds);

#endif
