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
    uint32_t functions; /* of the tail, a bit by RduTail; those without a row in `functions` are always there */
    uint32_t site_cols, site_rows;
    const char *sites; /* row by row: P, M, A, or . for none */
    uint32_t n_tiers;
    RduTier tiers[RDU_MAX_TIERS];
} RduMachine;

/* WEIR_INVALID if the machine is none (`kind = rdu`) or a figure is out of any sense. */
MUST_USE weir_status rdu_machine_from(weir_context *cx, const Machine *machine, RduMachine *out_machine);
/* The machine file of that name. */
MUST_USE weir_status rdu_machine_named(weir_context *cx, const char *name, RduMachine *out_machine);

/* The n-th site (row by row, from 0) of kind P, M or A. False if there are fewer. */
bool rdu_site(const RduMachine *machine, char kind, uint32_t n, uint32_t *out_x, uint32_t *out_y);
/* The kind at a site, '.' outside. */
char rdu_site_kind(const RduMachine *machine, uint32_t x, uint32_t y);

#endif
