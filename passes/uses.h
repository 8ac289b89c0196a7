/*
 * passes/uses.h: who defines and who reads each tensor.
 */
#ifndef WEIR_PASSES_USES_H
#define WEIR_PASSES_USES_H

#include "ir/cascade.h"

typedef struct Use {
    uint32_t reads;         /* access nodes, pads, host arguments, extents and trip counts */
    uint32_t definitions;   /* targets */
    StatementId definition; /* the last one */
} Use;

/* One entry a tensor, counted over all items of `cs`. */
Use *uses_count(const Cascade *cs);

/* Calls `visit` for every item, outer to inner, in order. */
void items_visit(const Cascade *cs, const Block *block, void (*visit)(void *, StatementId), void *data);

/* Rebuilds a block and its nested blocks: `keep` says which items stay. */
Block items_filter(Cascade *cs, Block block, bool (*keep)(void *, StatementId), void *data);

#endif
