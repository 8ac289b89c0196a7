/*
 * passes/fuse.h: partitions the statements of a cascade into groups.
 */
#ifndef WEIR_PASSES_FUSE_H
#define WEIR_PASSES_FUSE_H

#include "ir/group.h"
#include "passes/pass.h"

/* Reorders the lists of items of `cs` so that groups stand together, and gives the groups in text order.
 * Method: the head of passes/fuse.c. */
MUST_USE weir_status fuse_groups(PassContext *p, Cascade *cs, Groups **out_groups);

#endif
