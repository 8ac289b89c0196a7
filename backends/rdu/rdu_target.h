/*
 * backends/rdu/rdu_target.h: what the files of the target rdu share.
 */
#ifndef WEIR_BACKENDS_RDU_RDU_TARGET_H
#define WEIR_BACKENDS_RDU_RDU_TARGET_H

#include "backends/device.h"
#include "isa/rdu/make.h"

const Strategy *rdu_strategies(uint32_t *out_n);

/* The tail that computes the follower of a sum, body over the sum's tensor: RDU_TAIL_NONE where it is the sum itself;
 * -1: no tail of the machine does. `functions`: bits by RduTail (RduMachine.functions). */
int rdu_follower_tail(const Cascade *cs, StatementId follower, TensorId sum, uint32_t functions);

typedef struct RduEmit {
    weir_context *cx;
    const RduMachine *machine;
    const Machine *file;
    RduCode code;
    int64_t bytes; /* of the tensors that groups of the device take so far */
} RduEmit;

/* One group of the strategy `array` as a kernel, launched. */
MUST_USE weir_status rdu_emit_array(RduEmit *e, Device *device, const Group *group);

#endif
