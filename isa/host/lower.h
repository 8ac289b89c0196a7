/*
 * isa/host/lower.h: groups and their mappings to a loop program.
 */
#ifndef WEIR_ISA_HOST_LOWER_H
#define WEIR_ISA_HOST_LOWER_H

#include "ir/group.h"
#include "isa/host/loops.h"

typedef struct HostOptions {
    bool fma;              /* the machine fuses: products feeding a sum of f32 or f64 are fused as the pinned cascade says */
    uint32_t vector_bytes; /* of a register; 0: no vectors */
    bool keep_all;         /* no two tensors share arena bytes: every crossing tensor can be read after a run */
    bool host_operations;  /* the printer has LOOP_ST_HOST */
} HostOptions;

/* Lowers the cascade of `groups`: groups with a mapping by it, all other definitions by the default mapping (a `for` over every
 * rank in text order, reduced ones inside). E_HOST_UNSUPPORTED and WEIR_UNSUPPORTED for block formats and
 * host operations without a form (all where options->host_operations is not set). */
MUST_USE weir_status host_lower(weir_context *cx, const Groups *groups, const HostOptions *options, LoopProgram **out_program);

#endif
