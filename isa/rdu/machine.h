/* isa/rdu/machine.h: the figures of a dataflow machine that its instruction set needs, from a machine file. */
#ifndef WEIR_ISA_RDU_MACHINE_H
#define WEIR_ISA_RDU_MACHINE_H

#include "ir/machine.h"

enum { RDU_MAX_TIERS = 4 };

typedef struct RduTier {
    const char *name;
#define RDU_TIER_KEY(member, key, kind, otherwise) int64_t member;
#include "isa/rdu/keys.def"
    double bandwidth; /* bytes a cycle, efficiency and bandwidth_scale included */
} RduTier;

typedef struct RduMachine {
    const char *name;
#define RDU_KEY(member, key, kind, otherwise) int64_t member; /* cycles, bytes or a count */
#include "isa/rdu/keys.def"
    uint32_t n_tiers;
    RduTier tiers[RDU_MAX_TIERS];
} RduMachine;

/* WEIR_INVALID if the machine is none (`kind = rdu`) or a figure is out of any sense. */
MUST_USE weir_status rdu_machine_from(weir_context *cx, const Machine *machine, RduMachine *out_machine);
/* The machine file of that name. */
MUST_USE weir_status rdu_machine_named(weir_context *cx, const char *name, RduMachine *out_machine);

#endif
